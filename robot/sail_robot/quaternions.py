"""Orientations as ROS has them, unit quaternions x, y, z, w, and turns as axis-angle vectors in radians.

A turn is about the axes of the frame that the orientation is in. Plain NumPy: the guard needs no more.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]

# How far the length of what a driver sends may be from 1.
_ROUNDING = 0.01


def unit(orientation: ArrayLike) -> Vector:
    """The quaternions float64 (..., 4) of length 1; NaN where the length says that it is no orientation."""
    quaternion = np.asarray(orientation, np.float64)
    length = np.linalg.norm(quaternion, axis=-1, keepdims=True)
    sound = np.abs(length - 1.0) < _ROUNDING
    return np.divide(quaternion, length, out=np.full_like(quaternion, np.nan), where=sound)


def turned(orientation: ArrayLike, turn: ArrayLike) -> Vector:
    """The orientations (..., 4) after turns (..., 3)."""
    vector = np.asarray(turn, np.float64)
    half = np.linalg.norm(vector, axis=-1, keepdims=True) / 2.0
    # np.sinc(a / π) is sin(a) / a, and 1 at 0.
    by = np.concatenate([vector * np.sinc(half / np.pi) / 2.0, np.cos(half)], axis=-1)
    return _product(by, unit(orientation))


def turn_between(begin: ArrayLike, end: ArrayLike) -> Vector:
    """The turns (..., 3), at most π long, that lead from one orientation (..., 4) to another."""
    return vector_of(_product(unit(end), unit(begin) * [-1.0, -1.0, -1.0, 1.0]))


def vector_of(orientation: ArrayLike) -> Vector:
    """Orientations (..., 4) as axis-angle vectors (..., 3), at most π long."""
    quaternion = unit(orientation)
    quaternion = np.where(quaternion[..., 3:] < 0.0, -quaternion, quaternion)
    sine = np.linalg.norm(quaternion[..., :3], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(sine, quaternion[..., 3:])
    stretch = np.divide(angle, sine, out=np.full_like(sine, 2.0), where=sine > 0.0)
    vector: Vector = quaternion[..., :3] * stretch
    return vector


def columns_of(orientation: ArrayLike) -> Vector:
    """Orientations (..., 4) as 6-D rotations (..., 6): the first two columns of their matrices."""
    x, y, z, w = np.moveaxis(unit(orientation), -1, 0)
    first = [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + z * w), 2.0 * (x * z - y * w)]
    second = [2.0 * (x * y - z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + x * w)]
    return np.stack([*first, *second], axis=-1)


def _product(after: Vector, before: Vector) -> Vector:
    """Hamilton's product: the rotation `before`, then `after`."""
    a, b = after[..., :3], before[..., :3]
    scalar = after[..., 3:] * before[..., 3:] - (a * b).sum(-1, keepdims=True)
    return np.concatenate([after[..., 3:] * b + before[..., 3:] * a + np.cross(a, b), scalar], axis=-1)
