"""Whether the camera shows what there is: a black picture, or one that stands still while the arm moves."""

from collections.abc import Sequence

import numpy as np

from sail.types import UInt8

# Of 255: no lit scene is as dark everywhere.
_DARK = 8
# Metres of the hand, or radians of a joint, that have to show.
_MOVED = 0.03
# Bytes of a picture that are looked at.
_LOOKED_AT = 4096


class Look:
    """Feed it pictures and where the arm is."""

    def __init__(self) -> None:
        self._last: UInt8 | None = None
        self._at = np.zeros(0)
        self._before = np.zeros(0)

    def fault(self, data: UInt8, arm: Sequence[float]) -> str | None:
        """What is wrong with a picture's bytes (any length), the arm being at (n,); None if nothing is."""
        some = data[:: max(1, data.size // _LOOKED_AT)]
        if some.size == 0 or int(some.max()) < _DARK:
            return "the camera is black"
        at = np.asarray(arm, np.float64)
        # From one picture to the next no arm gets so far: it was put there, or nobody said where it was.
        jumped = at.shape != self._before.shape or bool(np.abs(at - self._before).max(initial=0.0) > _MOVED)
        self._before = at
        same = self._last is not None and np.array_equal(some, self._last)
        if jumped or not same:
            self._last, self._at = some.copy(), at
            return None
        if np.abs(at - self._at).max(initial=0.0) <= _MOVED:
            return None
        # Said once for each such way: an arm that stands still again shows nothing, and may be let go.
        self._at = at
        return "the camera is frozen"
