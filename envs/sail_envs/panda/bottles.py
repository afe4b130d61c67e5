"""Three bottles of different colours that lie in front of a Panda: turn the named one upright, and no other.

The hand turns, too: about the vertical into line with the bottle, then over by a quarter turn. Fingers hold a
bottle by friction alone: it can slip and fall.
"""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sail.types import Float32
from sail_envs.panda.arm import STEP_ANGLE, STEP_LENGTH
from sail_envs.panda.panda_tasks import BOTTLE_COLOURS, BOTTLES
from sail_envs.panda.table import Objects, TableTop, looking

COUNT = 3
# Metres: half of a bottle's body, across and along, and half of its neck, which is what tells the ends apart.
_HALF, _LONG, _NECK = 0.024, 0.06, 0.02
_FIRST, _SPACING = 0.4, 0.115
# Upright is within this angle of the vertical.
_UPRIGHT = np.radians(15.0)
# Where a bottle is held, from its centre towards the neck, and how far that is from the end effector, whose
# fingers reach further: metres.
_HELD_AT, _TO_FINGERS = 0.015, 0.03
# The end effector's heights: clear of lying bottles, and with the fingers around one, metres.
_CLEAR, _LOW = 0.14, 0.06
# The model's fingers have the inertia of 5 kg, and fling what they touch.
_FINGER_INERTIA = 0.2


def _bottle(number: int) -> str:
    # The body is square: a round one would roll away.
    neck = f'pos="0 0 {_LONG + _NECK}" contype="0" conaffinity="0" mass="0.01" rgba=".12 .12 .14 1"'
    return (
        f'<body name="bottle{number}"><freejoint name="bottle{number}"/>'
        f'<geom name="bottle{number}" type="box" size="{_HALF} {_HALF} {_LONG}" mass="0.13" condim="4"/>'
        f'<geom type="cylinder" size="0.013 {_NECK}" {neck}/></body>'
    )


class PandaBottles(TableTop):
    """The simulation; see `TableTop`. Actions and proprioception are those of `panda_tasks.WRIST`."""

    objects = Objects(
        suite=BOTTLES,
        name="bottle",
        count=COUNT,
        seen=BOTTLE_COLOURS[0],
        unseen=BOTTLE_COLOURS[1],
        xml="".join(_bottle(number) for number in range(COUNT)),
        camera=looking(eye=(1.08, 0.55, 0.66), at=(0.49, -0.03, 0.1)),
    )
    turned = -np.pi / 2
    done = float(np.cos(_UPRIGHT))

    def __init__(self, colour: str) -> None:
        super().__init__(colour)
        model = self.model
        fingers = [model.joint(f"robot:panda0_finger_joint{number}").dofadr[0] for number in (1, 2)]
        model.dof_armature[fingers] = _FINGER_INERTIA
        self._fingers = {model.body(f"panda0_{side}finger").id for side in ("left", "right")}
        self._bottles = [model.body(f"bottle{number}").id for number in range(COUNT)]
        self._begun = np.zeros((COUNT, 3))

    def step(self, action: Float32) -> float:
        """One control step: float32 (7,), as `PandaArm.move_and_turn` takes it. Success rewards 1."""
        self.arm.move_and_turn(action)
        return float(self.outcome() == "success")

    def proprioception(self) -> Float32:
        """End-effector position in metres, its rotation matrix's first two columns, gripper opening 0..1:
        float32 (10,)."""
        arm = self.arm
        columns = arm.rotation[:, :2].T.ravel()
        return np.concatenate([arm.position, columns, [arm.opening]]).astype(np.float32)

    def state(self) -> NDArray[np.float64]:
        """As `TableTop.state`, then the hand's rotation matrix and each bottle's axis: float64
        (4 + 3 * count + 9 + 3 * count,)."""
        axes = [self.axis(number) for number in range(COUNT)]
        return np.concatenate([super().state(), self.arm.rotation.ravel(), *axes])

    def axis(self, number: int) -> NDArray[np.float64]:
        """Where a bottle's neck points: float64 (3,), of length 1."""
        return np.array(self.data.xmat[self._bottles[number]].reshape(3, 3)[:, 2])

    def held(self, number: int) -> bool:
        """Whether both fingers touch a bottle."""
        bottle, pairs = self._bottles[number], self.model.geom_bodyid[self.data.contact.geom]
        return self._fingers <= {int(body) for pair in pairs if bottle in pair for body in pair}

    def progress(self, number: int) -> float:
        """How upright a bottle is: 0 where it lies, 1 where it stands, -1 upside down."""
        return float(self.axis(number)[2])

    def disturbed(self, number: int) -> float:
        """How far a bottle is from where it began, in metres."""
        return float(np.linalg.norm(self.things()[number] - self._begun[number]))

    def expert(self, number: int) -> Float32:
        """Over the bottle and in line with it, down, close, then turn it upright about its foot: float32
        (7,)."""
        arm, axis = self.arm, self.axis(number)
        hand, rotation = arm.position, arm.rotation
        held_at = self.things()[number] + _HELD_AT * axis
        if self.held(number):
            height = _HALF + (_LONG + _HELD_AT) * max(axis[2], 0.0)
            fingers = hand + _TO_FINGERS * rotation[:, 2]
            target = np.array([hand[0], hand[1], hand[2] + height - fingers[2]])
            return self._towards(target, _to_vertical(axis), 1.0)
        turn = arm.turn_to(_around(axis, rotation))
        x, y, _ = held_at
        beside = float(np.hypot(x - hand[0], y - hand[1]))
        in_line = float(np.linalg.norm(turn)) < 0.2
        around = in_line and beside < 0.02 and hand[2] < 0.1
        if around or (in_line and beside < 0.012):
            grip = 1.0 if around and hand[2] < _LOW + 0.012 else -1.0
            return self._towards(np.array([x, y, _LOW]), turn, grip)
        if hand[2] > _CLEAR:
            return self._towards(np.array([x, y, _CLEAR + 0.02]), turn, -1.0)
        return self._towards(np.array([hand[0], hand[1], _CLEAR + 0.04]), turn, -1.0)

    def _towards(self, target: NDArray[Any], turn: NDArray[Any], grip: float) -> Float32:
        """An action that leads the hand to a point and by a rotation vector, slower at the end."""
        step = np.clip(0.2 * (target - self.arm.position) / STEP_LENGTH, -1.0, 1.0)
        angles = 0.2 * turn / STEP_ANGLE
        angles /= max(1.0, float(np.abs(angles).max()))  # about the same axis at any speed
        return np.concatenate([step, angles, [grip]]).astype(np.float32)

    def _place(self, rng: Generator) -> None:
        rows = _FIRST + _SPACING * np.arange(COUNT) + rng.uniform(-0.01, 0.01, COUNT)
        columns, headings = rng.uniform(-0.05, 0.05, COUNT), rng.uniform(-0.2, 0.2, COUNT)
        self._begun = np.column_stack([rows, columns, np.full(COUNT, _HALF)])
        for number, heading in enumerate(headings):
            # The neck points to the left of the arm (+y), and by the heading from there.
            lying, turned = np.array([1.0, -1.0, 0.0, 0.0]) / np.sqrt(2), np.zeros(4)
            about = np.array([np.cos(heading / 2), 0.0, 0.0, np.sin(heading / 2)])
            self._mujoco.mju_mulQuat(turned, about, lying)
            self.data.joint(f"bottle{number}").qpos[:] = [*self._begun[number], *turned]


def _to_vertical(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation vector that turns an axis upright the shortest way: float64 (3,)."""
    about = np.cross(axis, [0.0, 0.0, 1.0])
    sine = float(np.linalg.norm(about))
    vector: NDArray[np.float64] = about / max(sine, 1e-9) * np.arctan2(sine, axis[2])
    return vector


def _around(axis: NDArray[np.float64], rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation matrix, float64 (3, 3), of a hand that points down with its fingers on both sides of a
    lying bottle. Of the two such, the one nearer to the hand's own."""
    along = np.array([axis[0], axis[1], 0.0]) * np.sign(rotation[:, 0] @ axis)
    along /= max(float(np.linalg.norm(along)), 1e-9)
    down = np.array([0.0, 0.0, -1.0])
    return np.column_stack([along, np.cross(down, along), down])
