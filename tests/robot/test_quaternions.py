"""Quaternions turn, subtract and convert as the matrices of MuJoCo do."""

import mujoco
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sail_robot.quaternions import columns_of, turn_between, turned, unit, vector_of

vectors = hnp.arrays(np.float64, 3, elements=st.floats(-1.7, 1.7))
STRAIGHT = np.array([0.0, 0.0, 0.0, 1.0])


def matrix(orientation: np.ndarray) -> np.ndarray:
    found = np.zeros(9)
    mujoco.mju_quat2Mat(found, np.roll(orientation, 1))
    return found.reshape(3, 3)


@given(vectors)
def test_a_turn_there_is_a_turn_back(vector: np.ndarray) -> None:
    orientation = turned(STRAIGHT, vector)
    np.testing.assert_allclose(vector_of(orientation), vector, atol=1e-9)
    np.testing.assert_allclose(vector_of(-orientation), vector, atol=1e-9)  # the same orientation


@given(vectors, vectors)
def test_a_turn_is_about_the_frames_axes(begin: np.ndarray, turn: np.ndarray) -> None:
    first, by = turned(STRAIGHT, begin), turned(STRAIGHT, turn)
    after = turned(first, turn)
    np.testing.assert_allclose(matrix(after), matrix(by) @ matrix(first), atol=1e-12)
    np.testing.assert_allclose(turn_between(first, after), turn, atol=1e-7)
    np.testing.assert_allclose(columns_of(after), matrix(after)[:, :2].T.ravel(), atol=1e-12)


def test_a_quarter_turn_about_z_takes_x_to_y() -> None:
    quarter = turned(STRAIGHT, [0.0, 0.0, np.pi / 2])
    np.testing.assert_allclose(columns_of(quarter), [0, 1, 0, -1, 0, 0], atol=1e-15)


def test_many_are_converted_at_once() -> None:
    turns = np.random.default_rng(0).uniform(-1, 1, (5, 3))
    many = turned(np.tile(STRAIGHT, (5, 1)), turns)
    np.testing.assert_allclose(turn_between(many[:-1], many[1:])[2], turn_between(many[2], many[3]))
    assert columns_of(many).shape == (5, 6)


def test_what_is_no_orientation_is_none() -> None:
    for wrong in ([0.0] * 4, [0.5, 0.0, 0.0, 0.0], [np.nan, 0.0, 0.0, 1.0], [np.inf, 0.0, 0.0, 0.0]):
        assert np.isnan(unit(wrong)).all() and np.isnan(turn_between(STRAIGHT, wrong)).all()
    np.testing.assert_allclose(unit([0.0, 0.0, 0.0, 1.001]), STRAIGHT)  # a driver's rounding
