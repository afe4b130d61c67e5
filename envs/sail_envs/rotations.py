"""Rotations as matrices, axis-angle vectors and 6-D rotations.

A 6-D rotation is a matrix's first two columns, one after the other (arXiv 1812.07035): unlike an axis-angle
vector it never jumps, which makes it easy to learn.
"""

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


def matrix_of(numbers: NDArray[np.floating]) -> Float64:
    """Rotation matrices float64 (..., 3, 3).

    numbers: axis-angle vectors (..., 3) in radians, or 6-D rotations (..., 6), whose columns need not be
    orthonormal. Raises ValueError where they are neither.
    """
    exact = numbers.astype(np.float64)
    if exact.shape[-1] == 3:
        return _of_axis_angle(exact)
    if exact.shape[-1] == 6:
        return _of_columns(exact)
    raise ValueError(f"a rotation has 3 or 6 numbers, not {exact.shape[-1]}")


def axis_angle_of(matrix: Float64) -> Float64:
    """Axis-angle vectors float64 (..., 3), at most π radians long. matrix: rotations (..., 3, 3)."""
    # The quaternion is an eigenvector (Bar-Itzhack 2000): unlike the trace, that holds at every angle.
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = np.moveaxis(matrix, (-2, -1), (0, 1))
    symmetric = np.array(
        [
            [xx - yy - zz, xy + yx, xz + zx, zy - yz],
            [xy + yx, yy - xx - zz, yz + zy, xz - zx],
            [xz + zx, yz + zy, zz - xx - yy, yx - xy],
            [zy - yz, xz - zx, yx - xy, xx + yy + zz],
        ]
    )
    quaternion = np.linalg.eigh(np.moveaxis(symmetric, (0, 1), (-2, -1))).eigenvectors[..., -1]
    quaternion = np.where(quaternion[..., 3:] < 0, -quaternion, quaternion)
    sine = np.linalg.norm(quaternion[..., :3], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, quaternion[..., 3:])
    stretch = np.divide(angle, sine, out=np.full_like(sine, 2.0), where=sine > 0)
    vectors: Float64 = quaternion[..., :3] * stretch
    return vectors


def six_of(matrix: Float64) -> Float64:
    """6-D rotations float64 (..., 6). matrix: rotations (..., 3, 3)."""
    return np.concatenate([matrix[..., 0], matrix[..., 1]], axis=-1)


def _of_axis_angle(vectors: Float64) -> Float64:
    """Rodrigues' formula."""
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vectors, -1, 0)
    nothing = np.zeros_like(x)
    cross = np.array([[nothing, -z, y], [z, nothing, -x], [-y, x, nothing]])
    cross = np.moveaxis(cross, (0, 1), (-2, -1))
    # np.sinc(a / π) is sin(a) / a, and 1 at 0.
    sine, versine = np.sinc(angle / np.pi), np.sinc(angle / (2 * np.pi)) ** 2 / 2
    matrices: Float64 = np.eye(3) + sine * cross + versine * (cross @ cross)
    return matrices


def _of_columns(numbers: Float64) -> Float64:
    """Gram-Schmidt on the two columns. The third is orthogonal to both."""
    first = numbers[..., :3] / np.linalg.norm(numbers[..., :3], axis=-1, keepdims=True)
    second = numbers[..., 3:] - (first * numbers[..., 3:]).sum(-1, keepdims=True) * first
    second = second / np.linalg.norm(second, axis=-1, keepdims=True)
    return np.stack([first, second, np.cross(first, second)], axis=-1)
