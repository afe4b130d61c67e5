"""Motion without a purpose: random waypoints, and play near the scene's things."""

import numpy as np
from numpy.random import Generator

from sail.types import ACTION_SIZE, Float32
from sail_envs.environment import TaskEnv
from sail_envs.experts import Scripted


def waypoints(rng: Generator) -> Scripted:
    """Straight lines to random points of the workspace, one after another, the gripper open or closed."""
    return _wander(rng, near_object=0.0)


def play(rng: Generator) -> Scripted:
    """Unlabelled play: random waypoints with correlated noise.

    Half of the waypoints are near one of the scene's things, so that things are touched and moved. Play knows
    neither the task nor its goal.
    """
    wander = _wander(rng, near_object=0.5)
    noise = np.zeros(ACTION_SIZE)

    def act(env: TaskEnv) -> Float32:
        nonlocal noise
        noise = 0.85 * noise + 0.2 * rng.normal(size=ACTION_SIZE)
        return np.clip(wander(env) + noise, -1.0, 1.0).astype(np.float32)

    return act


def _wander(rng: Generator, near_object: float) -> Scripted:
    """near_object: the share of waypoints that are near a thing."""
    target = np.zeros(3)
    gripper, steps_left = -1.0, 0

    def act(env: TaskEnv) -> Float32:
        nonlocal target, gripper, steps_left
        position = env.proprioception()[:3]
        if steps_left == 0 or np.abs(target - position).max() < 0.02:
            assert env.suite.workspace is not None
            target = rng.uniform(*env.suite.workspace)
            things = env.simulation.things()
            if rng.random() < near_object and len(things):
                thing = things[0] if len(things) == 1 else things[rng.integers(len(things))]
                target = thing + rng.normal(scale=0.06, size=3)
            gripper, steps_left = float(rng.choice([-1.0, 1.0])), 40
        steps_left -= 1
        delta = (target - position) * 10.0
        return np.append(np.clip(delta, -1.0, 1.0), gripper).astype(np.float32)

    return act
