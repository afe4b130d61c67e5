"""A run under way: what every step of the loop needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sail.config.schema import RunConfig
from sail.data.store import EpisodeRecord, EpisodeStore
from sail.filters.selection import kept_of
from sail.loop.rollout import open_environments
from sail.loop.run_folder import RunFolder
from sail.types import Episode, Progress
from sail_envs.vector import VectorEnv


@dataclass(frozen=True)
class Run:
    """The configuration, the run folder, its episodes and the screen. joint: one of several that go on
    together."""

    config: RunConfig
    folder: RunFolder
    store: EpisodeStore
    progress: Progress
    joint: bool = False

    @cached_property
    def environments(self) -> VectorEnv:
        """Opened when first needed, and kept, if there is no other run that needs its own: starting their
        workers takes as long as ten episodes."""
        return open_environments(self.config, max(self.config.rollouts, self.config.evaluation_episodes))

    def close(self) -> None:
        """End the environments' workers, if there are any."""
        if "environments" in self.__dict__:
            self.__dict__.pop("environments").close()

    def rest(self) -> None:
        """Make way for the other runs, if there are any."""
        if self.joint:
            self.close()

    def kept_before(self, iteration: int) -> list[EpisodeRecord]:
        """What earlier iterations kept, the oldest first."""
        return [one for k in range(1, iteration) for one in kept_of(self.config, self.folder, self.store, k)]

    def read(self, records: Sequence[EpisodeRecord]) -> list[Episode]:
        """These episodes, whole."""
        return [self.store.read(record.id) for record in records]
