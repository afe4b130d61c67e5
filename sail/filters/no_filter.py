"""The filter "none": every episode teaches."""

from collections.abc import Sequence

from sail.config.schema import RunConfig
from sail.data.store import EpisodeRecord, EpisodeStore
from sail.filters.filter import FilterResult


class NoFilter:
    """Keeps every episode, failures too, as in the paper's experiments without a filter."""

    knows_truth = False

    def keep(self, store: EpisodeStore, episodes: Sequence[EpisodeRecord]) -> FilterResult:
        """See `Filter`."""
        return FilterResult([True] * len(episodes), ["not filtered"] * len(episodes))


def make_filter(config: RunConfig) -> NoFilter:
    """The filter; it has no settings."""
    return NoFilter()
