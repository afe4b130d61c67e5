"""The filter "oracle": success is the environment's own flag."""

from collections.abc import Sequence

from sail.config.schema import RunConfig
from sail.data.store import EpisodeRecord, EpisodeStore
from sail.filters.filter import FilterResult


class OracleFilter:
    """Keeps the episodes that the environment calls a success, as in the paper's main experiments."""

    knows_truth = True

    def keep(self, store: EpisodeStore, episodes: Sequence[EpisodeRecord]) -> FilterResult:
        """See `Filter`."""
        mask = [episode.success for episode in episodes]
        return FilterResult(mask, ["success" if kept else "no success" for kept in mask])


def make_filter(config: RunConfig) -> OracleFilter:
    """The filter; it has no settings."""
    return OracleFilter()
