"""Every setting of a run: its type, its default and its limits."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from sail.config.overrides import ConfigError, Described, Range, check_limits
from sail.errors import show

# Values with a meaning of their own: SHIPPED as a path means the weights that ship, NO_WORDS as
# prior.negative the empty text.
SHIPPED, NO_WORDS = "shipped", "none"
# No prior: the planner draws alone.
NO_PRIOR = "none"
# The suite of tasks that no simulation has: what an arm does in the world.
NO_SUITE = "none"
LONGEST_PROMPT = 500

# Who shows the seen tasks.
Demonstrator = Literal["expert", "suboptimal"]
Share = Annotated[float, Range(0, 1)]
Count = Annotated[int, Range(1, 1_000_000)]


@dataclass(frozen=True)
class PlannerConfig:
    """How a plan is sampled and followed.

    steps: denoising steps. guidance: text guidance w. temperature: standard deviation of the starting noise.
    replan_every: planned frames that are followed before the next plan. following: what inverse dynamics sees
    beside the next planned frame. "servo": the camera's frame. "pair", as in the paper: the planned frame
    before it (in simulation only; the robot always follows by "servo").
    """

    steps: Annotated[int, Range(1, 100)] = 4
    guidance: Annotated[float, Range(0, 100)] = 2.0
    temperature: Annotated[float, Range(0, 3)] = 1.0
    replan_every: Annotated[int, Range(1, 8)] = 4
    following: Literal["servo", "pair"] = "servo"

    def __post_init__(self) -> None:
        check_limits(self, "planner.")


@dataclass(frozen=True)
class PriorConfig:
    """The video prior, and how it is composed with the planner.

    kind: "none", or the prior's name (see `sail.loop.priors`): "compact", "animatediff", or
    package.module:NAME. path: a folder; "shipped" means the compact prior's own weights, or AnimateDiff's on
    the Hub. rule: a formula of sail_models/diffusion/composition.py. strength: γ. until: the share of the
    denoising steps, the noisiest first, that are composed; in the others the planner draws alone. negative:
    the prior's unconditional text ("none": the empty text). offload: AnimateDiff's autoencoder and text
    encoder stay in main memory.
    """

    kind: str = NO_PRIOR
    path: str = SHIPPED
    rule: Literal["prior", "probabilistic", "inverse_probabilistic", "normalised"] = "normalised"
    strength: Annotated[float, Range(0, 20)] = 0.5
    until: Share = 1.0
    negative: str = NO_WORDS
    offload: bool = False

    def __post_init__(self) -> None:
        check_limits(self, "prior.")


@dataclass(frozen=True)
class ExplorationConfig:
    """What collecting varies. Evaluating varies nothing.

    noisy_fraction: share of planned episodes that have noise on their actions. action_noise: the standard
    deviation of that Ornstein-Uhlenbeck noise where the last evaluation had no success; it shrinks as the
    success rate rises, and is full again from 60 % on. random_fraction: share of episodes that go by random
    waypoints (by random actions where the suite has no workspace) where the last evaluation had no success;
    fewer where it had some. A loop that learns from successes cannot begin without one. repeat_fraction:
    share of these episodes that repeat the end of a kept episode, once there is one. rounds: parts of an
    iteration's collecting; with a filter that knows the truth a round may repeat successes of the rounds
    before it.
    """

    action_noise: Annotated[float, Range(0, 2)] = 0.0
    noisy_fraction: Share = 1.0
    random_fraction: Share = 0.0
    repeat_fraction: Share = 0.0
    rounds: Annotated[int, Range(1, 1000)] = 1

    def __post_init__(self) -> None:
        check_limits(self, "exploration.")


@dataclass(frozen=True)
class TrainingConfig:
    """How an iteration fine-tunes.

    self_fraction: share of each batch from self-collected episodes. least_kept: with fewer kept episodes
    nothing is trained, unless a filter that knows the truth says that the agent succeeds in at most 10 % of
    the episodes. keep_newest: number of kept episodes that teach, the newest ones; 0 means all.
    imagined_windows: windows of the kept episodes that the planner draws, as goals for inverse dynamics.
    imagined_share: their share of the self-collected part of each batch of inverse dynamics.
    """

    steps: Count = 250
    batch_size: Annotated[int, Range(1, 4096)] = 32
    learning_rate: Annotated[float, Range(1e-8, 1)] = 3e-4
    self_fraction: Share = 0.5
    retime: Literal["none", "travel"] = "travel"
    least_kept: Annotated[int, Range(0, 1_000_000)] = 0
    keep_newest: Annotated[int, Range(0, 1_000_000)] = 0
    inverse_dynamics: bool = False
    inverse_dynamics_steps: Count = 200
    imagined_windows: Annotated[int, Range(0, 1_000_000)] = 0
    imagined_share: Annotated[float, Range(0, 0.95)] = 0.6

    def __post_init__(self) -> None:
        check_limits(self, "training.")


@dataclass(frozen=True)
class VlmConfig:
    """The vision-language model that the filter "vlm" asks (sail/filters/vlm/).

    endpoint: address of an API like OpenAI's, up to /v1; a key is read from the variable SAIL_VLM_KEY alone.
    temperature: of the answers; left out where the endpoint refuses it. frames: how many of an episode's
    frames are shown, spread evenly. timeout: seconds that an answer may take. retries: further tries after an
    answer that did not come or said neither yes nor no.
    """

    endpoint: str = "http://127.0.0.1:8000/v1"
    model: str = "default"
    temperature: Annotated[float, Range(0, 2)] = 0.0
    frames: Annotated[int, Range(1, 64)] = 6
    timeout: Annotated[float, Range(0.01, 3600)] = 60.0
    retries: Annotated[int, Range(0, 20)] = 2

    def __post_init__(self) -> None:
        check_limits(self, "vlm.")


@dataclass(frozen=True)
class VerifierConfig:
    """The filter "verifier", a network (sail_models/networks/verifier.py). path: its folder; "shipped" means
    the verifier of the base weights. threshold: the probability above which a task counts as done."""

    path: str = SHIPPED
    threshold: Share = 0.5

    def __post_init__(self) -> None:
        check_limits(self, "verifier.")


@dataclass(frozen=True)
class HumanConfig:
    """The page of the filter "human" (sail/filters/human). port: on this machine's own address; 0 means any
    free one."""

    port: Annotated[int, Range(0, 65535)] = 8765

    def __post_init__(self) -> None:
        check_limits(self, "human.")


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run.

    suite: a task suite's name (see `sail_envs.suite.find_suite`), or a mapping that describes one; without
    either, the suite that has the task; "none" on an arm with a task of its own. prompt: what the planner is
    told; the task's own where empty.
    method, filter: names (see `sail.config.method` and `sail.config.registry`), or package.module:NAME.
    rollouts: episodes that an iteration collects. horizon: control steps of an episode, at most. base: name
    of shipped weights, or a folder. demonstrator: who shows the seen tasks that learning rehearses; the base
    weights learned from the same one. demonstrations: a store whose recorded successes are rehearsed instead;
    a suite without experts needs one. envs: environments side by side. workers: processes that simulate;
    0: this one, as a debugger needs.
    """

    preset: str
    suite: Annotated[str, Described()] = ""
    task: str = ""
    prompt: str = ""
    method: str = "sail"
    filter: str = "oracle"
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0
    iterations: Annotated[int, Range(0, 1000)] = 3
    rollouts: Annotated[int, Range(1, 10_000)] = 30
    evaluation_episodes: Annotated[int, Range(1, 100_000)] = 50
    demonstrator: Demonstrator = "expert"
    demonstrations: str = ""
    demonstrations_per_task: Annotated[int, Range(0, 10_000)] = 5
    horizon: Annotated[int, Range(1, 100_000)] = 200
    envs: Annotated[int, Range(1, 1024)] = 16
    workers: Annotated[int, Range(0, 256)] = 2
    base: str = "base"
    planner: PlannerConfig = field(default_factory=PlannerConfig)
    prior: PriorConfig = field(default_factory=PriorConfig)
    exploration: ExplorationConfig = field(default_factory=ExplorationConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    verifier: VerifierConfig = field(default_factory=VerifierConfig)
    vlm: VlmConfig = field(default_factory=VlmConfig)
    human: HumanConfig = field(default_factory=HumanConfig)

    def __post_init__(self) -> None:
        check_limits(self, "")
        says = self.prompt
        if says and (not says.strip() or not says.isprintable() or len(says) > LONGEST_PROMPT):
            raise ConfigError(
                f"prompt is {show(says)}: say what the arm is to do, on one line of at most {LONGEST_PROMPT} "
                "characters"
            )
