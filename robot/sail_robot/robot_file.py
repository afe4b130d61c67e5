"""The robot file: joints, gripper, limits of motion, deadlines of what is heard, and the embodiment.

Every number but a count carries its unit ("250 mm/s", "-150 deg"). A number without one, or with a unit of
another kind, is an error: to guess between degrees and radians would be dangerous.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import inf, pi
from pathlib import Path
from typing import Any, get_args

from sail.embodiment import Embodiment, EmbodimentError
from sail.system.reading import parse_yaml, read_file
from sail_robot.end_effector import Orientation, actions_of, proprioception_of
from sail_robot.motion import LimitsError, MotionLimits

NO_GRIPPER = "none"
_DEGREE = pi / 180.0
# Kind of quantity -> unit -> its size in SI units.
_UNITS: Mapping[str, Mapping[str, float]] = {
    "length": {"m": 1.0, "cm": 0.01, "mm": 0.001},
    "angle": {"rad": 1.0, "deg": _DEGREE},
    "speed": {"m/s": 1.0, "mm/s": 0.001},
    "acceleration": {"m/s^2": 1.0},
    "jerk": {"m/s^3": 1.0},
    "turning": {"rad/s": 1.0, "deg/s": _DEGREE},
    "turning acceleration": {"rad/s^2": 1.0, "deg/s^2": _DEGREE},
    "turning jerk": {"rad/s^3": 1.0, "deg/s^3": _DEGREE},
    "time": {"s": 1.0, "ms": 0.001},
}
_NUMBER = re.compile(r"([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d{1,3})?)\s*(\S*)")
# The largest turn of one action, in radians: three of them together are less than half a turn.
_LARGEST_TURN = pi / 2.0


@dataclass(frozen=True)
class Watch:
    """Deadlines in seconds, after which the camera, the joint states, the plan or the controller's commands
    count as silent. plan: None where nothing is planned."""

    camera: float
    joints: float
    plan: float | None
    command: float


@dataclass(frozen=True)
class Gripper:
    """joint: the finger's name, or NO_GRIPPER. open: the finger's position when open, in metres."""

    joint: str
    open: float


@dataclass(frozen=True)
class Robot:
    """The content of a robot file, in metres, radians and seconds.

    frame: of the hand's pose and of commands. embodiment: what weights must have been trained for.
    joints: limits of one axis each, in the order of joint_names. hand: limits of six axes, position and
    turning about each. step, turning_step, joint_step: how far a commanded position may be from the hand's,
    a commanded orientation from the hand's, and a commanded angle from a joint's. hand_link: the link whose
    pose is the hand's.
    """

    arm: str
    frame: str
    embodiment: Embodiment
    joint_names: tuple[str, ...]
    joints: MotionLimits
    hand: MotionLimits
    step: float
    turning_step: float
    joint_step: float
    hand_link: str
    gripper: Gripper
    watch: Watch


def read_robot(path: Path) -> Robot:
    """Read a robot file. Raises LimitsError: one line with the file, the key, and what is right."""
    tree = parse_yaml(read_file(path, LimitsError), path, LimitsError)
    try:
        return _robot(_Group(tree, ""))
    except (LimitsError, EmbodimentError) as error:
        raise LimitsError(f"{path}: {error}") from error


class _Group:
    """A mapping of the file. Every one of its keys has to be taken before `ends`."""

    def __init__(self, tree: object, prefix: str) -> None:
        if not isinstance(tree, dict):
            raise LimitsError(f"{prefix or 'the file'} must hold 'key: value' lines, not {tree!r}")
        self._tree, self._prefix = tree, f"{prefix}." if prefix else ""
        self._left = set(tree)

    def __contains__(self, key: str) -> bool:
        return key in self._tree

    def take(self, key: str) -> Any:
        if key not in self._tree:
            raise LimitsError(f"{self._prefix}{key} is missing")
        self._left.discard(key)
        return self._tree[key]

    def group(self, key: str) -> "_Group":
        return _Group(self.take(key), f"{self._prefix}{key}")

    def text(self, key: str) -> str:
        value = self.take(key)
        if not isinstance(value, str) or not value:
            raise LimitsError(f"{self._prefix}{key} must be a text, not {value!r}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.take(key)
        if not _is_list(values) or not values or not all(isinstance(value, str) for value in values):
            raise LimitsError(f"{self._prefix}{key} must be a list of names, not {values!r}")
        return tuple(values)

    def number(self, key: str, kind: str) -> float:
        return _quantity(self.take(key), kind, f"{self._prefix}{key}")

    def positive(self, key: str, kind: str) -> float:
        value = self.number(key, kind)
        if value <= 0.0:
            raise LimitsError(f"{self._prefix}{key} must be more than 0")
        return value

    def numbers(self, key: str, kind: str, count: int) -> tuple[float, ...]:
        values = self.take(key)
        if not _is_list(values) or len(values) != count:
            raise LimitsError(
                f"{self._prefix}{key} must be a list of {count} numbers with units, not {values!r}"
            )
        return tuple(
            _quantity(value, kind, f"{self._prefix}{key}[{number}]") for number, value in enumerate(values)
        )

    def count(self, key: str) -> int:
        value = self.take(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise LimitsError(f"{self._prefix}{key} must be a whole number from 1, not {value!r}")
        return value

    def ends(self) -> None:
        if self._left:
            raise LimitsError(
                f"nobody knows {self._prefix}{min(map(str, self._left))}: remove it, or correct its name"
            )


def _robot(file: _Group) -> Robot:
    stop = file.positive("stop", "time")
    joints, hand, watch = file.group("joints"), file.group("hand"), file.group("watch")
    gripper, seen = file.group("gripper"), file.group("embodiment")
    names = joints.texts("names")
    if len(set(names)) < len(names):
        raise LimitsError(f"joints.names holds a name twice: {', '.join(names)}")
    count = len(names)
    box = hand.numbers("low", "length", 3), hand.numbers("high", "length", 3)
    fingers = Gripper(gripper.text("joint"), gripper.positive("open", "length"))
    robot = Robot(
        arm=file.text("arm"),
        frame=file.text("frame"),
        joint_names=names,
        joints=_motion(
            "joints",
            low=joints.numbers("low", "angle", count),
            high=joints.numbers("high", "angle", count),
            groups=tuple((axis,) for axis in range(count)),
            speed=joints.numbers("speed", "turning", count),
            acceleration=joints.numbers("acceleration", "turning acceleration", count),
            jerk=joints.numbers("jerk", "turning jerk", count),
            stop_seconds=stop,
        ),
        hand=_motion(
            "hand",
            low=(*box[0], -inf, -inf, -inf),
            high=(*box[1], inf, inf, inf),
            groups=((0, 1, 2), (3, 4, 5)),
            speed=(hand.number("speed", "speed"), hand.number("turning", "turning")),
            acceleration=(
                hand.number("acceleration", "acceleration"),
                hand.number("turning_acceleration", "turning acceleration"),
            ),
            jerk=(hand.number("jerk", "jerk"), hand.number("turning_jerk", "turning jerk")),
            stop_seconds=stop,
        ),
        # After the hand's limits, which say more about a box that is none.
        embodiment=_embodiment(seen, box, fingers.joint != NO_GRIPPER),
        step=hand.positive("step", "length"),
        turning_step=hand.positive("turning_step", "angle"),
        joint_step=joints.positive("step", "angle"),
        hand_link=hand.text("link"),
        gripper=fingers,
        watch=Watch(*(watch.positive(key, "time") for key in ("camera", "joints", "plan", "command"))),
    )
    for group in (file, joints, hand, gripper, watch, seen):
        group.ends()
    if robot.watch.command <= robot.embodiment.control_seconds:
        raise LimitsError(
            "watch.command is no longer than embodiment.control_period: every command would come too late"
        )
    return robot


def _embodiment(seen: _Group, box: tuple[tuple[float, ...], tuple[float, ...]], gripper: bool) -> Embodiment:
    """box: the range of the hand's position that networks see as -1 to 1, where the file names no other."""
    turn, named = seen.number("turn", "angle"), seen.text("orientation")
    if not 0.0 <= turn < _LARGEST_TURN:
        raise LimitsError("embodiment.turn must be 0 deg, or more and less than 90 deg")
    orientation: Orientation | None = next((one for one in get_args(Orientation) if one == named), None)
    if orientation is None:
        choices = ", ".join(get_args(Orientation))
        raise LimitsError(f"embodiment.orientation is '{named}': choose one of {choices}")
    low, high = (
        seen.numbers(key, "length", 3) if key in seen else whole
        for key, whole in zip(("low", "high"), box, strict=True)
    )
    return Embodiment(
        camera=seen.text("camera"),
        height=seen.count("height"),
        width=seen.count("width"),
        control_seconds=seen.positive("control_period", "time"),
        frame_skip=seen.count("frame_skip"),
        plan_frames=seen.count("plan_frames"),
        actions=actions_of(seen.positive("displacement", "length"), turn, gripper),
        proprioception=proprioception_of(low, high, orientation, gripper),
    )


def _motion(name: str, **limits: Any) -> MotionLimits:
    try:
        return MotionLimits(**limits)
    except LimitsError as error:
        raise LimitsError(f"{name}: {error}") from error


def _quantity(value: object, kind: str, key: str) -> float:
    units = _UNITS[kind]
    found = _NUMBER.fullmatch(str(value).strip())
    if found is None or found[2] not in units:
        raise LimitsError(f"{key} must be a number with its unit ({', '.join(units)}), not {value!r}")
    # Decimal, so that "7 mm" is the float that 0.007 m is: embodiments are compared.
    return float(Decimal(found[1]) * Decimal(repr(units[found[2]])))


def _is_list(values: object) -> bool:
    return isinstance(values, Sequence) and not isinstance(values, str)
