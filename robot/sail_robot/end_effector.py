"""The hand and the gripper behind an embodiment's numbers: what an action does, what proprioception feels.

An arm's action is the hand's displacement x, y, z; where the embodiment turns the hand, its turn about the
same axes, an axis-angle vector; and where the arm has a gripper, the gripper's effort. Its proprioception is
the hand's position, its orientation where the embodiment says so, and the gripper's opening. Plain Python.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sail.embodiment import Dimension, Embodiment, EmbodimentError, Kind, check_fit
from sail.types import Float32
from sail_robot.quaternions import columns_of, turn_between, vector_of

Vector = NDArray[np.float64]
# How networks see the hand's orientation, if they see it.
Orientation = Literal["none", "axis-angle", "6-D"]

# What the robot's nodes move, and what they hear of.
_MOVED: tuple[Kind, ...] = ("delta_position", "delta_rotation", "gripper")
_HEARD: tuple[Kind, ...] = ("position", "rotation", "gripper")


class MismatchError(EmbodimentError):
    """Weights that were trained for another camera, for other actions, or for what no node moves."""


class Motion(NamedTuple):
    """What an action asks for. hand: float64 (6,), displacement in metres and turn in radians, in the robot's
    frame. opening: of the gripper, 0 (closed) to 1; None without a gripper."""

    hand: Vector
    opening: float | None


def actions_of(displacement: float, turn: float, gripper: bool) -> tuple[Dimension, ...]:
    """The numbers of an arm's action. displacement, turn: the largest ones, in metres and radians; with a
    turn of 0 the hand keeps its orientation."""
    numbers = [Dimension(axis, "delta_position", "m", -displacement, displacement) for axis in "xyz"]
    if turn > 0.0:
        numbers += [Dimension(f"turn_{axis}", "delta_rotation", "rad", -turn, turn) for axis in "xyz"]
    return (*numbers, *([Dimension("gripper", "gripper", "1", -1.0, 1.0)] if gripper else []))


def proprioception_of(
    low: Sequence[float], high: Sequence[float], orientation: Orientation, gripper: bool
) -> tuple[Dimension, ...]:
    """The numbers of an arm's proprioception. low, high: the range of the hand's position, in metres."""
    numbers = [
        Dimension(axis, "position", "m", least, most)
        for axis, least, most in zip("xyz", low, high, strict=True)
    ]
    if orientation == "axis-angle":
        numbers += [Dimension(f"angle_{axis}", "rotation", "rad", -np.pi, np.pi) for axis in "xyz"]
    if orientation == "6-D":
        names = [f"column{column}_{axis}" for column in "12" for axis in "xyz"]
        numbers += [Dimension(name, "rotation", "1", -1.0, 1.0) for name in names]
    return (*numbers, *([Dimension("gripper", "gripper", "1", 0.0, 1.0)] if gripper else []))


def check_weights(known: Embodiment, name: str, arm: Embodiment) -> None:
    """Refuse weights that no node can move an arm by, or that know another one than this.

    known: the weights' embodiment. name: of the weights. arm: the robot file's embodiment. Raises
    MismatchError.
    """
    for numbers, kinds in ((known.actions, _MOVED), (known.proprioception, _HEARD)):
        for one in numbers:
            if one.kind not in kinds:
                raise MismatchError(
                    f"{name} has the number {one.name} of kind {one.kind}; the robot's nodes know "
                    f"{', '.join(kinds)}: take weights that move a hand (base)"
                )
    cure = "take weights that were trained for this arm (base), or correct the robot file (embodiment)"
    try:
        check_fit(known, name, arm, "the robot file", cure)
    except EmbodimentError as error:
        raise MismatchError(str(error)) from error


class EndEffector:
    """Converts between a robot file's embodiment and the hand.

    Orientations are quaternions x, y, z, w. Openings go from 0 (closed) to 1.
    """

    def __init__(self, embodiment: Embodiment) -> None:
        self.embodiment = embodiment
        moved = [one for one in embodiment.actions if one.kind != "gripper"]
        self._most = np.array([one.high for one in moved])
        self._grips = len(moved) < len(embodiment.actions)
        self._rotation = sum(one.kind == "rotation" for one in embodiment.proprioception)

    def motion(self, action: Float32) -> Motion:
        """What an action float32 (A,) in -1..1 asks for."""
        hand = np.zeros(6)
        hand[: len(self._most)] = self._most * action[: len(self._most)].astype(np.float64)
        return Motion(hand, (1.0 - float(action[-1])) / 2.0 if self._grips else None)

    def proprioception(self, position: ArrayLike, orientation: ArrayLike, opening: ArrayLike) -> Float32:
        """What networks see, float32 (..., P), of positions (..., 3) in metres, orientations (..., 4) and
        openings (...). NaN where an orientation is needed and that is none."""
        parts = [np.asarray(position, np.float64)]
        if self._rotation:
            parts.append((vector_of if self._rotation == 3 else columns_of)(orientation))
        if self._grips:
            parts.append(np.asarray(opening, np.float64)[..., None])
        return np.concatenate(parts, axis=-1).astype(np.float32)

    def actions(self, position: ArrayLike, orientation: ArrayLike, opening: ArrayLike) -> Float32:
        """The actions float32 (T, A) in -1..1 that lead from each state of the hand to the next, as far as an
        action can: positions (T+1, 3), orientations (T+1, 4), openings (T+1,)."""
        moved = np.diff(np.asarray(position, np.float64), axis=0)
        if len(self._most) > 3:
            orientation = np.asarray(orientation, np.float64)
            moved = np.concatenate([moved, turn_between(orientation[:-1], orientation[1:])], axis=-1)
        parts = [moved / self._most]
        if self._grips:
            parts.append(1.0 - 2.0 * np.asarray(opening, np.float64)[1:, None])
        return np.clip(np.concatenate(parts, axis=-1), -1.0, 1.0).astype(np.float32)
