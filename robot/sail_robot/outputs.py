"""The kinds of command that an arm's own controller takes, one class each. The parameter `output` names one.

A command is a row of numbers here; messages.py makes a ROS message of it (`COMMANDS`).

| name               | a command's numbers                                    | what the guard limits       |
|--------------------|--------------------------------------------------------|-----------------------------|
| `twist`            | hand's velocity (6,), m/s and rad/s                    | the hand, where it is       |
| `pose`             | hand's position (3,) in m, orientation (4,) x, y, z, w | the hand, where it is sent  |
| `joint_trajectory` | joint angles (n,) in rad                               | joints, where they are sent |
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from sail.errors import SailError
from sail_robot.guard import CommandKind, Order
from sail_robot.motion import MotionLimits, Vector
from sail_robot.robot_file import Robot

if TYPE_CHECKING:  # MuJoCo, which the guard does without
    from sail_robot.kinematics import Kinematics
    from sail_robot.sim_arm import SimArm

Numbers = Sequence[float] | NDArray[np.float64]

# How far the hand (metres) or a joint (radians) may lag behind its last target. Further behind, the next
# target starts from the measured position. The hand's limit is three times the longest step of one action.
_HAND_BEHIND = 0.03
_JOINT_BEHIND = 0.1
_NO_TURNING = (0.0, 0.0, 0.0)


class OutputError(SailError):
    """A kind of command that the arm cannot be sent."""


@dataclass
class ArmState:
    """What the controller has last heard of the arm.

    position: the hand's, (3,) in metres, None before the first message. orientation: the hand's, (4,) x, y,
    z, w. joints: (n,) in radians, None before the first message.
    """

    position: list[float] | None = None
    orientation: list[float] = field(default_factory=list)
    joints: list[float] | None = None


class Output(ABC):
    """One kind of command. Each node has its own: the controller's remembers where it has led the arm.

    name: the value of the parameter `output`. kind: whether the guard limits velocities or positions.
    limits_hand: whether the guard limits the hand's motion; else it limits the joints' and watches the hand.
    """

    name: ClassVar[str]
    kind: ClassVar[CommandKind]
    limits_hand: ClassVar[bool] = True

    def __init__(self) -> None:
        self.forget()

    # The controller.

    def prepare(self, robot: Robot, description: str) -> None:  # noqa: B027 (twist and pose need nothing)
        """Load what turns the hand's motion into commands.

        description: see `sail_robot.kinematics.kinematics_of`. Raises KinematicsError.
        """

    def forget(self) -> None:
        """Lead the arm on from where it is."""
        self._target: Vector | None = None

    @abstractmethod
    def command(self, motion: Vector | None, seconds: float, arm: ArmState) -> Numbers | None:
        """The command that moves the hand by `motion`, (3,) in metres, within `seconds`.

        A motion of None is standstill. The command is None as long as the arm's state is not known.
        """

    # The guard.

    def limits(self, robot: Robot) -> MotionLimits:
        """What commands have to keep."""
        return robot.hand

    def step(self, robot: Robot) -> float:
        """How far a commanded position may be from the arm's, in metres or radians."""
        return robot.step

    def measured(self, position: Sequence[float], joints: Sequence[float]) -> list[float]:
        """Where the arm is, in the limits' axes. position: the hand's, (3,). joints: (n,)."""
        return [*position, *_NO_TURNING]

    @abstractmethod
    def wanted(self, command: Sequence[float]) -> list[float]:
        """What a command asks for, in the limits' axes."""

    @abstractmethod
    def ordered(self, order: Order, orientation: Sequence[float]) -> Numbers:
        """The command for the guard's order, which has a position. orientation: the one that a hand holds."""

    # The simulated arm.

    @abstractmethod
    def follow(self, arm: "SimArm", command: Sequence[float]) -> None:
        """Have the simulated arm do what a command says."""

    def _led(self, measured: Sequence[float], behind: float) -> Vector:
        """Where the arm goes on from: its last target, or its measured place where it is too far behind."""
        at = np.asarray(measured, np.float64)
        if self._target is None or np.abs(self._target - at).max() > behind:
            return at
        return self._target


class TwistOutput(Output):
    """The hand's velocity. Standstill is a velocity of zero."""

    name, kind = "twist", "velocity"

    def command(self, motion: Vector | None, seconds: float, arm: ArmState) -> Numbers | None:
        """The velocity, (6,) in m/s and rad/s."""
        velocity = (np.zeros(3) if motion is None else motion) / seconds
        return [*velocity, *_NO_TURNING]

    def wanted(self, command: Sequence[float]) -> list[float]:
        """All six numbers."""
        return list(command)

    def ordered(self, order: Order, orientation: Sequence[float]) -> Numbers:
        """The order's velocity."""
        return order.velocity

    def follow(self, arm: "SimArm", command: Sequence[float]) -> None:
        """Without its turning: the simulated hand keeps its orientation."""
        arm.move(np.array(command[:3]))


class PoseOutput(Output):
    """The hand's position and orientation. Standstill is the position where the hand was led."""

    name, kind = "pose", "position"

    def command(self, motion: Vector | None, seconds: float, arm: ArmState) -> Numbers | None:
        """The position that follows the last one, and the measured orientation: (7,)."""
        if arm.position is None:
            return None
        self._target = self._led(arm.position, _HAND_BEHIND) + (np.zeros(3) if motion is None else motion)
        return [*self._target, *arm.orientation]

    def wanted(self, command: Sequence[float]) -> list[float]:
        """The position. The commanded orientation is not taken: the guard holds the hand's own."""
        return [*command[:3], *_NO_TURNING]

    def ordered(self, order: Order, orientation: Sequence[float]) -> Numbers:
        """The order's position."""
        assert order.position is not None
        return [*order.position[:3], *orientation]

    def follow(self, arm: "SimArm", command: Sequence[float]) -> None:
        """Without its orientation: the simulated hand keeps its own."""
        arm.go_to(np.array(command[:3]))


class JointTrajectoryOutput(Output):
    """The joints' angles, by inverse kinematics. Standstill is the angles where the joints were led."""

    name, kind = "joint_trajectory", "position"
    limits_hand = False

    def prepare(self, robot: Robot, description: str) -> None:
        """Read the arm's shape. Raises KinematicsError."""
        from sail_robot.kinematics import kinematics_of

        self._kinematics: Kinematics = kinematics_of(description, robot)

    def command(self, motion: Vector | None, seconds: float, arm: ArmState) -> Numbers | None:
        """The angles, (n,) in radians."""
        if arm.joints is None:
            return None
        start = self._led(arm.joints, _JOINT_BEHIND)
        if start is not self._target:
            self._kinematics.start(start)
        self._target = start if motion is None else self._kinematics.step(motion, seconds)
        return self._target

    def limits(self, robot: Robot) -> MotionLimits:
        """The joints'."""
        return robot.joints

    def step(self, robot: Robot) -> float:
        """In radians."""
        return robot.joint_step

    def measured(self, position: Sequence[float], joints: Sequence[float]) -> list[float]:
        """The joints' angles."""
        return list(joints)

    def wanted(self, command: Sequence[float]) -> list[float]:
        """The angles."""
        return list(command)

    def ordered(self, order: Order, orientation: Sequence[float]) -> Numbers:
        """The order's angles."""
        assert order.position is not None
        return order.position

    def follow(self, arm: "SimArm", command: Sequence[float]) -> None:
        """All angles."""
        arm.turn_to(np.array(command))


OUTPUTS: dict[str, type[Output]] = {one.name: one for one in (TwistOutput, PoseOutput, JointTrajectoryOutput)}


def make_output(name: str) -> Output:
    """The output of this name. Raises OutputError."""
    if name not in OUTPUTS:
        raise OutputError(f"output is '{name}': choose one of {', '.join(OUTPUTS)}")
    return OUTPUTS[name]()
