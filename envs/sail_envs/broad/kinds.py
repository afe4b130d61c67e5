"""The kinds of objects in the broad corpus' scenes: how each is built, and what can be done with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Vector = NDArray[np.float64]

# Metres. The end effector is this far above the fingertips, so it can go no lower over the table.
TIP = 0.05
_LOW = TIP + 0.01
# From an object's surface to where the closed hand begins to push it.
_GAP = 0.045
_PUSH = 0.11
# From a drawer's front to its handle.
_HANDLE = 0.08
_DIRECTIONS: dict[str, Vector] = {
    "forward": np.array([1.0, 0.0]),
    "back": np.array([-1.0, 0.0]),
    "left": np.array([0.0, 1.0]),
    "right": np.array([0.0, -1.0]),
}


@dataclass(frozen=True)
class Stroke:
    """What a hand does with an object: from above to `start`, then straight to `end` (metres, from the
    object's place). lifts: it goes down open and closes before it moves on."""

    start: Vector
    end: Vector
    lifts: bool = False


@dataclass(frozen=True)
class Motion:
    """One motion with an object.

    stroke: makes the hand's stroke for an object of a given size. joint: ending of the name of the object's
    joint that must move; "" where the hand only has to reach the end. sign, far: direction and least distance
    of the joint's motion, in metres or radians. begun: the joint's position at the start.
    """

    stroke: Callable[[float], Stroke]
    joint: str = ""
    sign: float = 1.0
    far: float = 0.05
    begun: float = 0.0


@dataclass(frozen=True)
class Kind:
    """nouns: what it is called. xml: MJCF inside its body, from its name, size (metres) and generator; the
    geoms whose names begin with the object's own carry its colour. sizes: the smallest and the largest."""

    nouns: tuple[str, ...]
    motions: Mapping[str, Motion]
    xml: Callable[[str, float, Generator], str]
    sizes: tuple[float, float] = (0.025, 0.04)
    joints: tuple[str, ...] = field(default=("_x", "_y", "_z"))


def _numbers(values: object) -> str:
    return " ".join(f"{value:.4f}" for value in np.ravel(np.asarray(values, np.float64)))


def _geom(kind: str, size: object, position: object, more: str = "") -> str:
    return f'<geom type="{kind}" size="{_numbers(size)}" pos="{_numbers(position)}" {more}/>'


def _grey(rng: Generator) -> str:
    return f'rgba="{_numbers([*np.full(3, rng.uniform(0.1, 0.9)), 1.0])}" mass="0.05"'


def _movable(shape: Callable[[str, float, Generator], str]) -> Callable[[str, float, Generator], str]:
    """Slides on the table and is lifted off it, but does not topple."""

    def xml(name: str, size: float, rng: Generator) -> str:
        slides = "".join(
            f'<joint name="{name}_{axis}" type="slide" axis="{direction}" damping="3" frictionloss="0.6"/>'
            for axis, direction in (("x", "1 0 0"), ("y", "0 1 0"))
        )
        return f'{slides}<joint name="{name}_z" type="slide" axis="0 0 1"/>{shape(name, size, rng)}'

    return xml


def _pushes() -> dict[str, Motion]:
    def pushed(direction: Vector) -> Callable[[float], Stroke]:
        def stroke(size: float) -> Stroke:
            start = -direction * (size + _GAP)
            return Stroke(np.append(start, _LOW), np.append(start + direction * (_PUSH + _GAP), _LOW))

        return stroke

    return {
        f"push {name}": Motion(pushed(direction), "_x" if direction[0] else "_y", float(direction.sum()))
        for name, direction in _DIRECTIONS.items()
    }


def _touched(height: float) -> Motion:
    """Reach for the top of an object that is `height` times its size high."""

    def stroke(size: float) -> Stroke:
        top = height * size + TIP
        return Stroke(np.array([0.0, 0.0, top + 0.05]), np.array([0.0, 0.0, top + 0.004]))

    return Motion(stroke)


def _lifted(size: float) -> Stroke:
    return Stroke(np.array([0.0, 0.0, _LOW + 0.005]), np.array([0.0, 0.0, _LOW + 0.15]), lifts=True)


_LIFT = {"lift": Motion(_lifted, "_z", 1.0, 0.06)}


def _block(name: str, size: float, rng: Generator) -> str:
    return _geom("box", [size, size, size], [0, 0, size], f'name="{name}" mass="0.08"')


def _ball(name: str, size: float, rng: Generator) -> str:
    return _geom("sphere", [size], [0, 0, size], f'name="{name}" mass="0.08"')


def _egg(name: str, size: float, rng: Generator) -> str:
    return _geom("ellipsoid", [size, size, 1.5 * size], [0, 0, 1.5 * size], f'name="{name}" mass="0.08"')


def _bar(name: str, size: float, rng: Generator) -> str:
    return _geom("box", [0.7 * size, 0.7 * size, 2 * size], [0, 0, 2 * size], f'name="{name}" mass="0.08"')


def _mug(name: str, size: float, rng: Generator) -> str:
    handle = _geom("box", [0.008, 0.4 * size, 0.7 * size], [0, 1.3 * size, 1.4 * size], f'name="{name}_ear"')
    return _geom("cylinder", [size, 1.4 * size], [0, 0, 1.4 * size], f'name="{name}" mass="0.08"') + handle


def _button(name: str, size: float, rng: Generator) -> str:
    base = _geom("box", [1.6 * size, 1.6 * size, 0.02], [0, 0, 0.02], _grey(rng))
    return (
        f'{base}<body name="{name}_cap"><joint name="{name}_down" type="slide" axis="0 0 -1" limited="true" '
        f'range="0 0.015" damping="3" stiffness="20"/>'
        + _geom("cylinder", [size, 0.02], [0, 0, 0.075], f'name="{name}" mass="0.05"')
        + "</body>"
    )


def _pressed(size: float) -> Stroke:
    return Stroke(np.array([0.0, 0.0, 0.15]), np.array([0.0, 0.0, 0.08 + TIP]))


def _lever(name: str, size: float, rng: Generator) -> str:
    length = 4 * size
    return (
        _geom("cylinder", [0.02, 0.015], [0, 0, 0.015], _grey(rng))
        + f'<body name="{name}_arm"><joint name="{name}_turn" type="hinge" axis="0 0 1" damping="0.05" '
        'frictionloss="0.02"/>'
        + _geom(
            "box",
            [length / 2, 0.012, 0.02],
            [-length / 2, 0, 0.05],
            f'name="{name}" mass="0.05"',
        )
        + "</body>"
    )


def _turned(sign: float) -> Callable[[float], Stroke]:
    def stroke(size: float) -> Stroke:
        reach = -3.2 * size
        return Stroke(np.array([reach, -sign * 0.06, _LOW]), np.array([reach + 0.02, sign * 0.08, _LOW]))

    return stroke


def _slider(name: str, size: float, rng: Generator) -> str:
    rail = _geom("box", [0.012, 0.14, 0.012], [0, 0, 0.012], _grey(rng))
    return (
        f'{rail}<body name="{name}_grip"><joint name="{name}_y" type="slide" axis="0 1 0" limited="true" '
        'range="-0.1 0.1" damping="3" frictionloss="0.5"/>'
        + _geom("box", [0.02, 0.6 * size, 1.2 * size], [0, 0, 1.2 * size + 0.02], f'name="{name}" mass="0.1"')
        + "</body>"
    )


def _slid(sign: float) -> Callable[[float], Stroke]:
    def stroke(size: float) -> Stroke:
        begin = -sign * (0.6 * size + _GAP)
        return Stroke(np.array([0.0, begin, TIP + 0.035]), np.array([0.0, begin + sign * 0.13, TIP + 0.035]))

    return stroke


def _gate(name: str, size: float, rng: Generator) -> str:
    width = 4 * size
    return (
        _geom("cylinder", [0.012, 0.075], [0, width / 2, 0.075], _grey(rng))
        + f'<body name="{name}_panel" pos="0 {width / 2:.4f} 0"><joint name="{name}_hinge" type="hinge" '
        'axis="0 0 -1" damping="0.08" frictionloss="0.03"/>'
        + _geom(
            "box",
            [0.008, width / 2 - 0.01, 0.06],
            [0, -width / 2 - 0.01, 0.07],
            f'name="{name}" mass="0.1"',
        )
        + "</body>"
    )


def _gate_opened(size: float) -> Stroke:
    end = -1.7 * size
    return Stroke(np.array([0.055, end, _LOW + 0.02]), np.array([-0.09, end + 0.01, _LOW + 0.02]))


def _gate_closed(size: float) -> Stroke:
    return Stroke(np.array([-0.13, -0.5 * size, _LOW + 0.02]), np.array([-0.025, -1.5 * size, _LOW + 0.02]))


def _tray(name: str, size: float, rng: Generator) -> str:
    """A drawer without a lid: the hand reaches in behind its front."""
    grey, width = _grey(rng), 2.4 * size
    walls = "".join(
        _geom("box", [0.09, 0.006, 0.04], [0.09, side * (width + 0.012), 0.04], grey) for side in (-1, 1)
    )
    back = _geom("box", [0.006, width, 0.04], [0.18, 0, 0.04], grey)
    return (
        f'{walls}{back}<body name="{name}_box"><joint name="{name}_out" type="slide" axis="-1 0 0" '
        'limited="true" range="0 0.13" damping="4" frictionloss="0.8"/>'
        + _geom("box", [0.008, width, 0.045], [0, 0, 0.05], f'name="{name}" mass="0.2"')
        + _geom("box", [0.08, width, 0.004], [0.08, 0, 0.012], f'name="{name}_floor" mass="0.1"')
        + "</body>"
    )


def _tray_opened(size: float) -> Stroke:
    return Stroke(np.array([0.04, 0.0, _LOW + 0.02]), np.array([-0.08, 0.0, _LOW + 0.02]))


def _tray_closed(size: float) -> Stroke:
    return Stroke(np.array([-0.17, 0.0, _LOW + 0.02]), np.array([-0.035, 0.0, _LOW + 0.02]))


def _chest(name: str, size: float, rng: Generator) -> str:
    """A drawer with a lid and a handle: the hand reaches in between its front and the handle."""
    grey, dark, width = _grey(rng), _grey(rng), 1.9 * size
    shell = _geom("box", [0.08, width + 0.01, 0.005], [0.09, 0, 0.115], grey) + "".join(
        _geom("box", [0.08, 0.005, 0.055], [0.09, side * (width + 0.01), 0.055], grey) for side in (-1, 1)
    )
    handle = _geom("box", [0.008, 0.7 * width, 0.015], [-_HANDLE, 0, 0.06], dark) + "".join(
        _geom("box", [_HANDLE / 2, 0.006, 0.01], [-_HANDLE / 2, side * 0.65 * width, 0.06], dark)
        for side in (-1, 1)
    )
    return (
        f'{shell}<body name="{name}_box"><joint name="{name}_out" type="slide" axis="-1 0 0" '
        'limited="true" range="0 0.14" damping="4" frictionloss="0.8"/>'
        + _geom("box", [0.01, width, 0.05], [0, 0, 0.055], f'name="{name}" mass="0.2"')
        + f"{handle}</body>"
    )


def _chest_opened(size: float) -> Stroke:
    return Stroke(np.array([-_HANDLE / 2, 0.0, _LOW]), np.array([-_HANDLE / 2 - 0.13, 0.0, _LOW]))


def _chest_closed(size: float) -> Stroke:
    return Stroke(np.array([-_HANDLE / 2 - 0.1, 0.0, _LOW]), np.array([-_HANDLE / 2, 0.0, _LOW]))


def _drawer(
    xml: Callable[[str, float, Generator], str],
    opened: Callable[[float], Stroke],
    closed: Callable[[float], Stroke],
) -> Kind:
    motions = {
        "open": Motion(opened, "_out", 1.0, 0.06),
        "close": Motion(closed, "_out", -1.0, 0.06, begun=0.11),
    }
    return Kind(("drawer",), motions, xml, joints=("_out",))


KINDS: dict[str, Kind] = {
    "block": Kind(("block", "cube", "box"), {**_pushes(), **_LIFT, "touch": _touched(2.0)}, _movable(_block)),
    "ball": Kind(("ball", "sphere"), {**_pushes(), "touch": _touched(2.0)}, _movable(_ball)),
    "egg": Kind(("egg", "ellipsoid"), {**_pushes(), **_LIFT, "touch": _touched(3.0)}, _movable(_egg)),
    "bar": Kind(("bar", "pillar", "tower"), {**_pushes(), "touch": _touched(4.0)}, _movable(_bar)),
    "mug": Kind(("cup", "mug"), {**_pushes(), "touch": _touched(2.8)}, _movable(_mug)),
    "button": Kind(("button",), {"press": Motion(_pressed, "_down", 1.0, 0.01)}, _button, joints=("_down",)),
    "lever": Kind(
        ("lever", "switch", "pointer"),
        {
            "turn left": Motion(_turned(1.0), "_turn", -1.0, 0.35),
            "turn right": Motion(_turned(-1.0), "_turn", 1.0, 0.35),
        },
        _lever,
        joints=("_turn",),
    ),
    "slider": Kind(
        ("slider", "grip"),
        {
            "slide left": Motion(_slid(1.0), "_y", 1.0, 0.05),
            "slide right": Motion(_slid(-1.0), "_y", -1.0, 0.05),
        },
        _slider,
        joints=("_y",),
    ),
    "gate": Kind(
        ("gate", "door"),
        {
            "open": Motion(_gate_opened, "_hinge", 1.0, 0.35),
            "close": Motion(_gate_closed, "_hinge", -1.0, 0.35, begun=1.0),
        },
        _gate,
        joints=("_hinge",),
    ),
    "tray": _drawer(_tray, _tray_opened, _tray_closed),
    "chest": _drawer(_chest, _chest_opened, _chest_closed),
}
