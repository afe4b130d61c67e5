"""How much collecting explores."""

from dataclasses import replace

from sail.loop.collectors import believed_success
from sail.loop.results import IterationResult


def test_without_the_oracle_what_was_kept_is_believed() -> None:
    last = IterationResult(1, episodes=50, successes=40, collected=30, kept=3, seconds={})
    assert believed_success(True, last) == 0.8
    assert believed_success(False, last) == 0.1
    assert believed_success(False, replace(last, collected=0, kept=0)) == 0.0
