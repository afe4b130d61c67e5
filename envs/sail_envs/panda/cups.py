"""Three cups of different colours in front of a Panda: push the named one forward, and no other."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sail.types import Float32
from sail_envs.panda.panda_tasks import CUP_COLOURS, CUPS
from sail_envs.panda.table import Objects, TableTop, looking, towards

COUNT = 3
RADIUS, HEIGHT = 0.035, 0.1
_ROW, _SPACING = 0.48, 0.18
# Above and below these heights (metres) the hand clears the cups, and meets them.
_CLEAR, _LOW = HEIGHT + 0.06, 0.075


def _cup(number: int) -> str:
    # Cups slide and do not topple, so that what was pushed where is beyond doubt.
    return (
        f'<body name="cup{number}" pos="0 0 {HEIGHT / 2}">'
        f'<joint name="cup{number}_x" type="slide" axis="1 0 0" damping="3" frictionloss="0.6"/>'
        f'<joint name="cup{number}_y" type="slide" axis="0 1 0" damping="3" frictionloss="0.6"/>'
        f'<geom name="cup{number}" type="cylinder" size="{RADIUS} {HEIGHT / 2}" mass="0.1"/></body>'
    )


class PandaCups(TableTop):
    """The simulation; see `TableTop`. Forward is away from the arm's base."""

    objects = Objects(
        suite=CUPS,
        name="cup",
        count=COUNT,
        seen=CUP_COLOURS[0],
        unseen=CUP_COLOURS[1],
        xml="".join(_cup(number) for number in range(COUNT)),
        camera=looking(eye=(1.35, 0.0, 0.75), at=(0.47, 0.0, 0.13)),
    )

    def __init__(self, colour: str) -> None:
        super().__init__(colour)
        self._joints = [self.model.joint(f"cup{number}_x").qposadr[0] for number in range(COUNT)]
        self._begun = np.zeros((COUNT, 2))

    def cup(self, number: int) -> NDArray[np.float64]:
        """Where a cup is on the table: float64 (2,), metres."""
        joint = self._joints[number]
        return np.array(self.data.qpos[joint : joint + 2])

    def progress(self, number: int) -> float:
        """How far a cup has been pushed forward, in metres."""
        return float(self.cup(number)[0] - self._begun[number, 0])

    def disturbed(self, number: int) -> float:
        """How far a cup is from where it began, in metres."""
        return float(np.linalg.norm(self.cup(number) - self._begun[number]))

    def expert(self, number: int) -> Float32:
        """Behind the cup from above, down, and forward."""
        hand, (x, y) = self.arm.position, self.cup(number)
        behind = x - RADIUS - 0.05
        in_line = abs(hand[1] - y) < 0.012
        if in_line and hand[2] < _LOW:
            return towards(np.array([x + 0.1, y, 0.06]), hand)
        if in_line and hand[0] < behind + 0.015:
            return towards(np.array([hand[0], y, 0.06]), hand)
        if hand[2] > _CLEAR:
            return towards(np.array([behind, y, max(hand[2], _CLEAR + 0.04)]), hand)
        return towards(np.array([hand[0], hand[1], _CLEAR + 0.06]), hand)

    def _place(self, rng: Generator) -> None:
        rows = _ROW + rng.uniform(-0.04, 0.04, COUNT)
        columns = _SPACING * (np.arange(COUNT) - 1) + rng.uniform(-0.03, 0.03, COUNT)
        self._begun = np.column_stack([rows, columns])
        for joint, position in zip(self._joints, self._begun, strict=True):
            self.data.qpos[joint : joint + 2] = position
