"""Which self-collected episodes teach the planner."""

import difflib
import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from sail.data.store import EpisodeRecord
from sail.types import SailError


class FilterError(SailError):
    """There is no filter of the name that was asked for."""


class FilterResult(NamedTuple):
    """For each episode, in the order given: does it teach, and why or why not."""

    mask: list[bool]
    reasons: list[str]


class Filter(Protocol):
    """Decides which episodes teach."""

    def keep(self, episodes: Sequence[EpisodeRecord]) -> FilterResult:
        """One verdict and one reason for each episode."""
        ...


class OracleFilter:
    """Keeps what the environment's own flag calls a success, as in the paper's main experiments."""

    def keep(self, episodes: Sequence[EpisodeRecord]) -> FilterResult:
        """One verdict and one reason for each episode."""
        mask = [episode.success for episode in episodes]
        return FilterResult(mask, ["success" if kept else "no success" for kept in mask])


class NoFilter:
    """Keeps everything, failures too, as in the paper's experiments without a filter."""

    def keep(self, episodes: Sequence[EpisodeRecord]) -> FilterResult:
        """One verdict and one reason for each episode."""
        return FilterResult([True] * len(episodes), ["not filtered"] * len(episodes))


# Fewer successes than this all teach: a planner that sees only one or two episodes learns them by heart.
FEW = 5

FILTERS: dict[str, Filter] = {"oracle": OracleFilter(), "none": NoFilter()}


def find_filter(name: str) -> Filter:
    """The filter of this name. Raises FilterError with the names there are and the nearest one."""
    if name not in FILTERS:
        nearest = difflib.get_close_matches(name, FILTERS, n=1, cutoff=0.0)[0]
        known = ", ".join(FILTERS)
        raise FilterError(f"unknown filter {name!r}: choose one of {known}; the nearest is {nearest!r}")
    return FILTERS[name]


def keep_fastest(records: Sequence[EpisodeRecord], fraction: float) -> list[EpisodeRecord]:
    """The shortest successes, the shortest first: this share of all successes, rounded, but all of them
    while there are few.

    Equally long ones stay in the order given. It goes by the success flag, so that with the filter
    "none" it would be an oracle. Raises ValueError for a fraction outside 0..1.
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction is {fraction}: it is in 0..1")
    successes = sorted((record for record in records if record.success), key=lambda record: record.length)
    return successes[: max(FEW, math.floor(fraction * len(successes) + 0.5))]
