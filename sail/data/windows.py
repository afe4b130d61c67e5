"""Windows: the frames and actions of episodes that make a training batch.

`lengths` are numbers of frames, T+1 an episode, after re-timing where there is any. The generator decides
everything.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]


class InverseWindows(NamedTuple):
    """B samples for inverse dynamics: the actions that lead from the current frame towards the goal.

    episode, current, goal: int64 (B,). actions: int64 (B, frame_skip), the indices of the actions from
    `current` on.
    """

    episode: Int64
    current: Int64
    goal: Int64
    actions: Int64


def plan_window(length: int, start: int, frame_skip: int, future: int) -> Int64:
    """The current frame and `future` frames after it: int64 (F+1,), start + i * frame_skip.

    Past the end the last frame, `length` - 1, is repeated: a plan ends where the task is done. Raises
    ValueError for a start outside the episode, or a frame_skip or future below 1.
    """
    if not 0 <= start < length:
        raise ValueError(f"start is {start} in an episode of {length} frames")
    window: Int64 = _plan_windows(np.array([length]), np.array([start]), frame_skip, future)[0]
    return window


def sample_windows(
    rng: np.random.Generator, lengths: Sequence[int] | Int64, batch: int, frame_skip: int, future: int
) -> tuple[Int64, Int64]:
    """Plan windows, uniform over all pairs of an episode and a start before its last frame.

    Returns the episodes, int64 (B,), and plan_window of each, int64 (B, F+1). Raises ValueError where
    no episode has two frames.
    """
    frames = np.asarray(lengths, np.int64)
    episode, start = _sample_starts(rng, frames - 1, batch)
    return episode, _plan_windows(frames[episode], start, frame_skip, future)


def sample_inverse_windows(
    rng: np.random.Generator,
    lengths: Sequence[int] | Int64,
    batch: int,
    frame_skip: int,
    goal_offset: tuple[int, int] | None = None,
    starts: Int64 | None = None,
) -> InverseWindows:
    """Inverse dynamics windows, uniform over `starts`, int64 (N, 2), pairs of an episode and a start t; where
    None, over all pairs with t + s <= T.

    s is `frame_skip`, the number of actions in a chunk. The goal is the frame t + s, or, with
    `goal_offset` (low, high), t + o with o uniform in low..high (both included) and at most T: arms
    run ahead of a plan and fall behind it, so goals at play are nearer or further than s. Raises
    ValueError where no episode has s + 1 frames, or for a range that is empty or not ahead.
    """
    if frame_skip < 1:
        raise ValueError(f"frame_skip is {frame_skip}: it is 1 or more")
    low, high = goal_offset or (frame_skip, frame_skip)
    if not 1 <= low <= high:
        raise ValueError(f"goal_offset is {(low, high)}: it is (low, high) with 1 <= low <= high")
    frames = np.asarray(lengths, np.int64)
    if starts is None:
        episode, current = _sample_starts(rng, frames - frame_skip, batch)
    else:
        episode, current = starts[rng.integers(len(starts), size=batch)].T
    offset = rng.integers(low, high, size=batch, endpoint=True)
    goal = np.minimum(current + offset, frames[episode] - 1)
    return InverseWindows(episode, current, goal, current[:, None] + np.arange(frame_skip))


def mix_batch(
    rng: np.random.Generator, batch: int, self_fraction: float, demonstrations: int, self_collected: int
) -> tuple[int, int]:
    """How many samples of a batch come from demonstrations and how many from self-collected episodes.

    The two add up to `batch`. The second is self_fraction * batch on average, and never more than one off.
    demonstrations, self_collected: numbers of episodes; where one is 0 the other fills the batch. Raises
    ValueError where both are 0.
    """
    if not 0 <= self_fraction <= 1:
        raise ValueError(f"self_fraction is {self_fraction}: it is in 0..1")
    if demonstrations == 0 and self_collected == 0:
        raise ValueError("there are neither demonstrations nor self-collected episodes to train on")
    whole, remainder = divmod(self_fraction * batch, 1)
    count = int(whole) + int(rng.random() < remainder)
    if self_collected == 0:
        count = 0
    elif demonstrations == 0:
        count = batch
    return batch - count, count


def _sample_starts(rng: np.random.Generator, starts: Int64, batch: int) -> tuple[Int64, Int64]:
    """Uniform over the pairs (episode, start < starts[episode])."""
    ends: Int64 = np.cumsum(np.maximum(starts, 0))
    if len(ends) == 0 or ends[-1] == 0:
        raise ValueError("no episode is long enough for one window")
    pair = rng.integers(ends[-1], size=batch)
    episode: Int64 = np.searchsorted(ends, pair, side="right").astype(np.int64)
    start: Int64 = pair - (ends[episode] - starts[episode])
    return episode, start


def _plan_windows(lengths: Int64, starts: Int64, frame_skip: int, future: int) -> Int64:
    if frame_skip < 1 or future < 1:
        raise ValueError(f"frame_skip is {frame_skip} and future is {future}: both are 1 or more")
    steps = frame_skip * np.arange(future + 1)
    windows: Int64 = np.minimum(starts[:, None] + steps, lengths[:, None] - 1)
    return windows
