"""The robot file: joints, gripper, limits of motion, deadlines of what is heard, and the camera.

Every number carries its unit ("250 mm/s", "-150 deg"). A number without one, or with a unit of another kind,
is an error: to guess between degrees and radians would be dangerous.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, pi
from pathlib import Path
from typing import Any

import yaml

from sail.embodiment import Embodiment
from sail.errors import SailError
from sail.system.files import file_errors
from sail_robot.motion import LimitsError, MotionLimits

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
_NUMBER = re.compile(r"([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)\s*(\S*)")


class MismatchError(SailError):
    """Weights that were trained for another camera or for other actions."""


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
    """joint: the finger's name, or "none" without a gripper. open: the finger's position when open, in
    metres."""

    joint: str
    open: float


@dataclass(frozen=True)
class Robot:
    """The content of a robot file, in metres, radians and seconds.

    frame: of the hand's pose and of commands. camera: the one that weights must have been trained with.
    joints: limits of one axis each, in the order of joint_names. hand: limits of six axes, position and
    turning about each. step, joint_step: how far a commanded position may be from the hand, or from a joint.
    hand_link: the link whose pose is the hand's.
    """

    arm: str
    frame: str
    camera: str
    joint_names: tuple[str, ...]
    joints: MotionLimits
    hand: MotionLimits
    step: float
    joint_step: float
    hand_link: str
    gripper: Gripper
    watch: Watch


def read_robot(path: Path) -> Robot:
    """Read a robot file. Raises LimitsError: one line with the file, the key, and what is right."""
    try:
        with file_errors(path, "read", LimitsError):
            tree = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LimitsError(f"{path} is not valid YAML: {' '.join(str(error).split())[:200]}") from error
    try:
        return _robot(_Group(tree, ""))
    except LimitsError as error:
        raise LimitsError(f"{path}: {error}") from error


def check_embodiment(known: Embodiment, camera: str, name: str) -> None:
    """Refuse weights that were trained for another camera than the robot's, or for other actions than
    displacements of STEP_LENGTH within CONTROL_SECONDS.

    known: the weights' embodiment. camera: the robot's. name: of the weights, for the message. Raises
    MismatchError.
    """
    from sail_envs.panda.arm import CONTROL_SECONDS, STEP_LENGTH  # Gymnasium, which the guard does without

    if known.camera != camera:
        raise MismatchError(
            f"{name} knows the camera '{known.camera}', the robot's is '{camera}': take weights that were "
            "trained with it (base), or correct the robot file (camera)"
        )
    if (known.control_seconds, known.step_length) != (CONTROL_SECONDS, STEP_LENGTH):
        raise MismatchError(
            f"{name} was trained for actions of {known.step_length:g} m in {known.control_seconds:g} s, not "
            f"{STEP_LENGTH:g} m in {CONTROL_SECONDS:g} s: take weights that were trained for these (base)"
        )


class _Group:
    """A mapping of the file. Every one of its keys has to be taken before `ends`."""

    def __init__(self, tree: object, prefix: str) -> None:
        if not isinstance(tree, dict):
            raise LimitsError(f"{prefix or 'the file'} must hold 'key: value' lines, not {tree!r}")
        self._tree, self._prefix = tree, f"{prefix}." if prefix else ""
        self._left = set(tree)

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

    def ends(self) -> None:
        if self._left:
            raise LimitsError(
                f"nobody knows {self._prefix}{min(map(str, self._left))}: remove it, or correct its name"
            )


def _robot(file: _Group) -> Robot:
    stop = file.positive("stop", "time")
    joints, hand, watch = file.group("joints"), file.group("hand"), file.group("watch")
    gripper = file.group("gripper")
    names = joints.texts("names")
    if len(set(names)) < len(names):
        raise LimitsError(f"joints.names holds a name twice: {', '.join(names)}")
    count = len(names)
    robot = Robot(
        arm=file.text("arm"),
        frame=file.text("frame"),
        camera=file.text("camera"),
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
            low=(*hand.numbers("low", "length", 3), -inf, -inf, -inf),
            high=(*hand.numbers("high", "length", 3), inf, inf, inf),
            groups=((0, 1, 2), (3, 4, 5)),
            speed=(hand.number("speed", "speed"), hand.number("turning", "turning")),
            acceleration=(
                hand.number("acceleration", "acceleration"),
                hand.number("turning_acceleration", "turning acceleration"),
            ),
            jerk=(hand.number("jerk", "jerk"), hand.number("turning_jerk", "turning jerk")),
            stop_seconds=stop,
        ),
        step=hand.positive("step", "length"),
        joint_step=joints.positive("step", "angle"),
        hand_link=hand.text("link"),
        gripper=Gripper(gripper.text("joint"), gripper.positive("open", "length")),
        watch=Watch(*(watch.positive(key, "time") for key in ("camera", "joints", "plan", "command"))),
    )
    for group in (file, joints, hand, gripper, watch):
        group.ends()
    return robot


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
    return float(found[1]) * units[found[2]]


def _is_list(values: object) -> bool:
    return isinstance(values, Sequence) and not isinstance(values, str)
