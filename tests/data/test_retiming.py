"""Re-timing leaves out waiting and nothing else."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sail.data.retiming import retime_by_travel as retimed
from sail.types import Float32

from point_arms import CARTESIAN, MOBILE, PLANAR, WRIST

FOUR = CARTESIAN.embodiment
TRAVEL, GRIPPER = 0.006, 0.1
WALKS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 60), st.just(4)),
    elements=st.floats(-0.03125, 0.03125, width=32),
)


def retime_by_travel(states: Float32, **thresholds: float) -> np.ndarray:
    return retimed(states, FOUR, **thresholds)


def path(positions: list[float], gripper: list[float] | None = None) -> Float32:
    states = np.zeros((len(positions), 4), np.float32)
    states[:, 0] = positions
    states[:, 3] = gripper or 0
    return states


def far(states: Float32, a: int, b: int) -> bool:
    one, other = states[a].astype(np.float64), states[b].astype(np.float64)
    return bool(np.linalg.norm(other[:3] - one[:3]) >= TRAVEL or abs(other[3] - one[3]) > GRIPPER)


def test_waiting_is_left_out() -> None:
    assert retime_by_travel(path([0, 0, 0, 0.02, 0.02, 0.02, 0.04, 0.04])).tolist() == [0, 3, 6, 7]


def test_travel_counts_from_the_last_kept_frame() -> None:
    # 2.5 mm a step: every third frame is 7.5 mm on, none is 6 mm from its neighbour.
    assert retime_by_travel(path([0.0025 * i for i in range(8)])).tolist() == [0, 3, 6, 7]


def test_an_arm_at_its_usual_pace_keeps_it() -> None:
    assert retime_by_travel(path([0.009 * i for i in range(8)])).tolist() == list(range(8))


def test_travel_is_straight_so_that_shaking_is_no_travel() -> None:
    assert retime_by_travel(path([0, 0.005, 0, 0.005, 0, 0.005])).tolist() == [0, 5]


def test_a_gripper_that_moves_in_place_is_kept() -> None:
    assert retime_by_travel(path([0.0] * 6, [1, 1, 0.95, 0.8, 0.8, 0.8])).tolist() == [0, 3, 5]


def test_the_thresholds_are_settings() -> None:
    states = path([0.005 * i for i in range(5)])
    assert retime_by_travel(states, travel=0.0049).tolist() == [0, 1, 2, 3, 4]
    assert retime_by_travel(states, travel=1).tolist() == [0, 4]
    assert retime_by_travel(states, travel=0).tolist() == [0, 1, 2, 3, 4]


def test_what_cannot_be_retimed_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        retime_by_travel(path([]))
    with pytest.raises(ValueError, match="0 or more"):
        retime_by_travel(path([0]), travel=-1)


@given(steps=WALKS)
def test_it_keeps_the_ends_and_exactly_what_moved(steps: Float32) -> None:
    states = np.cumsum(steps, axis=0, dtype=np.float32)
    kept = retime_by_travel(states)
    assert kept.dtype == np.int64
    assert kept[0] == 0
    assert kept[-1] == len(states) - 1
    assert (np.diff(kept) > 0).all()
    for a, b in pairwise(kept):
        assert b == kept[-1] or far(states, a, b)
        assert not any(far(states, a, between) for between in range(a + 1, b))


@given(steps=WALKS)
def test_a_second_time_changes_nothing(steps: Float32) -> None:
    states = np.cumsum(steps, axis=0, dtype=np.float32)
    once = states[retime_by_travel(states)]
    assert len(retime_by_travel(once)) == len(once)


@given(steps=WALKS, slower=st.integers(1, 5))
def test_hesitation_does_not_matter(steps: Float32, slower: int) -> None:
    states = np.cumsum(steps, axis=0, dtype=np.float32)
    slow = np.repeat(states, slower, axis=0)
    fast_path, slow_path = states[retime_by_travel(states)], slow[retime_by_travel(slow)]
    # The last frame is kept in any case, so that a slow one may end with the same place twice.
    np.testing.assert_array_equal(slow_path[: len(fast_path)], fast_path)
    assert len(slow_path) <= len(fast_path) + 1
    np.testing.assert_array_equal(slow_path[-1], fast_path[-1])


def test_a_hand_that_turns_in_place_is_kept() -> None:
    states = np.tile(np.float32([0, 0.6, 0.2, 0, 0, 0, 1]), (7, 1))
    states[:, 3] = [0, 0.02, 0.04, 0.07, 0.07, 0.1, 0.1]  # a fiftieth of π is 0.063
    assert retimed(states, WRIST.embodiment).tolist() == [0, 3, 6]
    states[2, 6] = 0.7  # the gripper's range is from -1 to 1
    assert retimed(states, WRIST.embodiment).tolist() == [0, 2, 3, 6]


def test_joints_travel_in_shares_of_their_ranges() -> None:
    states = np.zeros((6, 8), np.float32)
    states[:, 2] = [0, 0.04, 0.08, 0.12, 0.16, 0.2]  # of 3 rad a fiftieth is 0.06
    assert retimed(states, MOBILE.embodiment).tolist() == [0, 2, 4, 5]
    states[:, 5] = states[:, 2]  # two joints together: 0.057, and then 0.113
    assert retimed(states, MOBILE.embodiment).tolist() == [0, 2, 4, 5]
    states[:, 6] = states[:, 2]
    assert retimed(states, MOBILE.embodiment).tolist() == [0, 1, 2, 3, 4, 5]


def test_where_nothing_says_where_the_arm_is_all_frames_are_kept() -> None:
    assert retimed(np.zeros((5, 0), np.float32), PLANAR.embodiment).tolist() == [0, 1, 2, 3, 4]
    fast = replace(MOBILE.embodiment, proprioception=PLANAR.embodiment.actions)
    assert retimed(np.zeros((3, 2), np.float32), fast).tolist() == [0, 1, 2]
