"""Suites of small simulations in numpy: arms without mass, of two to twelve numbers, before a thing to touch."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sail.embodiment import Dimension, Embodiment, Kind, cartesian
from sail.types import Float32, UInt8
from sail_envs.simulation import Ending, Simulation
from sail_envs.suite import TaskSuite, Workspace

WORKSPACE = Workspace(low=(-0.35, 0.45, 0.05), high=(0.35, 0.9, 0.4))
START = np.array([0.0, 0.6, 0.2])


class PointArm(Simulation):
    """An end effector that goes exactly where it is sent, with a gripper, and a thing that it moves by
    touching it; a success is a thing that was moved."""

    cameras = ("workspace",)

    def __init__(self, task: str) -> None:
        self.reset(0)

    def reset(self, seed: int) -> None:
        self.place = START + np.random.default_rng(seed).uniform(-0.05, 0.05, 3)
        self.thing, self.opening, self.moved = np.array([0.1, 0.7, 0.05]), 1.0, False

    def step(self, action: Float32) -> float:
        self.place = self.place + 0.01 * action[:3]
        self.opening = (1.0 - float(action[-1])) / 2.0
        if np.linalg.norm(self.place - self.thing) < 0.05:
            self.thing, self.moved = self.thing + 0.01 * action[:3], True
        return float(self.moved)

    def outcome(self) -> Ending:
        return "success" if self.moved else "failure"

    def proprioception(self) -> Float32:
        return np.append(self.place, self.opening).astype(np.float32)

    def frame(self, camera: str, height: int, width: int) -> UInt8:
        """Brighter where the arm is further to the right."""
        return np.full((height, width, 3), 128 + 100 * np.clip(self.place[0], -1, 1), np.uint8)

    def things(self) -> NDArray[np.float64]:
        return self.thing[None].copy()


def towards_thing(simulation: PointArm) -> Float32:
    """The expert of `PointArm`."""
    return np.append(np.clip(20 * (simulation.thing - simulation.place), -1, 1), 1.0).astype(np.float32)


CARTESIAN = TaskSuite(
    name="point",
    embodiment=cartesian("point/workspace", control_seconds=0.05, step_length=0.01),
    tasks={"touch": "touch the thing"},
    seen=("touch",),
    unseen=(),
    simulate=PointArm,
    expert=lambda task: towards_thing,
    workspace=WORKSPACE,
)
