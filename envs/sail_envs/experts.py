"""Scripted experts, what disturbs them, random actions, and the recording of what any of them does."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sail.embodiment import Embodiment
from sail.types import Episode, Float32, Source
from sail_envs.action_noise import noise_scales
from sail_envs.environment import TaskEnv
from sail_envs.suite import SuiteError

# Reads an environment and returns its next action, float32 (A,) in -1..1; learns nothing.
Scripted = Callable[[TaskEnv], Float32]


def expert(env: TaskEnv) -> Scripted:
    """The scripted expert of the environment's task, which reads the simulation's state. Raises SuiteError
    where the suite has no experts."""
    if env.suite.expert is None:
        raise SuiteError(
            f"suite {env.suite.name} has no experts: take demonstrations from a store (demonstrations=STORE)"
        )
    act = env.suite.expert(env.task)
    return lambda env: act(env.simulation)


def random_actions(rng: Generator) -> Scripted:
    """Independent uniform actions (the paper's suboptimal data is made of 70 % of these)."""
    return lambda env: rng.uniform(-1.0, 1.0, len(env.embodiment.actions)).astype(np.float32)


def mixed_with_random(scripted: Scripted, rng: Generator, share: float) -> Scripted:
    """Replace each of another's actions by a random one with probability `share`."""
    noise = random_actions(rng)
    return lambda env: noise(env) if rng.random() < share else scripted(env)


@dataclass(frozen=True)
class Push:
    """A motion of the arm before an episode is recorded: direction float64 (3,) in -1..1, held for `steps`
    control steps.

    The direction is the end effector's displacement; an arm without one makes it with its first numbers that
    are no grippers.
    """

    direction: NDArray[np.float64]
    steps: int


def random_push(rng: Generator, level: float = 1.0, longest: int = 24) -> Push:
    """Up to `longest` control steps in a random direction, in 60 % of the episodes (at level 1)."""
    steps = int(rng.integers(0, longest + 1)) if rng.random() < 0.6 * level else 0
    return Push(rng.uniform(-1.0, 1.0, 3), steps)


def with_noise(scripted: Scripted, rng: Generator, level: float = 1.0) -> Scripted:
    """Add correlated noise to an expert's motion, not to its grippers, so that its demonstrations show how to
    recover."""
    noise = np.zeros(1)

    def act(env: TaskEnv) -> Float32:
        nonlocal noise
        action, moving = scripted(env).astype(np.float64), _moving(env.embodiment)
        noise = 0.8 * noise + 0.15 * level * rng.normal(size=len(moving))
        action[moving] += noise_scales(env.embodiment)[moving] * noise
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    return act


def record_episode(
    env: TaskEnv, scripted: Scripted, seed: int, source: Source, push: Push | None = None
) -> Episode:
    """Act from `reset(seed)` to the end of the episode and record every control step.

    env: one with `frame_skip=1`, where a step is a control step. push: made before recording begins; a
    demonstration then starts elsewhere, but shows nothing that an expert would not do.
    """
    observation, info = env.reset(seed=seed)
    if push is not None:
        for _ in range(push.steps):
            observation, _, _, _, info = env.step(_pushed(scripted(env), push, env.embodiment))
    frames, proprioception = [observation["frame"]], [observation["proprioception"]]
    actions: list[Float32] = []
    done = False
    while not done:
        action = scripted(env)
        observation, _, terminated, truncated, info = env.step(action)
        frames.append(observation["frame"])
        proprioception.append(observation["proprioception"])
        actions.append(action)
        done = terminated or truncated
    return Episode(
        frames=np.stack(frames),
        proprioception=np.stack(proprioception),
        actions=np.stack(actions),
        success=bool(info["success"]),
        prompt=env.prompt,
        task=env.task,
        seed=seed,
        iteration=0,
        source=source,
    )


def _moving(embodiment: Embodiment) -> list[int]:
    """Where an action has numbers that are no grippers."""
    return [place for place in range(len(embodiment.actions)) if place not in embodiment.grippers]


def _pushed(action: Float32, push: Push, embodiment: Embodiment) -> Float32:
    """The action float32 (A,) with the push in it. Where an action says where a joint is to be, the push is
    a small change of that place."""
    numbers = (embodiment.displacement or _moving(embodiment))[: len(push.direction)]
    direction, scales = push.direction[: len(numbers)], noise_scales(embodiment)[numbers]
    beside = np.clip(action[numbers] + scales * direction, -1.0, 1.0)
    pushed = action.copy()
    pushed[numbers] = np.where(scales < 1.0, beside, direction)
    return pushed
