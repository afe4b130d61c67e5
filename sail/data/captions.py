"""Captions for play: the end effector's motion in words (relabelling in hindsight)."""

import numpy as np

from sail.types import Float32
from sail_envs.suite import Directions

# Motions along an axis shorter than this, in metres, are left out of the caption.
NOTEWORTHY = 0.05


def motion_caption(positions: Float32, directions: Directions) -> str:
    """Describe a window of end-effector positions float32 (N, 3) in metres, half by half.

    The larger motion comes first, for example "move forward and down, then move up". directions: the suite's.
    """
    middle = len(positions) // 2
    halves = [
        _direction(positions[middle] - positions[0], directions),
        _direction(positions[-1] - positions[middle], directions),
    ]
    if halves[0] == halves[1]:
        halves = halves[:1]
    return ", then ".join(halves) if halves != ["stay"] else "stay where you are"


def _direction(change: Float32, directions: Directions) -> str:
    order = np.argsort(-np.abs(change))
    words = [directions[axis][int(change[axis] > 0)] for axis in order[:2] if abs(change[axis]) > NOTEWORTHY]
    return "move " + " and ".join(words) if words else "stay"
