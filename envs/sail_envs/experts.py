"""Policies that need no learning: the tasks' scripted experts, random actions, and play."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sail.types import ACTION_SIZE, Episode, Float32, Source
from sail_envs.environment import TaskEnv
from sail_envs.tasks import METAWORLD, family_of

if TYPE_CHECKING:
    from sail_envs.panda.table import TableTop

Policy = Callable[[TaskEnv], Float32]


def expert(task: str) -> Policy:
    """The task's scripted expert: reads the simulation's state, returns float32 (4,) actions.

    MetaWorld's own, except for handle-pull; the table top's is part of its simulation.
    """
    if task not in METAWORLD:
        return _table_top
    if task == "handle-pull":
        return _pull_handle()
    from metaworld.policies import ENV_POLICY_MAP

    policy: Any = cast(Any, ENV_POLICY_MAP)[f"{task}-v3"]()

    def act(env: TaskEnv) -> Float32:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            action: Float32 = np.clip(policy.get_action(env.simulation.state()), -1.0, 1.0).astype(np.float32)
        return action

    return act


def _table_top(env: TaskEnv) -> Float32:
    simulation = cast("TableTop", env.simulation)
    return simulation.expert(simulation.named)


def _pull_handle() -> Policy:
    """Reach under the handle and lift it. MetaWorld's expert strikes the handle again and again until it is
    up, to and fro between any two frames that a planner sees: nothing to learn from."""
    lifting = False

    def act(env: TaskEnv) -> Float32:
        nonlocal lifting
        hand, handle = env.simulation.state()[:3], env.simulation.state()[4:7]
        in_line = abs(hand[0] - handle[0]) < 0.03
        below = in_line and hand[2] < handle[2]
        if lifting:
            lifting = in_line and hand[2] < handle[2] + 0.01 and hand[1] > handle[1] - 0.06
        else:
            lifting = below and hand[1] > handle[1] - 0.035
        if lifting:  # slowly: a faster hand leaves the handle behind
            target = np.array([handle[0], hand[1], min(hand[2], handle[2] - 0.005) + 0.03])
        elif below and hand[2] < handle[2] - 0.01:
            target = handle + np.array([0.0, 0.01, -0.03])
        else:
            target = handle + np.array([0.0, -0.08, -0.03])
        return np.append(np.clip(10.0 * (target - hand), -1.0, 1.0), 1.0).astype(np.float32)

    return act


def random_actions(rng: Generator) -> Policy:
    """Independent uniform actions (the paper's suboptimal data is made of 70 % of these)."""
    return lambda env: rng.uniform(-1.0, 1.0, ACTION_SIZE).astype(np.float32)


def mixed_with_random(policy: Policy, rng: Generator, share: float) -> Policy:
    """A policy of which each action is replaced by a random one with probability `share`."""
    noise = random_actions(rng)
    return lambda env: noise(env) if rng.random() < share else policy(env)


def waypoints(rng: Generator) -> Policy:
    """Straight lines to random points of the workspace, one after another, the gripper open or closed."""
    return _wander(rng, near_object=0.0)


def play(rng: Generator) -> Policy:
    """Unlabelled play: random waypoints, half of them near the scene's object so that things get
    touched and moved, with correlated noise. Knows nothing of the task and its goal."""
    wander = _wander(rng, near_object=0.5)
    noise = np.zeros(ACTION_SIZE)

    def act(env: TaskEnv) -> Float32:
        nonlocal noise
        noise = 0.85 * noise + 0.2 * rng.normal(size=ACTION_SIZE)
        return np.clip(wander(env) + noise, -1.0, 1.0).astype(np.float32)

    return act


def _wander(rng: Generator, near_object: float) -> Policy:
    target = np.zeros(3)
    gripper, steps_left = -1.0, 0

    def act(env: TaskEnv) -> Float32:
        nonlocal target, gripper, steps_left
        position = env.proprioception()[:3]
        if steps_left == 0 or np.abs(target - position).max() < 0.02:
            family = family_of(env.task)
            target = rng.uniform(family.low, family.high)
            if rng.random() < near_object:
                things = env.simulation.things()
                thing = things[0] if len(things) == 1 else things[rng.integers(len(things))]
                target = thing + rng.normal(scale=0.06, size=3)
            gripper, steps_left = float(rng.choice([-1.0, 1.0])), 40
        steps_left -= 1
        delta = (target - position) * 10.0
        return np.append(np.clip(delta, -1.0, 1.0), gripper).astype(np.float32)

    return act


@dataclass(frozen=True)
class Push:
    """A displacement of the arm before an episode is recorded: direction float64 (3,) in -1..1, held for
    `steps` control steps."""

    direction: NDArray[np.float64]
    steps: int


def random_push(rng: Generator, level: float = 1.0) -> Push:
    """Up to 24 control steps in a random direction, in 60 % of the episodes (at level 1)."""
    steps = int(rng.integers(0, 25)) if rng.random() < 0.6 * level else 0
    return Push(rng.uniform(-1.0, 1.0, 3), steps)


def with_noise(policy: Policy, rng: Generator, level: float = 1.0) -> Policy:
    """An expert with correlated noise on its motion, so that its demonstrations show how to recover."""
    noise = np.zeros(ACTION_SIZE - 1)

    def act(env: TaskEnv) -> Float32:
        nonlocal noise
        action = policy(env).astype(np.float64)
        noise = 0.8 * noise + 0.15 * level * rng.normal(size=ACTION_SIZE - 1)
        action[:3] += noise
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    return act


def record_episode(
    env: TaskEnv, policy: Policy, seed: int, source: Source, push: Push | None = None
) -> Episode:
    """Run a policy from `reset(seed)` to the end of the episode and record every control step.

    env: one with `frame_skip=1`, so that a step is a control step. push: made before recording begins, so
    that a demonstration starts elsewhere but shows nothing that an expert would not do.
    """
    observation, info = env.reset(seed=seed)
    if push is not None:
        for _ in range(push.steps):
            action = policy(env)
            action[:3] = push.direction
            observation, _, _, _, info = env.step(action)
    frames, proprioception = [observation["frame"]], [observation["proprioception"]]
    actions: list[Float32] = []
    done = False
    while not done:
        action = policy(env)
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
