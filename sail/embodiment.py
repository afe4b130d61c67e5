"""The embodiment: what an arm sees and does. It is kept beside weights, episodes and exported models.

Weights of another embodiment load and run without an error, but their actions mean other motions:
`check_same` compares two embodiments that meet; `check_fit` lets those differ in what decides no meaning.

Version 2 of embodiment.json holds every field. Version 1, of older weights, holds camera, control_seconds and
step_length; the rest is what all weights of that version share.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sail.errors import SailError, not_found, show
from sail.system.reading import read_file

FILE = "embodiment.json"
VERSION = 2
Float64 = NDArray[np.float64]
Kind = Literal[
    "position",
    "rotation",
    "joint_position",
    "joint_velocity",
    "delta_position",
    "delta_rotation",
    "base_velocity",
    "gripper",
    "other",
]
_ROTATIONS: tuple[Kind, ...] = ("rotation", "delta_rotation")
MOST_DIMENSIONS = 32
# The largest whole number of an embodiment.
MOST = 10_000


class EmbodimentError(SailError):
    """An embodiment that cannot be read, makes no sense, or differs from another one."""


@dataclass(frozen=True)
class Dimension:
    """One number of an action, or of proprioception.

    low, high: the range, in `unit`; networks see the number scaled to -1..1. unit: "m", "rad", "m/s",
    "rad/s", or "1" for a number without unit. kind: "position" and "rotation" are the end effector's, in the
    world frame; a "delta_" kind is a change within one control step, in that frame too. An end effector that
    goes to points has positions named x, y and z, and displacements of these names. A rotation is 3 numbers
    in "rad" (an axis-angle vector) or 6 in "1" (a 6-D rotation); see `sail_envs.rotations`.
    """

    name: str
    kind: Kind
    unit: str
    low: float
    high: float

    def __post_init__(self) -> None:
        _check_text("a dimension's name", self.name)
        _check_text(f"the unit of dimension {self.name}", self.unit)
        if self.kind not in get_args(Kind):
            raise EmbodimentError(
                f"dimension {self.name} is of kind {show(self.kind)}: choose one of "
                f"{', '.join(get_args(Kind))}"
            )
        for end in ("low", "high"):
            _check_number(f"{end} of dimension {self.name}", getattr(self, end))
        # Networks scale in float32.
        if not 0.0 < np.float32(self.scale) < np.inf:
            raise EmbodimentError(
                f"dimension {self.name} has the range {self.low:g} to {self.high:g}: give the lower number "
                "first, in a unit in which the range is neither tiny nor huge"
            )

    @property
    def centre(self) -> float:
        """The middle of the range, which becomes 0."""
        return (self.low + self.high) / 2

    @property
    def scale(self) -> float:
        """Half of the range, which becomes 1."""
        return (self.high - self.low) / 2


def places(dimensions: Sequence[Dimension], *kinds: Kind) -> list[int]:
    """Where the numbers of these kinds stand."""
    return [place for place, one in enumerate(dimensions) if one.kind in kinds]


def scaling(dimensions: Sequence[Dimension], places: Sequence[int]) -> tuple[Float64, Float64]:
    """Centre and scale of the numbers at these places: two float64 (n,), in their units."""
    some = [dimensions[place] for place in places]
    return np.array([one.centre for one in some]), np.array([one.scale for one in some])


@dataclass(frozen=True)
class Embodiment:
    """The camera, the clock, and the numbers of an arm.

    camera: name of the camera's place; cameras of one name see a scene alike. height, width: of a frame, in
    pixels. control_seconds: how long one action lasts. frame_skip: control steps between two planned frames.
    plan_frames: future frames of a plan.

    actions: the numbers of an action. An action is stored and predicted as float32 (A,) in -1..1; each number
    is scaled by its dimension's range (-1 is low, 1 is high). proprioception: float32 (P,), in the units of
    its dimensions.
    """

    camera: str
    height: int
    width: int
    control_seconds: float
    frame_skip: int
    plan_frames: int
    actions: tuple[Dimension, ...]
    proprioception: tuple[Dimension, ...]

    def __post_init__(self) -> None:
        _check_text("camera", self.camera)
        for name in ("height", "width", "frame_skip", "plan_frames"):
            value: Any = getattr(self, name)
            whole = isinstance(value, Integral) and not isinstance(value, bool)
            if not whole or not 1 <= value <= MOST:
                raise EmbodimentError(f"{name} is {show(value)}: give a whole number from 1 to {MOST}")
        _check_number("control_seconds", self.control_seconds)
        if self.control_seconds <= 0.0:
            raise EmbodimentError(f"control_seconds is {self.control_seconds:g}: give seconds above 0")
        for name, least in (("actions", 2), ("proprioception", 0)):
            count = len(getattr(self, name))
            if not least <= count <= MOST_DIMENSIONS:
                raise EmbodimentError(
                    f"{name} has {count} dimensions: {least} to {MOST_DIMENSIONS} are possible"
                )
            names = [dimension.name for dimension in getattr(self, name)]
            if len(set(names)) < count:
                raise EmbodimentError(f"two dimensions of {name} share a name: {', '.join(names)}")
            for kind in _ROTATIONS:
                _check_rotations(name, getattr(self, name), kind)

    @property
    def position(self) -> list[int]:
        """Where proprioception has the end effector's x, y and z; empty where one is missing."""
        return _coordinates(self.proprioception, "position")

    @property
    def displacement(self) -> list[int]:
        """Where an action has the end effector's displacement x, y and z; empty where one is missing."""
        return _coordinates(self.actions, "delta_position")

    @property
    def reaches_points(self) -> bool:
        """Whether the end effector can be sent to a point: it is displaced, and its position is felt."""
        return bool(self.position and self.displacement)

    @property
    def orientation(self) -> list[int]:
        """Where proprioception has the end effector's rotation, 3 or 6 numbers; empty where there is none, or
        more than one."""
        return _one_rotation(self.proprioception, "rotation")

    @property
    def turn(self) -> list[int]:
        """Where an action has the change of the end effector's rotation; see `orientation`."""
        return _one_rotation(self.actions, "delta_rotation")

    @property
    def grippers(self) -> list[int]:
        """Where an action has grippers."""
        return places(self.actions, "gripper")

    @property
    def rest(self) -> list[int]:
        """Where an action has numbers that are none of displacement, turn and gripper."""
        known = {*self.displacement, *self.turn, *self.grippers}
        return [place for place in range(len(self.actions)) if place not in known]

    @property
    def targets(self) -> list[int]:
        """Where an action says where something is to be, not how it is to change; grippers are left out."""
        return places(self.actions, "position", "rotation", "joint_position")

    @property
    def changes(self) -> list[int]:
        """Where an action says how something is to change."""
        return places(self.actions, "delta_position", "delta_rotation", "joint_velocity", "base_velocity")

    @property
    def step_length(self) -> float:
        """Metres that the end effector moves by an action of 1: the largest of the displacements' ranges."""
        return max((one.high for one in self.actions if one.kind == "delta_position"), default=0.0)

    def as_dict(self) -> dict[str, Any]:
        """The embodiment in JSON's values; `embodiment_of` reads them."""
        return {"version": VERSION, **asdict(self)}

    def as_json(self) -> bytes:
        """The content of embodiment.json."""
        plain = json.dumps(self.as_dict(), indent=2, default=lambda number: number.item())  # NumPy's numbers
        return (plain + "\n").encode()


def cartesian(camera: str, control_seconds: float, step_length: float) -> Embodiment:
    """The embodiment of version 1: 64-pixel frames, an end effector that is displaced, and a gripper.

    The ranges of proprioception are MetaWorld's workspace, for the Panda too: the weights that ship were
    trained with them.
    """
    return Embodiment(
        camera=camera,
        height=64,
        width=64,
        control_seconds=control_seconds,
        frame_skip=8,
        plan_frames=8,
        actions=(
            *(Dimension(axis, "delta_position", "m", -step_length, step_length) for axis in "xyz"),
            Dimension("gripper", "gripper", "1", -1.0, 1.0),
        ),
        proprioception=(
            Dimension("x", "position", "m", -0.3, 0.3),
            Dimension("y", "position", "m", 0.35, 0.95),
            Dimension("z", "position", "m", 0.0, 0.4),
            Dimension("gripper", "gripper", "1", 0.0, 1.0),
        ),
    )


def read_embodiment(folder: Path) -> Embodiment:
    """The embodiment in a folder. Raises EmbodimentError."""
    path = folder / FILE
    missing = "it says what camera and actions the weights know; sail train writes it"
    try:
        content = json.loads(read_file(path, EmbodimentError, missing=missing))
        return embodiment_of(content)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise EmbodimentError(
            f"{path} does not say what camera and actions the weights know ({error}): copy or write it again"
        ) from error
    except EmbodimentError as error:
        raise EmbodimentError(f"{path}: {error}") from error


def embodiment_of(content: object) -> Embodiment:
    """The embodiment in a JSON object of version 1 or 2. Raises KeyError, TypeError, ValueError or
    EmbodimentError."""
    if not isinstance(content, Mapping):
        raise ValueError("no JSON object")
    version = content.get("version", 1)
    if version == 1:
        given = _fields(content, ("camera", "control_seconds", "step_length"))
        _check_number("step_length", given["step_length"])
        return cartesian(**given)
    if version != VERSION:
        raise ValueError(f"version {show(version)}; this one reads 1 and {VERSION}")
    given = _fields(content, [field.name for field in fields(Embodiment)])
    numbers = {name: _dimensions(name, given[name]) for name in ("actions", "proprioception")}
    return Embodiment(**{**given, **numbers})


def _dimensions(what: str, content: object) -> tuple[Dimension, ...]:
    if not isinstance(content, list | tuple) or not all(isinstance(one, Mapping) for one in content):
        raise ValueError(f"{what} is {show(content)}, no list of dimensions")
    return tuple(Dimension(**_fields(one, [field.name for field in fields(Dimension)])) for one in content)


def _fields(content: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The fields of these names. Raises ValueError where one is missing, or another one is there."""
    for name in [*names, *content]:
        if name not in content:
            raise ValueError(f"{name} is missing")
        if name not in names and name != "version":
            raise ValueError(not_found("field", str(name), list(names)))
    return {name: content[name] for name in names}


def _check_text(what: str, value: object) -> None:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise EmbodimentError(f"{what} is {show(value)}: give a text on one line")


def _check_number(what: str, value: Any) -> None:
    try:
        number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise EmbodimentError(f"{what} is {show(value)}: give a finite number")


def _coordinates(dimensions: Sequence[Dimension], kind: Kind) -> list[int]:
    named = {dimensions[place].name: place for place in places(dimensions, kind)}
    return [named[axis] for axis in "xyz"] if named.keys() >= set("xyz") else []


def _angles(dimensions: Sequence[Dimension], kind: Kind) -> tuple[int, int]:
    """How many numbers of a kind of rotation are of axis-angle vectors, and how many of 6-D rotations."""
    units = [one.unit for one in dimensions if one.kind == kind]
    return units.count("rad"), len(units) - units.count("rad")


def _one_rotation(dimensions: Sequence[Dimension], kind: Kind) -> list[int]:
    return places(dimensions, kind) if _angles(dimensions, kind) in ((3, 0), (0, 6)) else []


def _check_rotations(name: str, dimensions: Sequence[Dimension], kind: Kind) -> None:
    vectors, sixes = _angles(dimensions, kind)
    if vectors % 3 or sixes % 6:
        raise EmbodimentError(
            f"{name} has {vectors} numbers of kind {kind} in rad and {sixes} in other units: "
            "an axis-angle vector has 3 in rad, a 6-D rotation 6 in 1; a single angle is of kind other"
        )


def check_same(one: Embodiment, name: str, other: Embodiment, other_name: str, cure: str) -> None:
    """Raise EmbodimentError where two embodiments differ: the first such field, both values, and the cure."""
    for field in fields(Embodiment):
        value, other_value = getattr(one, field.name), getattr(other, field.name)
        if value == other_value:
            continue
        shown, other_shown = (_shown(some) for some in (value, other_value))
        raise EmbodimentError(f"{field.name} is {shown} in {name}, {other_shown} in {other_name}: {cure}")


def check_fit(one: Embodiment, name: str, other: Embodiment, other_name: str, cure: str) -> None:
    """As `check_same`, but for what decides neither what a frame nor what a number means: the length of a
    plan, and the ranges of proprioception, which only scale what networks see."""

    def felt(embodiment: Embodiment) -> list[tuple[str, Kind, str]]:
        return [(number.name, number.kind, number.unit) for number in embodiment.proprioception]

    scaled = one.proprioception if felt(one) == felt(other) else other.proprioception
    alike = replace(other, plan_frames=one.plan_frames, proprioception=scaled)
    check_same(one, name, alike, other_name, cure)


def _shown(value: object) -> str:
    """A field's value in one line."""
    if isinstance(value, tuple):
        return ", ".join(f"{one.name} ({one.kind}, {one.low:g} to {one.high:g} {one.unit})" for one in value)
    return str(value)
