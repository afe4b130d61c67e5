"""Suites of small simulations in numpy: arms that do exactly what their embodiment says.

CARTESIAN has MetaWorld's four numbers; PLANAR two joint velocities, and feels nothing; WRIST seven numbers
with a rotation; BLIND_WRIST ten, with a 6-D rotation that is not felt; MOBILE twelve, of a base, joints and a
gripper; REACHED four joints that go where they are sent.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sail.embodiment import Dimension, Embodiment, cartesian
from sail.types import Float32, UInt8
from sail_envs.rotations import axis_angle_of, matrix_of, six_of
from sail_envs.simulation import Ending, Simulation
from sail_envs.suite import TaskSuite, Workspace

WORKSPACE = Workspace(low=(-0.35, 0.45, 0.05), high=(0.35, 0.9, 0.4))
START, THING = np.array([0.0, 0.6, 0.2]), np.array([0.1, 0.7, 0.05])


class PointArm(Simulation):
    """An arm without mass. done: whether a state is a success.

    values: each number's value by its name, in its unit. orientation: float64 (3, 3), of the hand.
    """

    cameras = ("workspace",)

    def __init__(self, embodiment: Embodiment, done: Callable[["PointArm"], bool]) -> None:
        self._embodiment, self._done = embodiment, done
        self.reset(0)

    def reset(self, seed: int) -> None:
        names = {one.name for one in (*self._embodiment.actions, *self._embodiment.proprioception)}
        self.values = dict.fromkeys(names, 0.0)
        place = START + np.random.default_rng(seed).uniform(-0.05, 0.05, 3)
        self.values.update(zip("xyz", place, strict=True))
        self.orientation, self.thing = matrix_of(np.array([np.pi, 0.0, 0.0])), THING
        self.moved = self._ever = False

    @property
    def place(self) -> NDArray[np.float64]:
        return np.array([self.values[axis] for axis in "xyz"])

    def step(self, action: Float32) -> float:
        seconds, before, turns = self._embodiment.control_seconds, self.place, []
        for one, scaled in zip(self._embodiment.actions, action, strict=True):
            value = one.centre + one.scale * float(scaled)
            if one.kind == "delta_rotation":
                turns.append(value)
            elif one.kind in ("joint_velocity", "base_velocity"):
                self.values[one.name] += seconds * value
            elif one.kind == "delta_position":
                self.values[one.name] += value
            else:
                self.values[one.name] = value
        self.orientation = matrix_of(np.array(turns)) @ self.orientation if turns else self.orientation
        if np.linalg.norm(self.place - self.thing) < 0.05:
            self.thing, self.moved = self.thing + self.place - before, True
        self._ever |= self._done(self)
        return float(self._ever)

    def outcome(self) -> Ending:
        return "success" if self._ever else "failure"

    def proprioception(self) -> Float32:
        rotation = {0: [], 3: axis_angle_of(self.orientation), 6: six_of(self.orientation)}
        turned = iter(rotation[len(self._embodiment.orientation)])
        felt = [
            next(turned) if one.kind == "rotation" else self.values[one.name]
            for one in self._embodiment.proprioception
        ]
        return np.array(felt, np.float32)

    def frame(self, camera: str, height: int, width: int) -> UInt8:
        """Brighter where the first numbers are higher."""
        shades = [100 + 50 * np.tanh(value) for value in list(self.values.values())[:3]]
        return np.broadcast_to(np.resize(shades, 3).astype(np.uint8), (height, width, 3)).copy()

    def things(self) -> NDArray[np.float64]:
        return self.thing[None].copy() if self._embodiment.reaches_points else np.zeros((0, 3))


def numbers(kind: str, unit: str, high: float, *names: str) -> tuple[Dimension, ...]:
    return tuple(Dimension(name, kind, unit, -high, high) for name in names)  # type: ignore[arg-type]


GRIPPER = numbers("gripper", "1", 1.0, "gripper")
PLACE, STEPS = numbers("position", "m", 1.0, *"xyz"), numbers("delta_position", "m", 0.01, *"xyz")
TURNS = ("turn_x", "turn_y", "turn_z")
JOINTS = tuple(f"joint{number}" for number in range(7))
# The largest turn in a control step, in radians.
TURN = 0.05


def suite(
    name: str,
    done: Callable[[PointArm], bool],
    actions: tuple[Dimension, ...],
    felt: tuple[Dimension, ...],
    workspace: Workspace | None = None,
    expert: tuple[float, ...] | None = None,
) -> TaskSuite:
    """One task, "do", of an arm that is seen in 16 pixels and makes chunks of 4. expert: its one action."""
    embodiment = Embodiment(f"{name}/workspace", 16, 16, 0.05, 4, 4, actions, felt)
    return TaskSuite(
        name=name,
        embodiment=embodiment,
        tasks={"do": "do it"},
        seen=("do",),
        unseen=(),
        simulate=lambda task: PointArm(embodiment, done),
        expert=None if expert is None else lambda task: lambda simulation: np.array(expert, np.float32),
        workspace=workspace,
    )


def tilted(arm: PointArm) -> bool:
    """The hand, which points down at first, points sideways."""
    return bool(arm.orientation[2, 2] > -0.4)


def towards_thing(simulation: PointArm) -> Float32:
    """The expert of CARTESIAN."""
    return np.append(np.clip(20 * (simulation.thing - simulation.place), -1, 1), 1.0).astype(np.float32)


FOUR = cartesian("point/workspace", control_seconds=0.05, step_length=0.01)
CARTESIAN = TaskSuite(
    name="cartesian",
    embodiment=FOUR,
    tasks={"do": "touch the thing"},
    seen=("do",),
    unseen=(),
    simulate=lambda task: PointArm(FOUR, lambda arm: arm.moved),
    expert=lambda task: towards_thing,
    workspace=WORKSPACE,
)
PLANAR = suite(
    "planar",
    lambda arm: arm.values["joint0"] > 0.8 and arm.values["joint1"] < -0.4,
    numbers("joint_velocity", "rad/s", 1.0, "joint0", "joint1"),
    (),
    expert=(0.8, -0.5),
)
WRIST = suite(
    "wrist",
    tilted,
    (*STEPS, *numbers("delta_rotation", "rad", TURN, *TURNS), *GRIPPER),
    (*PLACE, *numbers("rotation", "rad", np.pi, *TURNS), *GRIPPER),
    WORKSPACE,
)
SIX = tuple(
    Dimension(f"column{number // 3}{'xyz'[number % 3]}", "delta_rotation", "1", same - 0.1, same + 0.1)
    for number, same in enumerate((1, 0, 0, 0, 1, 0))
)
BLIND_WRIST = suite("blind", tilted, (*GRIPPER, *SIX, *STEPS), (*PLACE, *GRIPPER), WORKSPACE)
MOBILE = suite(
    "mobile",
    lambda arm: arm.values["joint1"] < -1.8 and arm.values["joint3"] > 1.8,
    (
        Dimension("forward", "base_velocity", "m/s", 0.0, 1.0),
        *numbers("base_velocity", "m/s", 0.5, "sideways", "around"),
        *numbers("joint_position", "rad", 3.0, *JOINTS),
        *numbers("joint_velocity", "rad/s", 1.0, "torso"),
        *GRIPPER,
    ),
    (*numbers("joint_position", "rad", 3.0, *JOINTS), *GRIPPER),
    expert=(-1, 0, 0, 0, -0.8, 0, 0.8, 0, 0, 0, 0, 1),
)
REACHED = suite(
    "reached",
    lambda arm: False,
    (*numbers("joint_position", "rad", 3.0, *JOINTS[:4]), *GRIPPER),
    (*numbers("joint_position", "rad", 3.0, *JOINTS[:4]), *GRIPPER),
)
# Workspace and play lie in one plane above the thing; BURIED's play aims at the thing, too.
PLANE = Workspace(low=(-0.35, 0.45, 0.3), high=(0.35, 0.9, 0.3))
BURIED = replace(CARTESIAN, workspace=PLANE)
FLOORED = replace(BURIED, floor=0.3)
