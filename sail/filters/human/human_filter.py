"""The filter "human": people watch each episode on a page and press a key."""

import sys
from collections.abc import Sequence

from sail.config.schema import HumanConfig, RunConfig
from sail.data.store import EpisodeRecord, EpisodeStore
from sail.filters.filter import FilterResult
from sail.filters.human.labels import FILE
from sail.filters.human.server import ask_people


class HumanFilter:
    """Keeps the episodes that people call a success; a skipped episode teaches nothing. Labels lie beside the
    episodes, so that nobody is asked twice."""

    knows_truth = False

    def __init__(self, config: HumanConfig) -> None:
        self.config = config

    def keep(self, store: EpisodeStore, episodes: Sequence[EpisodeRecord]) -> FilterResult:
        """See `Filter`. Raises LabelsError."""
        labels = ask_people(store, episodes, store.folder / FILE, self.config.port, _tell)
        said = [labels[episode.id] for episode in episodes]
        return FilterResult([label == "success" for label in said], [f"labelled {label}" for label in said])


def make_filter(config: RunConfig) -> HumanFilter:
    """The filter with a run's settings `human`."""
    return HumanFilter(config.human)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
