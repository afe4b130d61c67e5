"""Episodes that need no planner: expert demonstrations, experts mixed with random actions, and play."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sail.config.schema import Demonstrator
from sail.data.store import EpisodeRecord, EpisodeStore
from sail.errors import SailError
from sail.loop.seeds import DEMONSTRATION_SEEDS, PLAY_SEEDS, TASKS_APART
from sail.system.workers import in_workers
from sail.types import Episode, Source
from sail_envs.environment import TaskEnv
from sail_envs.experts import expert, mixed_with_random, random_push, record_episode, with_noise
from sail_envs.play import play
from sail_envs.suite import TaskSuite, suite_of

# How often an expert is tried, each time on the next seed: a perturbed one may fail.
ATTEMPTS = 20
# The share of random actions in suboptimal demonstrations, as in the paper.
SUBOPTIMAL_SHARE = 0.7
# Planned frames by which a demonstration goes on after its success, and at most those by which the arm is
# pushed before one. A demonstration that ends on the very edge of success teaches plans that, followed a
# little late, end just before success.
HELD = 3
# Control steps of an episode of play.
PLAY_STEPS = 150
# The source of a demonstrator's episodes.
DEMONSTRATED: dict[Demonstrator, Source] = {"expert": "expert", "suboptimal": "random"}


# Sources of episodes that were recorded while somebody did a task.
RECORDED: tuple[Source, ...] = ("expert", "teleop")


class CollectError(SailError):
    """An expert never succeeded within its attempts, or a store holds no demonstration."""


@dataclass(frozen=True)
class Job:
    """One episode to collect.

    index: counts the episodes of one task and source from 0. horizon: control steps. seed: where given, the
    expert runs unperturbed on exactly this seed, and may fail. suite: the suite's reference (see
    `find_suite`).
    """

    task: str
    source: Source
    index: int
    horizon: int = 200
    seed: int | None = None
    suite: str = ""


# Makes the jobs' episodes, in the jobs' order, with a number of worker processes; see `collect`.
Collect = Callable[[Sequence[Job], int], Iterable[Episode]]


def expert_jobs(tasks: Sequence[str], episodes: int, suite: str = "") -> list[Job]:
    """`episodes` expert demonstrations of each task."""
    return [Job(task, "expert", index, suite=suite) for task in tasks for index in range(episodes)]


def play_jobs(tasks: Sequence[str], episodes: int, suite: str = "", horizon: int = PLAY_STEPS) -> list[Job]:
    """`episodes` episodes of unlabelled play in each task's scene."""
    return [Job(task, "play", index, horizon, suite=suite) for task in tasks for index in range(episodes)]


def collect(jobs: Sequence[Job], workers: int = 2) -> Iterator[Episode]:
    """Run the jobs in worker processes and yield their episodes in the jobs' order.

    Raises CollectError if an expert keeps failing, WorkersError if a worker dies, and RenderingError
    without OpenGL.
    """
    return in_workers(_run_job, jobs, workers)


def seeds_of(job: Job) -> range:
    """The seeds of which one is the job's episode's: an expert is tried on several, in this order."""
    if job.seed is not None:
        return range(job.seed, job.seed + 1)
    if job.source == "play":
        return range(PLAY_SEEDS + job.index, PLAY_SEEDS + job.index + 1)
    if job.source == "random":
        return range(DEMONSTRATION_SEEDS + job.index, DEMONSTRATION_SEEDS + job.index + 1)
    suite = suite_of(job.task, job.suite)
    place = list(suite.tasks).index(job.task) if suite.one_scene else 0
    first = DEMONSTRATION_SEEDS + place * TASKS_APART + job.index * ATTEMPTS
    return range(first, first + ATTEMPTS)


def recorded(store: EpisodeStore, jobs: Sequence[Job]) -> dict[Job, EpisodeRecord]:
    """The jobs' episodes that the store holds."""
    there = {(one.task, one.source, one.seed): one for one in store.records()}
    found = {}
    for job in jobs:
        episode = next(
            filter(None, (there.get((job.task, job.source, seed)) for seed in seeds_of(job))), None
        )
        if episode is not None:
            found[job] = episode
    return found


def missing_jobs(store: EpisodeStore, jobs: Sequence[Job]) -> list[Job]:
    """The jobs whose episodes the store lacks."""
    there = recorded(store, jobs)
    return [job for job in jobs if job not in there]


def collect_once(store: EpisodeStore, jobs: Sequence[Job], workers: int = 2) -> Iterator[Episode]:
    """Like `collect`, but read the episodes that the store holds, and add those that it lacks."""
    there = recorded(store, jobs)
    made = collect([job for job in jobs if job not in there], workers)
    for job in jobs:
        if job in there:
            yield store.read(there[job].id)
        else:
            episode = next(made)
            store.add(episode)
            yield episode


def suboptimal_jobs(tasks: Sequence[str], episodes: int, suite: str = "") -> list[Job]:
    """The paper's suboptimal demonstrations: experts of whose actions 70 % are random."""
    return [Job(task, "random", index, suite=suite) for task in tasks for index in range(episodes)]


def demonstration_jobs(
    demonstrator: Demonstrator, tasks: Sequence[str], episodes: int, suite: str = ""
) -> list[Job]:
    """`episodes` demonstrations of each task by this demonstrator."""
    return (expert_jobs if demonstrator == "expert" else suboptimal_jobs)(tasks, episodes, suite)


def recorded_successes(store: EpisodeStore, task: str | None = None) -> list[EpisodeRecord]:
    """The successes of an expert or a person in a store, of one task or of all."""
    return [one for source in RECORDED for one in store.records(task=task, source=source, success=True)]


def recorded_demonstrations(store: EpisodeStore, suite: TaskSuite, episodes: int) -> Iterator[Episode]:
    """At most `episodes` recorded successes of each seen task of a suite. Raises CollectError where there are
    none, and EmbodimentError where the store is of another arm or camera."""
    store.settle(suite.embodiment, f"suite {suite.name}")
    found = [one for task in suite.seen for one in recorded_successes(store, task)[:episodes]]
    if not found:
        raise CollectError(
            f"{store.folder} holds no successful demonstration of a seen task of suite {suite.name}: add "
            "some (source expert or teleop)"
        )
    return (store.read(record.id) for record in found)


def demonstrations_in(run: EpisodeStore) -> list[EpisodeRecord]:
    """The demonstrations in a run's store: all that the run did not collect itself."""
    return [record for record in run.records() if record.source != "self"]


@functools.lru_cache(maxsize=1)
def _environment(task: str, suite: str, horizon: int, hold: int | None) -> TaskEnv:
    # A worker's jobs mostly follow one another in one task, and making an environment takes as long as
    # a third of an episode.
    return TaskEnv(task, suite, horizon=horizon, hold=hold)


def _run_job(job: Job) -> Episode:
    held = HELD * suite_of(job.task, job.suite).embodiment.frame_skip
    env = _environment(job.task, job.suite, job.horizon, None if job.source == "play" else held)
    seeds = seeds_of(job)
    if job.seed is not None:
        return record_episode(env, expert(env), job.seed, "expert")
    if job.source == "play":
        return record_episode(env, play(np.random.default_rng(seeds[0])), seeds[0], "play")
    if job.source == "random":
        policy = mixed_with_random(expert(env), np.random.default_rng(seeds[0]), SUBOPTIMAL_SHARE)
        return record_episode(env, policy, seeds[0], "random")
    for attempt, seed in enumerate(seeds):
        # Later attempts are perturbed less: some tasks forgive little.
        level = max(0.0, 1.0 - attempt / (ATTEMPTS - 5))
        rng = np.random.default_rng(seed)
        push = random_push(rng, level, held)
        episode = record_episode(env, with_noise(expert(env), rng, level), seed, "expert", push)
        if episode.success:
            return episode
    raise CollectError(f"the expert of '{job.task}' failed {ATTEMPTS} times: raise the horizon")
