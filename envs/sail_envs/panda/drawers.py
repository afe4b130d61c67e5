"""Two drawers of different colours in front of a Panda: open the named one, and leave the other."""

import numpy as np
from numpy.random import Generator

from sail.types import Float32
from sail_envs.panda.panda_tasks import DRAWER_COLOURS, DRAWERS
from sail_envs.panda.table import Objects, TableTop, looking, towards

COUNT = 2
# Metres. A drawer's handle stands this far in front of it: a closed hand fits in between from above.
_GAP = 0.07
_FRONT, _SPACING, _WIDTH, _HEIGHT = 0.62, 0.26, 0.1, 0.07
_CLEAR, _LOW = 0.2, 0.085


def _box(size: tuple[float, float, float], position: tuple[float, float, float], more: str) -> str:
    half, centre = (" ".join(map(str, numbers)) for numbers in (size, position))
    return f'<geom type="box" size="{half}" pos="{centre}" {more}/>'


def _drawer(number: int) -> str:
    grey, dark = 'rgba=".8 .8 .78 1"', 'rgba=".2 .2 .2 1" mass="0.03"'
    wall = _WIDTH + 0.01
    chest = (
        _box((0.1, wall, 0.005), (0.115, 0, 2 * _HEIGHT + 0.005), grey)
        + _box((0.1, 0.005, _HEIGHT), (0.115, wall, _HEIGHT), grey)
        + _box((0.1, 0.005, _HEIGHT), (0.115, -wall, _HEIGHT), grey)
    )
    front = _box((0.01, _WIDTH - 0.01, _HEIGHT - 0.01), (0, 0, _HEIGHT), f'name="drawer{number}" mass="0.3"')
    handle = (
        _box((0.006, 0.05, 0.02), (-_GAP, 0, _HEIGHT), dark)
        + _box((_GAP / 2, 0.006, 0.012), (-_GAP / 2, 0.045, _HEIGHT), dark)
        + _box((_GAP / 2, 0.006, 0.012), (-_GAP / 2, -0.045, _HEIGHT), dark)
    )
    # The chest stands still; the drawer slides towards the arm's base.
    return (
        f'<body name="chest{number}">{chest}<body name="drawer{number}">'
        f'<joint name="drawer{number}" type="slide" axis="-1 0 0" limited="true" range="0 0.15" damping="5" '
        f'frictionloss="1"/>{front}{handle}</body></body>'
    )


class PandaDrawers(TableTop):
    """The simulation; see `TableTop`."""

    objects = Objects(
        suite=DRAWERS,
        name="drawer",
        count=COUNT,
        seen=DRAWER_COLOURS[0],
        unseen=DRAWER_COLOURS[1],
        xml="".join(_drawer(number) for number in range(COUNT)),
        camera=looking(eye=(0.1, -0.65, 0.75), at=(0.55, 0.02, 0.08)),
    )

    def progress(self, number: int) -> float:
        """How far a drawer is open, in metres."""
        return float(self.data.joint(f"drawer{number}").qpos[0])

    def disturbed(self, number: int) -> float:
        """The same: a drawer can only be opened."""
        return self.progress(number)

    def expert(self, number: int) -> Float32:
        """Above the gap behind the handle, down into it, and back."""
        hand = self.arm.position
        x, y, _ = self.model.body(f"chest{number}").pos
        gap = x - self.progress(number) - _GAP / 2
        in_line = abs(hand[1] - y) < 0.012 and abs(hand[0] - gap) < 0.03
        if in_line and hand[2] < _LOW:
            return towards(np.array([hand[0] - 0.1, y, 0.075]), hand)
        if in_line and abs(hand[0] - gap) < 0.012:
            return towards(np.array([gap, y, 0.07]), hand)
        if hand[2] > _CLEAR:
            return towards(np.array([gap, y, max(hand[2], _CLEAR + 0.03)]), hand)
        return towards(np.array([hand[0], hand[1], _CLEAR + 0.05]), hand)

    def _place(self, rng: Generator) -> None:
        for number in range(COUNT):
            y = _SPACING * (number - 0.5) + rng.uniform(-0.015, 0.015)
            self.model.body(f"chest{number}").pos = [_FRONT + rng.uniform(-0.03, 0.03), y, 0.0]
