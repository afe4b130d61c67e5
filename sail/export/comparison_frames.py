"""Frames and prompts to compare exported models by, and to calibrate int8 with."""

from dataclasses import dataclass

import numpy as np

from sail.data.store import EpisodeStore
from sail.export.folder import ExportError
from sail.types import UInt8
from sail_envs.environment import TaskEnv
from sail_envs.suite import TaskSuite

# Scenes that are compared, and scenes that set the ranges of int8.
CHECKED, CALIBRATED = 32, 16
# Most control steps of random drift before a frame is taken.
_WANDERING = 60
# Away from the seeds of collection and evaluation.
_SEED = 2**30


@dataclass(frozen=True)
class Scenes:
    """Frames uint8 (N, H, W, 3) RGB, and the prompt of each."""

    frames: UInt8
    prompts: tuple[str, ...]

    def split(self, count: int) -> "tuple[Scenes, Scenes]":
        """The first `count` scenes, and the rest."""
        return (
            Scenes(self.frames[:count], self.prompts[:count]),
            Scenes(self.frames[count:], self.prompts[count:]),
        )


def simulated(suite: TaskSuite, task: str, count: int = CHECKED + CALIBRATED) -> Scenes:
    """Frames of a task and of its suite's seen tasks, at the start and after the arm has drifted."""
    rng = np.random.default_rng(_SEED)
    tasks = list(dict.fromkeys([task, *suite.seen]))
    frames: list[UInt8] = []
    prompts: list[str] = []
    share = -(-count // len(tasks))
    for one in tasks:
        env = TaskEnv(one, suite.reference)
        for number in range(share):
            frame = env.reset(seed=_SEED + number)[0]["frame"]
            drift = rng.uniform(-1.0, 1.0, len(env.embodiment.actions)).astype(np.float32)
            for _ in range(number * _WANDERING // share):
                frame = env.step(drift)[0]["frame"]
            frames.append(frame)
            prompts.append(env.prompt)
        env.close()
    mixed = rng.permutation(len(frames))[:count]
    return Scenes(np.stack([frames[i] for i in mixed]), tuple(prompts[i] for i in mixed))


def recorded(store: EpisodeStore, count: int = CHECKED + CALIBRATED) -> Scenes:
    """Frames from the first halves of a store's episodes. Raises ExportError where the store is empty."""
    records = store.records()
    if not records:
        raise ExportError(f"{store.folder} holds no episodes to take frames from: name another store")
    rng = np.random.default_rng(_SEED)
    frames, prompts = [], []
    for number in range(count):
        record = records[number * len(records) // count]
        index = int(rng.integers(record.length // 2 + 1))
        frames.append(store.read_clip(record.id, [index])[0])
        prompts.append(record.prompt)
    return Scenes(np.stack(frames), tuple(prompts))
