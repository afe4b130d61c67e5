"""Simulated attempts at tasks, with the success flag of every frame: what a verifier learns from.

Some attempts are an expert's, which leaves when the task is done or is stopped half-way; in others the arm
wanders or plays. Neither the arm's place nor the time then says whether the task is done.
"""

import functools
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sail.loop.exploration import wandering
from sail.system.files import write_atomically
from sail.system.workers import in_workers
from sail.training.checkpointed_fit import TrainError
from sail.types import Float32, Progress, UInt8
from sail_envs.environment import TaskEnv
from sail_envs.experts import Scripted, expert, with_noise
from sail_envs.play import play
from sail_envs.suite import TaskSuite

# Seeds of attempts begin here, apart from those of all other episodes.
SEEDS = 5_000_000
# Control steps of an attempt, and between two of its frames.
STEPS, EVERY = 220, 4
# Control steps that an expert goes on after its success.
LINGER = 12


@dataclass(frozen=True)
class Judged:
    """One attempt.

    frames: uint8 (N, H, W, 3), RGB, from the episode's first one on. arm: uint8 (N, H, W), how much of each
    pixel is the arm, 255 where all of it is. done: bool (N,), the environment's success flag. moved: float32
    (N,), how far the scene's thing is from its first place, in metres; of several things the furthest.
    """

    frames: UInt8
    arm: UInt8
    done: NDArray[np.bool_]
    moved: Float32


@dataclass(frozen=True)
class AttemptJob:
    """The `index`-th attempt at a task of a suite (its reference)."""

    task: str
    suite: str
    index: int


def judged_attempts(
    tasks: Sequence[str],
    attempts: int,
    folder: Path,
    progress: Progress,
    workers: int,
    suite: str = "",
) -> list[tuple[str, Judged]]:
    """`attempts` attempts at each task, each with its task's name. suite: the tasks' suite (its reference).

    Attempts that the folder lacks are made first. Raises TrainError where a file of the folder is damaged.
    """
    jobs = [AttemptJob(task, suite, index) for task in tasks for index in range(attempts)]
    missing = [job for job in jobs if not _file(folder, job).exists()]
    progress.stage("attempts", len(missing))
    for job, made in zip(missing, in_workers(make_attempt, missing, workers), strict=True):
        content = io.BytesIO()
        np.savez_compressed(content, **{field.name: getattr(made, field.name) for field in fields(Judged)})
        write_atomically(_file(folder, job), content.getvalue())
        progress.advance()
    return [(job.task, _read(_file(folder, job))) for job in jobs]


def make_attempt(job: AttemptJob) -> Judged:
    """Make one attempt. The same job gives the same attempt."""
    seed, env = SEEDS + job.index, _environment(job.task, job.suite)
    rng = np.random.default_rng([crc32(job.task.encode()), seed])
    begins, ends, after = _way(job, env.suite, rng)
    shows = with_noise(expert(env), rng, float(rng.random()))
    wanders = _wandering(env.suite, rng)
    env.reset(seed=seed)
    looks, left = [_look(env)], LINGER
    for step in range(STEPS):
        shown = begins <= step < ends and left > 0
        policy = shows if shown else wanders if step < begins else after
        env.step(policy(env))
        left -= shown and env.simulation.outcome() == "success"
        if step % EVERY == EVERY - 1:
            looks.append(_look(env))
    frames, arm, done, things = zip(*looks, strict=True)
    moved = np.linalg.norm(np.stack(things) - things[0], axis=2).max(1, initial=0.0)
    return Judged(np.stack(frames), np.stack(arm), np.array(done), moved.astype(np.float32))


def _way(job: AttemptJob, suite: TaskSuite, rng: Generator) -> tuple[int, int, Scripted]:
    """The control steps at which the expert begins and ends, and the actor after it.

    Before the expert the arm moves at random. The expert ends earlier where the task is done.
    """
    ways = (
        (0, STEPS, False),
        (0, 0, False),
        (int(rng.integers(30, 80)), STEPS, False),
        (0, int(rng.integers(15, 70)), True),
        (0, 0, True),
    )
    begins, ends, plays = ways[job.index % len(ways)]
    return begins, ends, play(rng) if plays else _wandering(suite, rng)


def _wandering(suite: TaskSuite, rng: Generator) -> Scripted:
    moves, chunk = wandering(suite, rng), iter(np.zeros((0, 0), np.float32))

    def act(env: TaskEnv) -> Float32:
        nonlocal chunk
        action = next(chunk, None)
        if action is None:
            chunk = iter(moves.chunk(env.proprioception()))
            action = next(chunk)
        return action

    return act


def _look(env: TaskEnv) -> tuple[UInt8, UInt8, bool, NDArray[np.float64]]:
    done, things = env.simulation.outcome() == "success", np.array(env.simulation.things())
    return env.frame(), env.arm(), done, things


@functools.lru_cache(maxsize=1)
def _environment(task: str, suite: str) -> TaskEnv:
    return TaskEnv(task, suite, horizon=STEPS + 1, hold=None)


def _file(folder: Path, job: AttemptJob) -> Path:
    return folder / f"{job.task}-{job.index:04d}.npz"


def _read(path: Path) -> Judged:
    try:
        with np.load(path, allow_pickle=False) as there:
            return Judged(**{field.name: there[field.name] for field in fields(Judged)})
    except (ValueError, LookupError, OSError, zipfile.BadZipFile) as error:
        raise TrainError(f"{path} is damaged: remove it, and it is made again") from error
