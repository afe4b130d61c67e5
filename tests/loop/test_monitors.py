"""Monitors count what happened: ways, places, and what an evaluation gained and lost."""

from typing import Any

import numpy as np

from sail.loop.monitors import CUBE, explored, flips
from sail.loop.results import Way
from sail.loop.rollout import Outcome
from sail.types import Episode

from point_arms import CARTESIAN, MOBILE


def outcome(success: bool, places: list[list[float]]) -> Outcome:
    states = np.column_stack([np.array(places), np.zeros(len(places))]).astype(np.float32)
    frames = np.zeros((len(places), 2, 2, 3), np.uint8)
    actions = np.zeros((len(places) - 1, 4), np.float32)
    episode = Episode(frames, states, actions, success, "press", "handle-press", 0, 1, "self")
    return Outcome(0, success, "success" if success else "", len(actions), frames, frames[:0], episode)


def test_successes_are_counted_by_how_they_came_about_and_places_once() -> None:
    here, there = [0.2 * CUBE] * 3, [1.2 * CUBE, 0.2 * CUBE, 0.2 * CUBE]
    beside = [0.8 * CUBE] * 3  # in the same cube
    found: dict[str, Any] = explored(
        [outcome(True, [here, there]), outcome(False, [here, beside]), outcome(True, [there, there])],
        [Way.RANDOM, Way.RANDOM, Way.PLANNED],
        CARTESIAN.embodiment,
    )
    assert found["random"] == {"episodes": 2, "successes": 1}
    assert found["planned"] == {"episodes": 1, "successes": 1}
    assert found["repeated"] == {"episodes": 0, "successes": 0}
    assert found["covered"] == 2
    assert explored([outcome(True, [here])], [Way.RANDOM], MOBILE.embodiment)["covered"] is None


def test_flips_are_counted_both_ways() -> None:
    assert flips([True, True, False, False, True], [True, False, True, True, False]) == (2, 2)
    assert flips([], []) == (0, 0)
