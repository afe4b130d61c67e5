"""Which kept episodes teach."""

from dataclasses import replace
from typing import Literal

import pytest

from sail.config.resolution import load_config
from sail.loop.learning import enough as is_enough
from sail.loop.results import IterationResult


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
    judge: Literal["oracle", "verifier"], succeeded: int, kept: int, enough: bool
) -> None:
    config = load_config("smoke", None, [])
    training = replace(config.training, least_kept=3)
    last = IterationResult(1, episodes=50, successes=succeeded, collected=30, kept=kept, seconds={})
    assert is_enough(replace(config, filter=judge, training=training), kept, last) is enough
    always = replace(training, least_kept=0)
    assert is_enough(replace(config, filter=judge, training=always), 0, last)
