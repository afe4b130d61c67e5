"""What base weights are made from, by `suite`: simulated task suites, or recorded demonstrations.

The planner sees demonstrations of the seen tasks. Where a suite says so, the planner also sees captioned play
in the seen tasks' scenes, and demonstrations played backwards under the opposite task's prompt: with one
prompt a scene the text would tell nothing. Autoencoder and inverse dynamics see every episode.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sail.config.schema import NO_SUITE
from sail.data.demonstrations import (
    DEMONSTRATED,
    PLAY_STEPS,
    Job,
    collect,
    demonstration_jobs,
    missing_jobs,
    play_jobs,
    recorded_successes,
)
from sail.data.episode_file import EpisodeRecord
from sail.data.store import EpisodeStore
from sail.embodiment import Embodiment, check_same
from sail.system.suite_checks import refuse_unfit
from sail.training.base_config import SIMULATED, BaseConfig
from sail.training.checkpointed_fit import TrainError
from sail.training.held_frames import episodes_within
from sail.training.judged_attempts import judged_attempts
from sail.training.planner_batches import BEGINNINGS
from sail.training.verifier_fit import Shown, shown_by, shown_in
from sail.types import Progress
from sail_envs.panda.panda_tasks import EMBODIMENT
from sail_envs.suite import Directions, TaskSuite, find_suites
from sail_models.spaces.autoencoder import latent_sides


class Recipe(Protocol):
    """Where each part of base weights takes its training data from."""

    @property
    def embodiment(self) -> Embodiment:
        """What the weights are trained to see and to do."""
        ...

    @property
    def beginnings(self) -> float:
        """The share of the planner's windows that are an episode's beginning."""
        ...

    @property
    def reversals(self) -> Mapping[str, str]:
        """Prompts of demonstrations, each with the prompt of what they show when played backwards."""
        ...

    @property
    def directions(self) -> Directions | None:
        """The words of the captions of play; None where no play is captioned."""
        ...

    def check(self, store: EpisodeStore) -> None:
        """Refuse a store that does not fit, without writing anything. Raises TrainError, EmbodimentError."""
        ...

    def prepare(self, store: EpisodeStore, progress: Progress, workers: int) -> None:
        """Collect the episodes that the store lacks."""
        ...

    def demonstrations(self, store: EpisodeStore) -> list[EpisodeRecord]:
        """What planner and policy learn from."""
        ...

    def captioned_play(self, store: EpisodeStore) -> list[EpisodeRecord]:
        """The play that the planner learns under captions of its motion."""
        ...

    def shown(self, store: EpisodeStore, attempts: Path, progress: Progress, workers: int) -> list[Shown]:
        """What the verifier learns from. attempts: a folder for simulated attempts."""
        ...


def check_training(config: BaseConfig, data: Path) -> None:
    """Refuse what can be refused before anything is written: suites that are wrong in themselves, frames that
    cannot be encoded, and a store that does not fit. data: the store's folder. Raises SailError."""
    store = EpisodeStore(data)
    recipe = recipe_of(config, store)
    latent_sides(recipe.embodiment)
    recipe.check(store)
    for suite in find_suites(config.suite) if config.suite != NO_SUITE else ():
        refuse_unfit(suite, suite.seen)


def recipe_of(config: BaseConfig, store: EpisodeStore) -> Recipe:
    """The recipe that the configuration's `suite` names, for a store. Raises TrainError, EmbodimentError and
    what `find_suite` raises."""
    if config.suite == NO_SUITE:
        return Recorded(config, _recorded_embodiment(config, store))
    first, *others = find_suites(config.suite)
    for other in others:
        cure = "train weights for each suite alone"
        check_same(first.embodiment, f"suite {first.name}", other.embodiment, f"suite {other.name}", cure)
    return Simulated(config, (first, *others))


@dataclass(frozen=True)
class Simulated:
    """Task suites of one arm: experts demonstrate the seen tasks. See `Recipe`."""

    config: BaseConfig
    suites: tuple[TaskSuite, ...]

    @property
    def embodiment(self) -> Embodiment:
        """The one of these scenes."""
        return self.suites[0].embodiment

    @property
    def beginnings(self) -> float:
        """Half of the windows, where only the text tells one task of a scene from another."""
        return BEGINNINGS if all(suite.one_scene for suite in self.suites) else 0.0

    @property
    def reversals(self) -> dict[str, str]:
        """The suites' reversible tasks and their opposites, in prompts."""
        return {
            suite.tasks[task]: suite.tasks[suite.opposites[task]]
            for suite in self.suites
            for task in suite.reversible
        }

    @property
    def directions(self) -> Directions | None:
        """The first suite's that has some: all suites have one arm."""
        return next((suite.directions for suite in self.suites if suite.directions), None)

    @property
    def seen(self) -> list[str]:
        """The seen tasks of all suites."""
        return [task for suite in self.suites for task in suite.seen]

    def jobs(self) -> list[Job]:
        """Every episode that base weights are trained on."""
        config = self.config
        jobs = []
        for suite in self.suites:
            if suite.expert is not None:
                name, count = suite.reference, config.demonstrations
                jobs += demonstration_jobs(config.demonstrator, suite.seen, count, name)
        for suite in self.suites:
            jobs += play_jobs(suite.seen, config.play_seen, suite.reference)
        for suite in self.suites:
            unseen = [task for task in suite.unseen if task in suite.played]
            other = [task for task in suite.played if task not in suite.seen + suite.unseen]
            jobs += play_jobs(unseen, config.play_unseen, suite.reference)
            jobs += play_jobs(other, config.play_other, suite.reference)
        return jobs

    def check(self, store: EpisodeStore) -> None:
        """Refuse another arm's store, plans too far apart, and a suite without demonstrations."""
        store.check(self.embodiment, f"suite {self.suites[0].name}")
        if self.embodiment.frame_skip > PLAY_STEPS:
            raise TrainError(
                f"frame_skip is {self.embodiment.frame_skip}, and an episode of play has {PLAY_STEPS} "
                "control steps: plan frames that are nearer to each other"
            )
        for suite in self.suites:
            if suite.expert is None and not any(recorded_successes(store, task) for task in suite.seen):
                raise TrainError(
                    f"suite {suite.name} has no experts, and {store.folder} holds no successful "
                    "demonstration of its seen tasks: add some (source expert or teleop)"
                )

    def prepare(self, store: EpisodeStore, progress: Progress, workers: int) -> None:
        """Collect the jobs that the store does not hold yet."""
        store.settle(self.embodiment, f"suite {self.suites[0].name}")
        missing = missing_jobs(store, self.jobs())
        if missing:
            progress.stage("collect", len(missing))
            for episode in collect(missing, workers):
                store.add(episode)
                progress.advance()

    def demonstrations(self, store: EpisodeStore) -> list[EpisodeRecord]:
        """The demonstrator's episodes of the seen tasks; without experts the recorded successes."""
        shown: list[EpisodeRecord] = []
        for suite in self.suites:
            for task in suite.seen:
                if suite.expert is None:
                    shown += recorded_successes(store, task)
                else:
                    shown += store.records(task=task, source=DEMONSTRATED[self.config.demonstrator])
        return shown

    def captioned_play(self, store: EpisodeStore) -> list[EpisodeRecord]:
        """Play in the scenes of seen tasks, of suites whose motions have captions."""
        tasks = [task for suite in self.suites if suite.directions for task in suite.seen]
        return [record for task in tasks for record in store.records(task=task, source="play")]

    def shown(self, store: EpisodeStore, attempts: Path, progress: Progress, workers: int) -> list[Shown]:
        """Attempts at every task that is not unseen; of a suite without experts the demonstrations."""
        shown: list[Shown] = []
        for suite in self.suites:
            if suite.expert is None:
                records = [one for task in suite.seen for one in recorded_successes(store, task)]
                skip = suite.embodiment.frame_skip
                shown += shown_in([store.read(record.id) for record in records], [], skip)
                continue
            tasks = [task for task in suite.tasks if task not in suite.unseen]
            count, name = self.config.verifier_attempts, suite.reference
            for task, judged in judged_attempts(tasks, count, attempts, progress, workers, name):
                shown += shown_by(task, suite, judged)
        return shown


@dataclass(frozen=True)
class Recorded:
    """Demonstrations and play that were recorded on an arm: nothing is collected. See `Recipe`."""

    config: BaseConfig
    embodiment: Embodiment
    beginnings = BEGINNINGS
    directions = None

    @property
    def reversals(self) -> dict[str, str]:
        """None: nobody says which tasks are opposites."""
        return {}

    def check(self, store: EpisodeStore) -> None:
        """Refuse a store without a successful demonstration, with frames of another size, or with episodes
        that are shorter than a chunk of actions."""
        if not self.demonstrations(store):
            raise TrainError(
                f"{store.folder} holds no successful demonstration: record some (docs/robot.md), and label "
                "them"
            )
        for record in store.records():
            height, width = self.embodiment.height, self.embodiment.width
            if (record.height, record.width) != (height, width):
                raise TrainError(
                    f"{record.file} in {store.folder} has frames of {record.width}×{record.height} pixels, "
                    f"not {width}×{height}: record it again, or leave it out"
                )
        longest, skip = max(record.length for record in store.records()), self.embodiment.frame_skip
        if longest < skip:
            raise TrainError(
                f"the longest episode in {store.folder} has {longest} control steps, and planned frames are "
                f"{skip} apart: record longer ones"
            )

    def prepare(self, store: EpisodeStore, progress: Progress, workers: int) -> None:
        """Nothing is collected."""

    def demonstrations(self, store: EpisodeStore) -> list[EpisodeRecord]:
        """Every success of an expert or a person."""
        return recorded_successes(store)

    def captioned_play(self, store: EpisodeStore) -> list[EpisodeRecord]:
        """None: a store names no directions."""
        return []

    def shown(self, store: EpisodeStore, attempts: Path, progress: Progress, workers: int) -> list[Shown]:
        """The demonstrations themselves, and play."""
        demonstrations, play = self.demonstrations(store), store.records(source="play")
        recorded = episodes_within(store, demonstrations), episodes_within(store, play)
        return shown_in(*recorded, self.embodiment.frame_skip)


def _recorded_embodiment(config: BaseConfig, store: EpisodeStore) -> Embodiment:
    """The store's own; else the one of all stores that do not say theirs, with the configuration's camera."""
    known = store.embodiment
    if known is None and config.camera == SIMULATED:
        raise TrainError(
            f"{store.folder} does not say its camera: give camera=NAME, what your robot's file calls the "
            "camera that the demonstrations were recorded with"
        )
    if known is None:
        return replace(EMBODIMENT, camera=config.camera)
    if config.camera not in (SIMULATED, known.camera):
        raise TrainError(
            f"camera is {config.camera}, but {store.folder} was recorded with {known.camera}: leave camera "
            "out"
        )
    return known
