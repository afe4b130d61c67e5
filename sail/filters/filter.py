"""The interface of a filter, and its verdicts."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from sail.data.store import EpisodeRecord, EpisodeStore
from sail.errors import SailError


class FilterError(SailError):
    """Something that is no filter, or verdicts that do not fit the episodes."""


class FilterResult(NamedTuple):
    """A filter's verdicts, one an episode, in the order given.

    mask: the episode teaches. reasons: why, or why not. ends: the control step up to which the episode
    teaches; None, for one episode or for all, means up to its end.
    """

    mask: list[bool]
    reasons: list[str]
    ends: list[int | None] | None = None


class Filter(Protocol):
    """Decides which episodes teach.

    knows_truth: the filter knows the environment's own success flag, while collecting too. Only the oracle
    does. Then an episode ends at its success, and the loop goes by measured success rates.
    """

    knows_truth: bool

    def keep(self, store: EpisodeStore, episodes: Sequence[EpisodeRecord]) -> FilterResult:
        """One verdict an episode. Raises SailError where the filter cannot decide."""
        ...
