"""What a training holds in memory: everything within the budget, and evenly spaced parts beyond it."""

from pathlib import Path

import numpy as np
import pytest

from sail.data.store import EpisodeStore
from sail.training.held_frames import episodes_within, frame_bytes, frames_within

from helpers import make_episode

SHAPE = (6, 5)
FRAME = 6 * 5 * 3
LENGTHS = (3, 7, 1, 4, 9)


@pytest.fixture
def store(tmp_path: Path) -> EpisodeStore:
    store = EpisodeStore(tmp_path)
    for seed, length in enumerate(LENGTHS):
        store.add(make_episode(length, seed, SHAPE))
    return store


def every_frame(store: EpisodeStore) -> np.ndarray:
    return np.concatenate([store.read(record.id).frames for record in store.records()])


def test_within_the_budget_every_frame_is_held_in_order(store: EpisodeStore) -> None:
    whole = every_frame(store)
    assert frame_bytes(store.records()) == whole.nbytes == FRAME * sum(length + 1 for length in LENGTHS)
    for budget in (whole.nbytes, 10 * whole.nbytes):
        np.testing.assert_array_equal(frames_within(store, store.records(), budget), whole)
    assert len(episodes_within(store, store.records(), whole.nbytes)) == len(LENGTHS)


@pytest.mark.parametrize("kept", [1, 5, 14, 27])
def test_beyond_the_budget_frames_are_evenly_spaced(kept: int, store: EpisodeStore) -> None:
    whole = every_frame(store)
    found = frames_within(store, store.records(), kept * FRAME + 1)
    assert found.nbytes == kept * FRAME
    places = [next(place for place, one in enumerate(whole) if (one == frame).all()) for frame in found]
    steps = np.diff([*places, len(whole)])
    assert places[0] == 0 and steps.min() >= len(whole) // kept and steps.max() <= -(-len(whole) // kept)


def test_beyond_the_budget_episodes_are_whole_and_evenly_spaced(store: EpisodeStore) -> None:
    records, whole = store.records(), frame_bytes(store.records())
    held = episodes_within(store, records, whole * 3 // 5)
    assert [episode.seed for episode in held] == [0, 1, 3]
    assert [len(episode) for episode in held] == [LENGTHS[seed] for seed in (0, 1, 3)]
    assert [episode.seed for episode in episodes_within(store, records, 1)] == [0]
    assert episodes_within(store, [], 100) == []
