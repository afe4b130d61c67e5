"""The frames and episodes of a store that a training holds in memory, within a budget of bytes."""

from collections.abc import Sequence

import numpy as np

from sail.data.episode_file import EpisodeRecord
from sail.data.store import EpisodeStore
from sail.types import Episode, UInt8

# Frames take at most so many bytes: 170,000 frames of 64 pixels a side, 11,000 of 256.
BUDGET = 2**31


def frame_bytes(records: Sequence[EpisodeRecord]) -> int:
    """Bytes of all frames of some episodes."""
    return sum((one.length + 1) * one.height * one.width * 3 for one in records)


def frames_within(store: EpisodeStore, records: Sequence[EpisodeRecord], budget: int = BUDGET) -> UInt8:
    """All frames of these episodes, uint8 (N, H, W, 3) RGB, or as many as the budget has room for, evenly
    spaced. The episodes are not empty, and their frames of one size."""
    counts = np.array([record.length + 1 for record in records])
    total, one = int(counts.sum()), frame_bytes(records) // int(counts.sum())
    kept = min(total, max(1, budget // one))
    places = np.arange(kept) * total // kept
    ends = np.cumsum(counts)
    frames = np.empty((kept, records[0].height, records[0].width, 3), np.uint8)
    for record, begin, end in zip(records, ends - counts, ends, strict=True):
        first, last = np.searchsorted(places, (begin, end))
        if kept == total:  # faster where every frame is wanted
            frames[first:last] = store.read(record.id).frames
        elif first < last:
            frames[first:last] = store.read_clip(record.id, places[first:last] - begin)
    return frames


def episodes_within(
    store: EpisodeStore, records: Sequence[EpisodeRecord], budget: int = BUDGET
) -> list[Episode]:
    """These episodes, or as many as the budget has room for, evenly spaced; at least one."""
    share = min(1.0, budget / max(1, frame_bytes(records)))
    kept = max(1, int(share * len(records)))
    return [store.read(records[place * len(records) // kept].id) for place in range(kept) if records]
