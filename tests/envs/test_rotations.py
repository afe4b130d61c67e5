"""Rotations: what is converted and back is the same rotation, and a matrix does what its vector says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sail_envs.rotations import axis_angle_of, matrix_of, six_of

vectors = hnp.arrays(np.float64, 3, elements=st.floats(-7.0, 7.0))
# A thing of no length, or two columns in one line, is no rotation.
columns = hnp.arrays(np.float64, 6, elements=st.floats(-2.0, 2.0)).filter(
    lambda six: np.linalg.norm(np.cross(six[:3], six[3:])) > 1e-2
)


@given(vectors)
def test_a_matrix_of_a_vector_is_a_rotation_by_its_length_about_it(vector: np.ndarray) -> None:
    matrix, angle = matrix_of(vector), np.linalg.norm(vector)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1.0)
    np.testing.assert_allclose(matrix @ vector, vector, atol=1e-10)
    assert np.trace(matrix) == pytest.approx(1 + 2 * np.cos(angle), abs=1e-10)


@given(vectors)
def test_vectors_there_and_back_are_the_same_rotation(vector: np.ndarray) -> None:
    again = axis_angle_of(matrix_of(vector))
    assert np.linalg.norm(again) <= np.pi + 1e-9
    np.testing.assert_allclose(matrix_of(again), matrix_of(vector), atol=1e-9)
    if np.linalg.norm(vector) < np.pi - 1e-6:
        np.testing.assert_allclose(again, vector, atol=1e-8)


@given(vectors)
def test_six_numbers_there_and_back_are_the_same_rotation(vector: np.ndarray) -> None:
    matrix = matrix_of(vector)
    np.testing.assert_allclose(matrix_of(six_of(matrix)), matrix, atol=1e-12)


@given(columns)
def test_any_two_columns_become_a_rotation_in_their_plane(six: np.ndarray) -> None:
    matrix = matrix_of(six)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(matrix) == pytest.approx(1.0)
    assert matrix[:, 0] @ six[:3] == pytest.approx(np.linalg.norm(six[:3]))
    assert abs(matrix[:, 2] @ six[3:]) < 1e-9 and matrix[:, 1] @ six[3:] > 0


@given(st.floats(1e-12, np.pi), st.sampled_from([1e-15, 1e-9, 1e-3, 1.0]))
def test_small_turns_and_half_turns_keep_their_digits(angle: float, share: float) -> None:
    axis = np.array([2.0, -1.0, 2.0]) / 3
    for turned in (angle * share, np.pi - angle * share):
        again = axis_angle_of(matrix_of(turned * axis))
        assert np.linalg.norm(again) == pytest.approx(turned, abs=1e-12)


def test_a_quarter_turn_about_z_takes_x_to_y() -> None:
    quarter = matrix_of(np.array([0.0, 0.0, np.pi / 2]))
    np.testing.assert_allclose(quarter @ [1, 0, 0], [0, 1, 0], atol=1e-15)
    np.testing.assert_allclose(six_of(quarter), [0, 1, 0, -1, 0, 0], atol=1e-15)
    np.testing.assert_allclose(axis_angle_of(quarter), [0, 0, np.pi / 2], atol=1e-12)


def test_many_are_converted_at_once() -> None:
    many = np.random.default_rng(0).uniform(-2, 2, (4, 5, 3))
    matrices = matrix_of(many)
    assert matrices.shape == (4, 5, 3, 3) and six_of(matrices).shape == (4, 5, 6)
    np.testing.assert_allclose(matrices[2, 3], matrix_of(many[2, 3]))
    again = axis_angle_of(matrices)
    np.testing.assert_allclose(again[1, 2], axis_angle_of(matrices[1, 2]), atol=1e-12)


def test_another_number_of_numbers_is_no_rotation() -> None:
    with pytest.raises(ValueError, match="3 or 6 numbers, not 4"):
        matrix_of(np.zeros(4))
