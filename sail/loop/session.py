"""A run under way: everything that each step of the loop needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sail.config.schema import RunConfig
from sail.data.store import EpisodeRecord, EpisodeStore
from sail.filters.filter import Filter
from sail.filters.selection import find_filter, kept_of
from sail.loop.rollout import Outcome, open_environments
from sail.loop.run_folder import RunFolder
from sail.types import Episode, Progress
from sail_envs.vector import VectorEnv

# Keeps pictures of an evaluation: called with the folder for media, the iteration and the outcomes.
Film = Callable[[Path, int, Sequence[Outcome]], None]


def unfilmed(media: Path, iteration: int, outcomes: Sequence[Outcome]) -> None:
    """A `Film` that keeps nothing."""


@dataclass(frozen=True)
class Session:
    """A run's configuration, run folder and episodes. progress: told the stages. film: keeps the evaluations'
    pictures. joint: other runs go on together with this one, and share what learns."""

    config: RunConfig
    folder: RunFolder
    store: EpisodeStore
    progress: Progress
    film: Film = unfilmed
    joint: bool = False

    @cached_property
    def filter(self) -> Filter:
        """The filter that the configuration names."""
        return find_filter(self.config)

    @cached_property
    def environments(self) -> VectorEnv:
        """Opened when first needed. A run that goes on alone keeps them open: starting their workers takes as
        long as ten episodes."""
        return open_environments(self.config, max(self.config.rollouts, self.config.evaluation_episodes))

    def close(self) -> None:
        """End the environments' workers, if there are any."""
        if "environments" in self.__dict__:
            self.__dict__.pop("environments").close()

    def rest(self) -> None:
        """Make way for the other runs, if there are any."""
        if self.joint:
            self.close()

    def kept(self, iteration: int) -> list[EpisodeRecord]:
        """The episodes of an iteration that the filter keeps."""
        return kept_of(self.config, self.folder, self.store, iteration)

    def kept_before(self, iteration: int) -> list[EpisodeRecord]:
        """The kept episodes of all earlier iterations, the oldest first."""
        return [one for earlier in range(1, iteration) for one in self.kept(earlier)]

    def read(self, records: Sequence[EpisodeRecord]) -> list[Episode]:
        """These episodes, whole."""
        return [self.store.read(record.id) for record in records]
