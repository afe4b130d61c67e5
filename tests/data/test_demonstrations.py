import itertools
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sail.data import demonstrations as collecting
from sail.data.demonstrations import (
    HELD,
    CollectError,
    Job,
    collect,
    collect_once,
    expert_jobs,
    missing_jobs,
    play_jobs,
    seeds_of,
    suboptimal_jobs,
)
from sail.data.store import EpisodeStore
from sail.loop.seeds import DEMONSTRATION_SEEDS, PLAY_SEEDS, SELF_SEEDS
from sail.system.workers import WorkersError
from sail_envs.environment import TaskEnv

from helpers import make_episode

TASK = "drawer-close"


def test_jobs_name_every_episode_once() -> None:
    for make in (expert_jobs, play_jobs, suboptimal_jobs):
        jobs = make(["reach", "push"], 3)
        assert len({(job.task, job.source, job.index) for job in jobs}) == len(jobs) == 6
    assert {job.source for job in play_jobs(["reach"], 1)} == {"play"}
    assert {job.source for job in suboptimal_jobs(["reach"], 1)} == {"random"}


def test_what_a_store_holds_is_not_collected_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, jobs = EpisodeStore(tmp_path), play_jobs([TASK, "reach"], 2, horizon=8)
    for episode in collect(jobs[:1], workers=0):
        store.add(episode)
    assert missing_jobs(store, jobs) == jobs[1:]
    first = list(collect_once(store, jobs, 0))
    assert [(one.task, one.seed) for one in first] == [
        (job.task, PLAY_SEEDS + job.index) for job in jobs
    ] and missing_jobs(store, jobs) == []
    monkeypatch.setattr(collecting, "_run_job", lambda job: pytest.fail(f"{job} was collected again"))
    again = list(collect_once(EpisodeStore(tmp_path), jobs, 0))
    assert all((one.frames == other.frames).all() for one, other in zip(first, again, strict=True))


@pytest.mark.parametrize("make", [expert_jobs, play_jobs, suboptimal_jobs])
def test_a_lost_episode_is_collected_again_and_no_other(
    make: Callable[..., list[Job]], tmp_path: Path
) -> None:
    """Seeds are counted, not episodes; of an expert's episode any of its attempts' seeds counts."""
    jobs, store = make(["drawers-red", "drawers-green"], 3), EpisodeStore(tmp_path)
    for job in jobs:
        seed = seeds_of(job)[-1]
        store.add(replace(make_episode(seed=seed, task=job.task), source=job.source, task=job.task))
    assert missing_jobs(store, jobs) == []
    for lost in (1, 3):
        (tmp_path / store.records()[lost].file).unlink()
    store = EpisodeStore(tmp_path)
    store.rebuild_index()
    assert missing_jobs(store, jobs) == [jobs[1], jobs[3]]


def test_no_two_jobs_have_a_seed_in_common() -> None:
    for make in (expert_jobs, play_jobs, suboptimal_jobs):
        for tasks in (["drawers-red", "drawers-green"], ["reach"]):
            seeds = [(job.task, seed) for job in make(tasks, 5) for seed in seeds_of(job)]
            assert len(set(seeds)) == len(seeds)


def test_tasks_of_one_scene_are_demonstrated_in_different_layouts() -> None:
    jobs = [*expert_jobs(["drawers-red"], 2), *expert_jobs(["drawers-green", "drawers-blue"], 1)]
    episodes = list(collect(jobs, workers=0))
    assert len({episode.seed for episode in episodes}) == 4
    first = [episode.proprioception[0] for episode in episodes]
    assert all(not np.array_equal(a, b) for a, b in itertools.combinations(first, 2))


def test_episodes_come_in_order_and_are_the_same_again() -> None:
    jobs = [
        Job(TASK, "play", 0, 12),
        Job(TASK, "random", 0, 30),
        *expert_jobs([TASK], 2),
        Job("reach", "play", 1, 9),
    ]
    episodes = list(collect(jobs, workers=2))
    assert [(e.task, e.source) for e in episodes] == [(job.task, job.source) for job in jobs]
    assert [len(episodes[0]), len(episodes[4])] == [12, 9]
    assert episodes[2].success and episodes[3].success
    assert PLAY_SEEDS <= episodes[0].seed < SELF_SEEDS
    assert all(DEMONSTRATION_SEEDS <= e.seed < PLAY_SEEDS for e in episodes[1:4])
    assert episodes[2].seed != episodes[3].seed
    for episode, again in zip(episodes[::-1], collect(jobs[::-1], workers=0), strict=True):
        np.testing.assert_array_equal(episode.frames, again.frames)
        np.testing.assert_array_equal(episode.actions, again.actions)


def test_a_demonstration_goes_on_after_success() -> None:
    """Replayed in an environment that stops at success, its last actions are left over."""
    (demonstration,) = collect([Job(TASK, "expert", 0, seed=0)], workers=0)
    env = TaskEnv(TASK)
    env.reset(seed=0)
    made = next(count for count, action in enumerate(demonstration.actions, 1) if env.step(action)[2])
    assert len(demonstration) - made == HELD * 8


def test_an_expert_that_cannot_succeed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "ATTEMPTS", 6)
    with pytest.raises(CollectError, match="expert of 'reach' failed 6 times: raise the horizon"):
        collecting._run_job(Job("reach", "expert", 0, horizon=2))


def test_a_killed_worker_is_an_error() -> None:
    episodes = collect([Job(TASK, "play", index, 20) for index in range(200)], workers=1)
    next(episodes)
    os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)
    with pytest.raises(WorkersError, match="a worker died"):
        list(episodes)
