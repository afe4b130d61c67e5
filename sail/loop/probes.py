"""Probes that name the cause of a low success rate by replacing one part with the truth.

* perfect plan: the expert's true frames are the plan, so what fails is inverse dynamics;
* plan error: the planner imagines from the expert's frames and is compared with what the expert then did;
* text effect: the same frame planned with two prompts, against the same prompt with two noises.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sail.config.schema import RunConfig
from sail.config.suites import prompt_of_run, suite_of_run
from sail.data.demonstrations import Job, collect
from sail.embodiment import Embodiment, scaling
from sail.loop.agent import Agent, sampling_of
from sail.loop.evaluation import evaluate_actor, evaluate_random, rate
from sail.loop.exploration import control_name
from sail.loop.results import TextEffect
from sail.loop.rollout import Outcome
from sail.loop.seeds import evaluation_seeds
from sail.types import Episode, Float32, UInt8
from sail_envs.vector import VectorEnv
from sail_models.networks.inverse_dynamics import InverseDynamics


class PerfectPlanActor:
    """Follows the expert's own frames of the same seed, one chunk of control steps apart."""

    def __init__(
        self, model: InverseDynamics, demonstrations: Mapping[int, Episode], frame_skip: int
    ) -> None:
        self._model, self._frame_skip = model, frame_skip
        self._plans = {seed: episode.frames for seed, episode in demonstrations.items()}
        self._position: dict[int, tuple[int, int]] = {}

    def start(self, slot: int, seed: int) -> None:
        """Begin the plan of this seed."""
        self._position[slot] = (seed, 0)

    def act(self, observations: Mapping[int, Mapping[str, Any]]) -> dict[int, Float32]:
        """One chunk towards the expert's next frame (its last one once the plan is used up)."""
        for slot in observations:
            seed, chunk = self._position[slot]
            self._position[slot] = (seed, chunk + 1)
        frames = np.stack([observation["frame"] for observation in observations.values()])
        arms = np.stack([observation["proprioception"] for observation in observations.values()])
        goals = np.stack([self._goal(slot) for slot in observations])
        chunks = self._model.act(frames, goals, arms)
        return dict(zip(observations, chunks, strict=True))

    def goal(self, slot: int) -> UInt8 | None:
        """The expert's frame that the latest chunk was to reach."""
        return self._goal(slot)

    def _goal(self, slot: int) -> UInt8:
        seed, chunk = self._position[slot]
        frames = self._plans[seed]
        frame: UInt8 = frames[min(chunk * self._frame_skip, len(frames) - 1)]
        return frame


def expert_episodes(config: RunConfig) -> dict[int, Episode]:
    """The unperturbed expert on the configuration's evaluation seeds."""
    seeds = sorted(set(evaluation_seeds(config.task, config.seed, config.evaluation_episodes)))
    jobs = [
        Job(config.task, "expert", index, config.horizon, seed, config.suite)
        for index, seed in enumerate(seeds)
    ]
    return dict(zip(seeds, collect(jobs, config.workers), strict=True))


def perfect_plan(
    agent: Agent,
    config: RunConfig,
    demonstrations: Mapping[int, Episode],
    finished: Callable[[int], None] = lambda count: None,
    environments: VectorEnv | None = None,
) -> list[Outcome]:
    """What inverse dynamics alone can reach: the expert's true frames as the plan."""
    actor = PerfectPlanActor(agent.inverse_dynamics, demonstrations, agent.frame_skip)
    return evaluate_actor(actor, config, finished, environments)


@dataclass(frozen=True)
class PlanError:
    """Imagined against true frames, over all windows of the experts' episodes.

    pixel: mean absolute error in grey levels (0..255) over a plan's frames; pixel_still: the same for a plan
    that repeats the current frame. end_effector: mean distance in metres between where one chunk of the
    expert's actions sends the arm and where inverse dynamics, shown the imagined frame, does;
    end_effector_true: the same, shown the true frame (inverse dynamics' own share of the error). Both are
    None for an arm whose actions are no displacements.
    """

    pixel: float
    pixel_still: float
    end_effector: float | None
    end_effector_true: float | None
    windows: int


def plan_error(agent: Agent, config: RunConfig, demonstrations: Mapping[int, Episode]) -> PlanError:
    """Imagine from every second chunk of the experts' episodes and compare with what happened."""
    starts, futures, arms, sent = [], [], [], []
    embodiment, skip = suite_of_run(config).embodiment, agent.frame_skip
    for episode in demonstrations.values():
        last = len(episode)
        for start in range(0, max(1, last - skip), 2 * skip):
            window = np.minimum(start + skip * np.arange(1, agent.planner.frames + 1), last)
            starts.append(episode.frames[start])
            futures.append(episode.frames[window])
            arms.append(episode.proprioception[start])
            sent.append(_sent(episode.actions[start : start + skip], embodiment))
    frames, truth, arm = np.stack(starts), np.stack(futures), np.stack(arms)
    imagined = _plan(agent, config, frames, [prompt_of_run(config)] * len(frames), range(len(frames)))
    model = agent.inverse_dynamics
    return PlanError(
        pixel=_difference(imagined, truth),
        pixel_still=_difference(np.repeat(frames[:, None], truth.shape[1], 1), truth),
        end_effector=_miss(model, frames, imagined[:, 0], arm, np.stack(sent), embodiment),
        end_effector_true=_miss(model, frames, truth[:, 0], arm, np.stack(sent), embodiment),
        windows=len(frames),
    )


# What an arm can do in any scene, in the words of captioned play.
MOTIONS = ("move to the left and up", "move to the right and down")
SCENES = 8


def scene_text_effects(agent: Agent, config: RunConfig, environments: VectorEnv) -> list[TextEffect]:
    """The configuration's task against two motions, and against the opposite task where there is one, from
    the first frames of evaluation episodes."""
    seeds = evaluation_seeds(config.task, config.seed, SCENES)
    frames = np.stack([environments.reset({0: seed})[0]["frame"] for seed in seeds])
    others = list(MOTIONS)
    suite, prompt = suite_of_run(config), prompt_of_run(config)
    if config.task in suite.opposites:
        others.append(suite.tasks[suite.opposites[config.task]])
    return [text_effect(agent, config, config.task, frames, prompt, other) for other in others]


def measure_beside(
    agent: Agent,
    config: RunConfig,
    environments: VectorEnv,
    finished: Callable[[int], None] = lambda count: None,
) -> dict[str, Any]:
    """What a run's curve is read against, as sections of results.json: random motion, the perfect plan
    (where the suite has experts) and the text's effect, all on the run's evaluation episodes."""
    control = evaluate_random(config, finished=finished, environments=environments)
    probes = []
    if suite_of_run(config).expert is not None:
        perfect = perfect_plan(agent, config, expert_episodes(config), finished, environments)
        probes.append({"name": "perfect plan", **rate(perfect)})
    effects = scene_text_effects(agent, config, environments)
    return {
        "controls": [{"method": control_name(suite_of_run(config)), **rate(control)}],
        "probes": probes,
        "text_effect": {"rows": [effect.as_json() for effect in effects]},
    }


def name_cause(planner: float, perfect: float) -> str:
    """Where a success rate is lost, from the planner's own and that under a perfect plan (both 0..1)."""
    planning, following = max(0.0, perfect - planner), 1.0 - perfect
    if planning + following < 0.1:
        return "little success is lost"
    if planning >= following:
        return f"success is lost in the plans ({planning:.0%}), less in following them ({following:.0%})"
    return f"success is lost in following the plans ({following:.0%}), less in the plans ({planning:.0%})"


def plan_spread(agent: Agent, config: RunConfig, frames: UInt8) -> float:
    """How much two plans from the same first frame, uint8 (N, H, W, 3), differ by their noise alone: a share
    of their motion, 0 where all futures are one."""
    prompts, count = [prompt_of_run(config)] * len(frames), len(frames)
    one = _plan(agent, config, frames, prompts, range(count))
    other = _plan(agent, config, frames, prompts, range(count, 2 * count))
    still = np.repeat(frames[:, None], one.shape[1], 1)
    motion = (_difference(one, still) + _difference(other, still)) / 2
    return _difference(one, other) / motion if motion else 0.0


def text_effect(
    agent: Agent, config: RunConfig, scene: str, frames: UInt8, prompt_a: str, prompt_b: str
) -> TextEffect:
    """Plan from first frames uint8 (N, H, W, 3) of one scene with two prompts and with two noises."""
    count = len(frames)
    plan_a = _plan(agent, config, frames, [prompt_a] * count, range(count))
    plan_b = _plan(agent, config, frames, [prompt_b] * count, range(count))
    other_noise_a = _plan(agent, config, frames, [prompt_a] * count, range(count, 2 * count))
    other_noise_b = _plan(agent, config, frames, [prompt_b] * count, range(count, 2 * count))
    still = np.repeat(frames[:, None], plan_a.shape[1], 1)
    # A plan that stands still has no motion to be a share of: then the changes are in grey levels.
    motion = (_difference(plan_a, still) + _difference(plan_b, still)) / 2 or 1.0
    text = (_difference(plan_a, plan_b) + _difference(other_noise_a, other_noise_b)) / 2
    noise = (_difference(plan_a, other_noise_a) + _difference(plan_b, other_noise_b)) / 2
    return TextEffect(scene, prompt_a, prompt_b, text / motion, noise / motion)


def _plan(
    agent: Agent, config: RunConfig, frames: UInt8, prompts: Sequence[str], seeds: Sequence[int]
) -> UInt8:
    sampling = sampling_of(config)
    parts = []
    for first in range(0, len(frames), 32):
        chosen = slice(first, first + 32)
        plan = agent.video_planner.plan(frames[chosen], prompts[chosen], seeds[chosen], sampling)
        parts.append(plan.frames)
    return np.concatenate(parts)


def _difference(a: UInt8, b: UInt8) -> float:
    """Mean absolute difference in grey levels."""
    return float(np.abs(a.astype(np.int16) - b.astype(np.int16)).mean())


def _sent(actions: Float32, embodiment: Embodiment) -> Float32:
    """How far actions (..., T, A) send the end effector in all, in metres: float32 (..., 3). It follows late:
    where it is after them would say as much about the chunk before."""
    centre, scale = scaling(embodiment.actions, embodiment.displacement)
    asked = actions[..., embodiment.displacement].sum(-2)
    sent: Float32 = scale.astype(np.float32) * asked + (actions.shape[-2] * centre).astype(np.float32)
    return sent


def _miss(
    model: InverseDynamics,
    frames: UInt8,
    goals: UInt8,
    arm: Float32,
    sent: Float32,
    embodiment: Embodiment,
) -> float | None:
    """Mean distance in metres between where the actions towards the goals lead and the experts' did; None
    where actions are no displacements."""
    if not embodiment.displacement:
        return None
    return float(np.linalg.norm(_sent(model.act(frames, goals, arm), embodiment) - sent, axis=1).mean())
