"""Motion without a purpose: random waypoints, and play near the scene's things."""

import numpy as np
from numpy.random import Generator

from sail.embodiment import Embodiment, scaling
from sail.types import Float32
from sail_envs.action_noise import ActionWalk, noise_scales
from sail_envs.environment import TaskEnv
from sail_envs.experts import Scripted
from sail_envs.orientation import Orientation
from sail_envs.suite import Workspace

# Metres: this near a waypoint is there.
NEAR = 0.02
# Control steps: a waypoint is given up after LONGEST; each one makes a share of 1/PACE of what is left.
LONGEST, PACE = 40, 10


def waypoints(rng: Generator) -> Scripted:
    """Straight lines to random points of the workspace, one after another, the gripper open or closed.

    A hand that can turn does, at random; numbers that neither move nor turn it walk at random. So do all
    numbers, where the suite has no workspace or the arm goes to no points.
    """
    return _wander(rng, near_object=0.0)


def play(rng: Generator) -> Scripted:
    """Unlabelled play: `waypoints` with correlated noise.

    Half of the waypoints are near one of the scene's things, so that things are touched and moved. Play knows
    neither the task nor its goal.
    """
    wander = _wander(rng, near_object=0.5)
    noise = np.zeros(1)

    def act(env: TaskEnv) -> Float32:
        nonlocal noise
        noise = 0.85 * noise + 0.2 * rng.normal(size=len(env.embodiment.actions))
        moved = wander(env) + noise_scales(env.embodiment) * noise
        return np.clip(moved, -1.0, 1.0).astype(np.float32)

    return act


def _wander(rng: Generator, near_object: float) -> Scripted:
    """near_object: the share of waypoints that are near a thing."""
    wanders: Scripted | None = None

    def act(env: TaskEnv) -> Float32:
        nonlocal wanders
        if wanders is None:
            arm, workspace = env.embodiment, env.suite.workspace
            if workspace is None:
                wanders = _walk(arm, rng)
            else:
                wanders = _to_points(arm, workspace, rng, near_object, env.suite.floor)
        return wanders(env)

    return act


def _walk(arm: Embodiment, rng: Generator) -> Scripted:
    walk = ActionWalk(arm, rng)
    return lambda env: walk.step(env.proprioception()).astype(np.float32)


def _to_points(
    arm: Embodiment, workspace: Workspace, rng: Generator, near_object: float, floor: float | None
) -> Scripted:
    # With this gain a motion makes its share of the way.
    gain = 1.0 / (PACE * scaling(arm.actions, arm.displacement)[1])
    orientation, walk = Orientation(arm), ActionWalk(arm, rng, arm.rest)
    target, aim = np.zeros(3), np.eye(3)
    grippers, steps_left = np.zeros(len(arm.grippers)), 0

    def act(env: TaskEnv) -> Float32:
        nonlocal target, aim, grippers, steps_left
        felt = env.proprioception()
        orientation.see(felt)
        position = felt[arm.position]
        if steps_left == 0 or np.abs(target - position).max() < NEAR:
            target = rng.uniform(*workspace)
            things = env.simulation.things()
            if rng.random() < near_object and len(things):
                thing = things[0] if len(things) == 1 else things[rng.integers(len(things))]
                target = thing + rng.normal(scale=0.06, size=3)
                if floor is not None:
                    target[2] = max(floor, target[2])
            grippers, steps_left = np.array([rng.choice([-1.0, 1.0]) for _ in arm.grippers]), LONGEST
            aim = orientation.drawn(rng)
        steps_left -= 1
        action = np.zeros(len(arm.actions), np.float32)
        action[arm.displacement] = np.clip((target - position) * gain, -1.0, 1.0)
        action[arm.grippers] = grippers
        action[arm.turn] = orientation.towards(aim, PACE, 1)
        action[arm.rest] = walk.step(felt)
        return action

    return act
