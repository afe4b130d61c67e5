"""A watch on the camera: whether its image is black, or stands still while the arm moves."""

from collections.abc import Sequence

import numpy as np

from sail.types import UInt8

# Grey levels, of 255. No lit scene is as dark everywhere.
_DARK = 8
# Metres that the hand moves at least before a change of the image is due.
_VISIBLE = 0.03
# Bytes of an image that are compared.
_COMPARED = 4096


class CameraWatch:
    """Tell it every image, with the hand's position."""

    def __init__(self) -> None:
        self._last: UInt8 | None = None
        self._at = np.zeros(0)
        self._before = np.zeros(0)

    def fault(self, data: UInt8, arm: Sequence[float]) -> str | None:
        """What is wrong with an image, or None. data: its bytes, any number. arm: the hand's position (n,) in
        metres when the image was taken, empty where it is not known."""
        some = data[:: max(1, data.size // _COMPARED)]
        if some.size == 0 or int(some.max()) < _DARK:
            return "the camera is black"
        at = np.asarray(arm, np.float64)
        # No arm gets so far from one image to the next: it was put there, or its position was not known.
        jumped = at.shape != self._before.shape or bool(np.abs(at - self._before).max(initial=0.0) > _VISIBLE)
        self._before = at
        same = self._last is not None and np.array_equal(some, self._last)
        if jumped or not same:
            self._last, self._at = some.copy(), at
            return None
        if np.abs(at - self._at).max(initial=0.0) <= _VISIBLE:
            return None
        # One fault for each motion: after a stop the arm stands still, so no new fault hinders `clear`.
        self._at = at
        return "the camera is frozen"
