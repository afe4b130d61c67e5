"""The configuration: what can be set, within which limits, and how preset, file and overrides resolve.

A later one wins: the dataclasses' defaults, a preset (sail/presets/*.yaml), a YAML file, overrides
(`planner.steps=8`).
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import yaml

from sail.config import overrides as settings
from sail.config.overrides import ConfigError as ConfigError  # the name that other modules catch
from sail.config.overrides import Range, Scalar
from sail.errors import not_found

PRESETS = Path(__file__).with_name("presets")
DEFAULT_PRESET = "quick"

# prior.path and prior.negative where nothing is said.
SHIPPED, NO_WORDS = "shipped", "none"

# Methods that learn from what they collect: with planner and inverse dynamics, or with a policy alone; those
# of which the runs of several tasks share what learns.
POLICIES, JOINT = ("bc-loop", "bc-joint"), ("sail-joint", "bc-joint")
LEARNING = ("sail", "sail-joint", *POLICIES)

# Who shows the seen tasks.
Demonstrator = Literal["expert", "suboptimal"]
Share = Annotated[float, Range(0, 1)]
Count = Annotated[int, Range(1, 1_000_000)]


@dataclass(frozen=True)
class PlannerConfig:
    """How a plan is sampled and followed.

    replan_every: planned frames that are followed before planning again. following: "servo" goes from the
    camera's frame to the next planned one; "pair", as in the paper, moves as between two planned frames
    (in simulation; the robot's controller is servo alone).
    """

    steps: Annotated[int, Range(1, 100)] = 4
    guidance: Annotated[float, Range(0, 100)] = 2.0
    temperature: Annotated[float, Range(0, 3)] = 1.0
    replan_every: Annotated[int, Range(1, 8)] = 4
    following: Literal["servo", "pair"] = "servo"

    def __post_init__(self) -> None:
        settings.check_limits(self, "planner.")


@dataclass(frozen=True)
class PriorConfig:
    """The model that plans are composed with, and how.

    path: a folder; "shipped" are the compact prior's own weights, or AnimateDiff's on the Hub. rule: see
    sail_models/composition.py. strength: γ. until: the share of a plan's steps, the noisiest, that are
    composed; the rest is the in-domain model's. negative: the prior's unconditional text ("none" for no
    words). offload: AnimateDiff's autoencoder and text encoder stay in main memory.
    """

    kind: Literal["none", "compact", "animatediff"] = "none"
    path: str = SHIPPED
    rule: Literal["prior", "probabilistic", "inverse_probabilistic", "normalised"] = "normalised"
    strength: Annotated[float, Range(0, 20)] = 0.5
    until: Share = 1.0
    negative: str = NO_WORDS
    offload: bool = False

    def __post_init__(self) -> None:
        settings.check_limits(self, "prior.")


@dataclass(frozen=True)
class ExplorationConfig:
    """What is varied while collecting, never while evaluating.

    noisy_fraction: share of planned episodes that have noise on their actions. action_noise: its standard
    deviation (Ornstein-Uhlenbeck) where the last evaluation had no success, less where it had, until most of
    it succeeded (60 %), and from then on again.
    random_fraction: share of episodes that are random waypoints where the last evaluation had no success,
    fewer where it had: a loop that learns from successes cannot begin without one. repeat_fraction: share of
    those that go by the last waypoints of an episode that was kept, once there is one. rounds: in so many an
    iteration's episodes are collected; with the filter "oracle" a round may repeat what succeeded in those
    before it.
    """

    action_noise: Annotated[float, Range(0, 2)] = 0.0
    noisy_fraction: Share = 1.0
    random_fraction: Share = 0.0
    repeat_fraction: Share = 0.0
    rounds: Annotated[int, Range(1, 1000)] = 1

    def __post_init__(self) -> None:
        settings.check_limits(self, "exploration.")


@dataclass(frozen=True)
class TrainingConfig:
    """How an iteration fine-tunes.

    self_fraction: share of each batch that is self-collected. least_kept: with fewer kept episodes a planner
    that may have more than little to lose stays as it is. keep_newest: of the kept episodes, the newest, so
    many are used; 0 is all. imagined_windows: of the kept episodes, drawn by the planner as goals for inverse
    dynamics; imagined_share: their share of what is self-collected in each of its batches.
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
        settings.check_limits(self, "training.")


@dataclass(frozen=True)
class VlmConfig:
    """The vision-language model that the filter "vlm" asks (see sail/filters/vlm.py).

    endpoint: of OpenAI's kind, up to /v1. frames: of an episode that it is shown, spread evenly. timeout:
    seconds that an answer may take. retries: after one that does not come, or is no answer.
    """

    endpoint: str = "http://127.0.0.1:8000/v1"
    model: str = "default"
    frames: Annotated[int, Range(1, 64)] = 6
    timeout: Annotated[float, Range(0.01, 3600)] = 60.0
    retries: Annotated[int, Range(0, 20)] = 2

    def __post_init__(self) -> None:
        settings.check_limits(self, "vlm.")


@dataclass(frozen=True)
class VerifierConfig:
    """The filter "verifier": a learned one (see sail_models/verifier.py). path: its folder; "shipped" is that
    of the base weights. threshold: the probability above which a task was done."""

    path: str = SHIPPED
    threshold: Share = 0.5

    def __post_init__(self) -> None:
        settings.check_limits(self, "verifier.")


@dataclass(frozen=True)
class HumanConfig:
    """The page of the filter "human" (see sail/labelling). port: on this machine's own address; 0 is any."""

    port: Annotated[int, Range(0, 65535)] = 8765

    def __post_init__(self) -> None:
        settings.check_limits(self, "human.")


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run. horizon: control steps. base: shipped weights' name, or a folder.
    demonstrator: of the seen tasks that learning rehearses, who also showed them to the base weights."""

    preset: str
    task: str = "handle-press"
    method: Literal["sail", "frozen", "random", "bc-loop", "sail-joint", "bc-joint"] = "sail"
    filter: Literal["oracle", "none", "verifier", "vlm", "human"] = "oracle"
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0
    iterations: Annotated[int, Range(0, 1000)] = 3
    rollouts: Annotated[int, Range(1, 10_000)] = 30
    evaluation_episodes: Annotated[int, Range(1, 100_000)] = 50
    demonstrator: Demonstrator = "expert"
    demonstrations_per_task: Annotated[int, Range(0, 10_000)] = 5
    horizon: Annotated[int, Range(1, 100_000)] = 200
    envs: Annotated[int, Range(1, 1024)] = 16
    workers: Annotated[int, Range(1, 256)] = 2
    base: str = "base"
    planner: PlannerConfig = field(default_factory=PlannerConfig)
    prior: PriorConfig = field(default_factory=PriorConfig)
    exploration: ExplorationConfig = field(default_factory=ExplorationConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    verifier: VerifierConfig = field(default_factory=VerifierConfig)
    vlm: VlmConfig = field(default_factory=VlmConfig)
    human: HumanConfig = field(default_factory=HumanConfig)

    def __post_init__(self) -> None:
        settings.check_limits(self, "")


def preset_names() -> list[str]:
    """The presets that exist."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def load_config(
    preset: str | None = None,
    file: Path | None = None,
    overrides: Iterable[str] = (),
    tasks: Sequence[str] | None = None,
) -> RunConfig:
    """Resolve a preset, a YAML file and overrides of the form `group.key=value`.

    Without `preset` the file's own is taken, else `quick`. tasks: the names that exist, those of sail_envs
    if None. Raises ConfigError for anything unknown or not allowed.
    """
    values: dict[str, Scalar] = {}
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a UTF-8 text"
            raise ConfigError(f"cannot read the configuration {file}: {reason}") from error
        values = settings.read_yaml(RunConfig, text, str(file))
    name = str(preset if preset is not None else values.get("preset", DEFAULT_PRESET))
    known = preset_names()
    if name not in known:
        raise ConfigError(not_found("preset", name, known))
    shipped = settings.read_yaml(RunConfig, (PRESETS / f"{name}.yaml").read_text("utf-8"), f"preset {name}")
    changed = settings.parse_overrides(RunConfig, overrides)
    if "preset" in changed:
        raise ConfigError(f"a preset is chosen with --preset {changed['preset']}, not with an override")
    return _build({**shipped, **values, **changed, "preset": name}, tasks)


def to_yaml(config: RunConfig) -> str:
    """The whole configuration as YAML, defaults included; `from_yaml` gives the same back."""
    # Escaped: written as they are, some characters (U+0085) are read back as line breaks.
    return yaml.safe_dump(dataclasses.asdict(config), sort_keys=False)


def from_yaml(text: str, origin: str = "config.yaml", tasks: Sequence[str] | None = None) -> RunConfig:
    """A resolved configuration from its YAML. origin: what messages call it. Raises ConfigError."""
    values = settings.read_yaml(RunConfig, text, origin)
    if "preset" not in values:
        raise ConfigError(f"{origin} names no preset: it is not a resolved configuration")
    return _build(values, tasks)


def flatten(config: RunConfig) -> dict[str, Scalar]:
    """Dotted key -> value of every setting, in the order of the dataclasses."""
    return dict(settings.flatten(dataclasses.asdict(config)))


def _build(values: Mapping[str, Scalar], tasks: Sequence[str] | None) -> RunConfig:
    if tasks is None:
        from sail_envs.tasks import TASKS  # here, so that who brings names needs no environments

        tasks = list(TASKS)
    config = settings.construct(RunConfig, values)
    if config.task not in tasks:
        raise ConfigError(not_found("task", config.task, tasks))
    return config
