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
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from sail.errors import SailError
from sail_robot.guard import CommandKind, Order
from sail_robot.motion import MotionLimits, Vector
from sail_robot.quaternions import turn_between, turned, unit
from sail_robot.robot_file import Robot

if TYPE_CHECKING:  # MuJoCo, which the guard does without
    from sail_robot.kinematics import Kinematics
    from sail_robot.sim_arm import SimArm

Numbers = Sequence[float] | NDArray[np.float64]

# How far the hand may lag behind its last target, in actions, and a joint, in radians. Further behind, the
# next target starts from the measured place.
_ACTIONS_BEHIND = 3.0
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
    """One kind of command to a robot. Each node has its own: the controller's remembers where it has led the
    arm, the guard's where it has sent it.

    name: the value of the parameter `output`. kind: whether the guard limits velocities or positions.
    limits_hand: whether the guard limits the hand's motion; else it limits the joints' and watches the hand.
    """

    name: ClassVar[str]
    kind: ClassVar[CommandKind]
    limits_hand: ClassVar[bool] = True

    def __init__(self, robot: Robot) -> None:
        self._robot = robot
        self.forget()

    # The controller.

    def prepare(self, description: str) -> None:  # noqa: B027 (twist needs nothing)
        """Load what turns the hand's motion into commands.

        description: see `sail_robot.kinematics.kinematics_of`. Raises KinematicsError and OutputError.
        """

    def forget(self) -> None:
        """Lead the arm on from where it is."""
        self._target: Vector | None = None

    @abstractmethod
    def command(self, motion: Vector | None, seconds: float, arm: ArmState) -> Numbers | None:
        """The command that moves the hand by `motion` within `seconds`.

        motion: (6,), displacement in metres and turn in radians; None is standstill. The command is None as
        long as the arm's state is not known.
        """

    # The guard.

    @property
    def limits(self) -> MotionLimits:
        """What commands have to keep."""
        return self._robot.hand

    @property
    def step(self) -> float:
        """How far a commanded position may be from the arm's, in metres or radians."""
        return self._robot.step

    def measured(
        self, position: Sequence[float], orientation: Sequence[float], joints: Sequence[float]
    ) -> list[float]:
        """Where the arm is, in the limits' axes. position, orientation: the hand's, (3,) and (4,). joints:
        (n,)."""
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
        return (np.zeros(6) if motion is None else motion) / seconds

    def wanted(self, command: Sequence[float]) -> list[float]:
        """All six numbers."""
        return list(command)

    def ordered(self, order: Order, orientation: Sequence[float]) -> Numbers:
        """The order's velocity."""
        return order.velocity

    def follow(self, arm: "SimArm", command: Sequence[float]) -> None:
        """Linear and angular."""
        arm.move(np.array(command))


class PoseOutput(Output):
    """The hand's position and orientation. Standstill is the pose where the hand was led.

    Where no action turns the hand, the commanded orientation is the measured one, and the guard holds the
    hand's own. Else the guard follows the commanded orientation on axes of turning, which go on from the last
    order's orientation: motion along them is the hand's angular velocity, however far the hand has turned.
    """

    name, kind = "pose", "position"

    def __init__(self, robot: Robot) -> None:
        super().__init__(robot)
        turn = max(
            (one.high for one in robot.embodiment.actions if one.kind == "delta_rotation"), default=0.0
        )
        displacement = robot.embodiment.step_length
        self._turns = turn > 0.0
        self._most = displacement, turn
        # The guard has one limit for how far away a command may be, so that turning is counted in metres.
        self._metres = robot.step / robot.turning_step
        self._behind = tuple(
            # The arm moves on while a command is on its way: half an action is left to the guard's limit.
            min(_ACTIONS_BEHIND * most, step - 1.5 * most)
            for most, step in ((displacement, robot.step), (turn, robot.turning_step))
        )

    def prepare(self, description: str) -> None:
        """Raises OutputError where the guard would take an action's end for a leap."""
        steps = self._robot.step, self._robot.turning_step
        for key, most, step in zip(("step", "turning_step"), self._most, steps, strict=True):
            if step < 2.0 * most:
                raise OutputError(
                    f"hand.{key} is less than twice what one action moves ({step:g}, {most:g}): "
                    "allow more, or less an action (embodiment)"
                )

    def forget(self) -> None:
        """Lead the arm on from where it is."""
        super().forget()
        self._heading: Vector | None = None
        # The orientation that was ordered last, and where it is on the axes of turning.
        self._ordered: Vector | None = None
        self._at = np.zeros(3)

    def command(self, motion: Vector | None, seconds: float, arm: ArmState) -> Numbers | None:
        """The position that follows the last one, and the orientation that does or is measured: (7,)."""
        if arm.position is None:
            return None
        motion = np.zeros(6) if motion is None else motion
        self._target = self._led(arm.position, self._behind[0]) + motion[:3]
        if not self._turns:
            return [*self._target, *arm.orientation]
        self._heading = turned(self._led_heading(arm.orientation), motion[3:])
        return [*self._target, *self._heading]

    @property
    def limits(self) -> MotionLimits:
        """The hand's."""
        hand = self._robot.hand
        if not self._turns:
            return hand
        rates = np.stack([hand.speed, hand.acceleration, hand.jerk]) * [1.0, self._metres]
        speed, acceleration, jerk = map(tuple, rates.tolist())
        return replace(hand, speed=speed, acceleration=acceleration, jerk=jerk)

    def measured(
        self, position: Sequence[float], orientation: Sequence[float], joints: Sequence[float]
    ) -> list[float]:
        """The hand's position, and its orientation where actions turn it."""
        if self._turns and self._ordered is None and np.isfinite(unit(orientation)).all():
            self._ordered = unit(orientation)
        return [*position, *self._turning(orientation)]

    def wanted(self, command: Sequence[float]) -> list[float]:
        """The position, and the orientation where actions turn the hand."""
        return [*command[:3], *self._turning(command[3:])]

    def ordered(self, order: Order, orientation: Sequence[float]) -> Numbers:
        """The order's position and orientation."""
        assert order.position is not None
        if self._ordered is not None:
            self._ordered = turned(self._ordered, (order.position[3:] - self._at) / self._metres)
            self._at = order.position[3:].copy()
            orientation = list(self._ordered)
        return [*order.position[:3], *orientation]

    def follow(self, arm: "SimArm", command: Sequence[float]) -> None:
        """The whole pose."""
        arm.go_to(np.array(command[:3]), np.array(command[3:]))

    def _turning(self, orientation: Sequence[float]) -> Sequence[float]:
        """An orientation on the axes of turning, (3,) in metres; NaN for one that is none."""
        if not self._turns:
            return _NO_TURNING
        begin = orientation if self._ordered is None else self._ordered
        turning: list[float] = (self._at + self._metres * turn_between(begin, orientation)).tolist()
        return turning

    def _led_heading(self, measured: Sequence[float]) -> Vector:
        """The orientation that the hand goes on from; see `_led`."""
        if self._heading is None or np.linalg.norm(turn_between(self._heading, measured)) > self._behind[1]:
            return unit(measured)
        return self._heading


class JointTrajectoryOutput(Output):
    """The joints' angles, by inverse kinematics. Standstill is the angles where the joints were led."""

    name, kind = "joint_trajectory", "position"
    limits_hand = False

    def prepare(self, description: str) -> None:
        """Read the arm's shape. Raises KinematicsError."""
        from sail_robot.kinematics import kinematics_of

        self._kinematics: Kinematics = kinematics_of(description, self._robot)

    def command(self, motion: Vector | None, seconds: float, arm: ArmState) -> Numbers | None:
        """The angles, (n,) in radians."""
        if arm.joints is None:
            return None
        start = self._led(arm.joints, _JOINT_BEHIND)
        if start is not self._target:
            self._kinematics.start(start)
        self._target = start if motion is None else self._kinematics.step(motion, seconds)
        return self._target

    @property
    def limits(self) -> MotionLimits:
        """The joints'."""
        return self._robot.joints

    @property
    def step(self) -> float:
        """In radians."""
        return self._robot.joint_step

    def measured(
        self, position: Sequence[float], orientation: Sequence[float], joints: Sequence[float]
    ) -> list[float]:
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


def make_output(name: str, robot: Robot) -> Output:
    """The output of this name, to a robot. Raises OutputError."""
    if name not in OUTPUTS:
        raise OutputError(f"output is '{name}': choose one of {', '.join(OUTPUTS)}")
    return OUTPUTS[name](robot)
