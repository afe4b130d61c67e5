"""A filter of one's own: calm motion teaches.

sail run filter=bring_your_filter:calm_filter        # in the folder examples/
"""

from collections.abc import Sequence

import numpy as np

import sail
from sail.config.schema import RunConfig
from sail.data.store import EpisodeRecord
from sail.filters.filter import FilterResult


class CalmFilter:
    """Keeps episodes whose actions change little from step to step: it never reads the success flag."""

    knows_truth = False

    def __init__(self, most: float) -> None:
        self._most = most

    def keep(self, store: sail.EpisodeStore, episodes: Sequence[EpisodeRecord]) -> FilterResult:
        """See `Filter`."""
        jerks = [float(np.abs(np.diff(store.read(one.id).actions, axis=0)).mean()) for one in episodes]
        return FilterResult(
            mask=[jerk < self._most for jerk in jerks],
            reasons=[f"actions change by {jerk:.2f} a step, allowed {self._most:.2f}" for jerk in jerks],
        )


def calm_filter(config: RunConfig) -> CalmFilter:
    """The filter of a run's settings."""
    return CalmFilter(most=0.2)


if __name__ == "__main__":
    settings = {"filter": "bring_your_filter:calm_filter"}
    for row in sail.improve("metaworld", "door-close", "runs/calm", settings, "smoke")["filter"]:
        print(f"iteration {row['iteration']}: {row}")
