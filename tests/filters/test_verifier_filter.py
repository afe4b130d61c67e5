"""A learned verifier as a filter: what it keeps, and up to where that teaches."""

from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from sail.config.resolution import load_config
from sail.data.store import EpisodeStore
from sail.filters import selection
from sail.filters.selection import kept_of, read_kept
from sail.filters.verifier_filter import VerifierFilter, certainty, furthest
from sail.loop.run_folder import create_run
from sail.types import UInt8
from sail_models.networks.verifier import Judgement, Verifier, VerifierNetworkConfig

from embodied import frame_sizes
from helpers import make_episode


class Recognising(Verifier):
    """Takes a frame for done that is bright, and counts changes where it is told to."""

    def __init__(self, counts: bool = False) -> None:
        super().__init__(VerifierNetworkConfig(**frame_sizes(), arm=False))
        self.counts = counts

    def judge(self, frames: UInt8, text: Tensor) -> Judgement:
        bright = (frames[:, 0, 0, 0] / 255).clip(0.001, 0.999)
        changed = frames[:, 0, 0, 1].astype(np.int64) if self.counts else None
        return Judgement(np.log(bright / (1 - bright)).astype(np.float32), changed)


def test_a_verifier_is_to_be_sure_for_more_than_one_look(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    for seed, bright in enumerate(([8], [8, 12], [12, 13], [16])):
        episode = make_episode(steps=16, seed=seed)
        episode.frames[:] = 51
        episode.frames[bright] = 255
        store.add(episode)
    result = VerifierFilter(Recognising(), 0.7).keep(store, store.records())
    assert result.mask == [False, True, False, False]
    assert result.reasons[0] == "60% sure that it is done"
    assert result.ends == [None, 12, None, None]


def test_what_went_about_as_far_as_anything_in_the_run_is_likelier_done(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    # Pixels changed from the second look on: of the third most, 60, the share counts.
    for seed, changed in enumerate((0, 30, 36, 60, 80, 200)):
        episode = make_episode(steps=16, seed=seed, iteration=1)
        episode.frames[:] = 128
        episode.frames[:, 0, 0, 1] = 0
        episode.frames[4:, 0, 0, 1] = changed
        store.add(episode)
    judge = VerifierFilter(Recognising(counts=True), 0.5)
    certain = [done.max() for done in judge.certainties(store, store.records())]
    even = 128 / 255
    expected = [
        even / (1 - even) * np.exp(8.0 * (min(share, 1.1) - 0.6)) for share in (0, 0.5, 0.6, 1, 4 / 3, 10 / 3)
    ]
    np.testing.assert_allclose(certain, [odds / (1 + odds) for odds in expected], rtol=1e-5)
    # Later, and not before, more counts for less.
    for seed in range(6, 9):
        episode = make_episode(steps=16, seed=seed, iteration=2)
        episode.frames[:, 0, 0, :2] = 128, 250
        store.add(episode)
    first, later = (store.records(iteration=iteration) for iteration in (1, 2))
    assert [done.max() for done in judge.certainties(store, first)] == certain
    assert judge.certainties(store, [*first[3:4], *later])[0].max() < 0.1


def test_a_few_specks_are_no_distance() -> None:
    quiet = [Judgement(np.zeros(4, np.float32), np.array([0, 1, 2, 1])) for _ in range(5)]
    small, large = VerifierNetworkConfig(**frame_sizes()), VerifierNetworkConfig(128, 192)
    assert furthest(quiet, small) == furthest([], small) == 8.0
    assert furthest(quiet, large) == 48.0  # of a larger frame more pixels
    assert certainty(quiet[0], 8.0).max() < 0.05


def test_what_a_verifier_saw_done_teaches_up_to_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, config = EpisodeStore(tmp_path / "episodes"), load_config(None, None, ["filter=verifier"])
    folder = create_run(tmp_path / "run", config)
    episode = make_episode(steps=16, iteration=1)
    episode.frames[:] = 51
    episode.frames[8:] = 255
    store.add(episode)
    monkeypatch.setattr(selection, "find_filter", lambda config: VerifierFilter(Recognising(), 0.7))
    (cut,) = read_kept(folder, store, kept_of(config, folder, store, 1))
    assert len(cut) == 12 and len(cut.frames) == len(cut.proprioception) == 13
    np.testing.assert_array_equal(cut.actions, episode.actions[:12])
    np.testing.assert_array_equal(cut.frames, episode.frames[:13])
