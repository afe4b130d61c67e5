"""Which kept episodes teach."""

from dataclasses import replace

import pytest

from sail.config.schema import TrainingConfig
from sail.loop.results import IterationResult
from sail.loop.update import balanced
from sail.loop.update import enough as is_enough

from helpers import make_episode

FILTERS_KNOW = {"oracle": True, "verifier": False}


@pytest.mark.parametrize(
    ("judge", "succeeded", "kept", "enough"),
    [
        ("oracle", 6, 2, False),
        ("oracle", 6, 3, True),
        ("oracle", 0, 0, False),
        ("oracle", 0, 1, True),  # nothing to lose
        ("oracle", 5, 1, True),  # little
        ("verifier", 0, 2, False),  # which a verifier cannot know
        ("verifier", 0, 3, True),
    ],
)
def test_a_planner_learns_from_enough_or_with_little_to_lose(
    judge: str, succeeded: int, kept: int, enough: bool
) -> None:
    training, knows_truth = TrainingConfig(least_kept=3), FILTERS_KNOW[judge]
    last = IterationResult(1, episodes=50, successes=succeeded, collected=30, kept=kept, seconds={})
    assert is_enough(training, knows_truth, kept, last) is enough
    always = replace(training, least_kept=0)
    assert is_enough(always, knows_truth, 0, last)


def test_each_of_several_runs_teaches_as_much() -> None:
    a, b = 1, 2
    first, second = make_episode(seed=a), make_episode(seed=b)
    several, alone = balanced([[first], [second, first, second]]), balanced([[first, second]])
    assert [episode.seed for episode in several] == [a, a, a, b, a, b]
    assert [episode.seed for episode in alone] == [a, b]
