"""A store says of which arm and camera its episodes are, and takes no others."""

from dataclasses import replace
from pathlib import Path

import pytest

from sail.data.store import EpisodeStore, StoreError
from sail.embodiment import FILE, EmbodimentError
from sail_envs.panda.panda_tasks import EMBODIMENT

from helpers import assert_one_line, make_episode


def test_the_first_embodiment_stays_and_others_are_refused(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path / "episodes")
    assert store.embodiment is None
    store.settle(EMBODIMENT, "the robot file")
    assert EpisodeStore(store.folder).embodiment == EMBODIMENT
    written = (store.folder / FILE).read_bytes()
    # Another box of the hand only scales what networks see.
    box = tuple(replace(one, low=one.low - 1.0) for one in EMBODIMENT.proprioception)
    store.settle(replace(EMBODIMENT, proprioception=box), "the robot file")
    with pytest.raises(EmbodimentError) as error:
        store.settle(replace(EMBODIMENT, control_seconds=0.1), "the robot file")
    assert_one_line(error, "control_seconds is 0.05 in the store", "0.1 in the robot file: give each arm")
    assert (store.folder / FILE).read_bytes() == written


def test_episodes_of_other_sizes_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    store.add(make_episode(shape=(48, 64)))
    with pytest.raises(EmbodimentError) as error:
        store.settle(EMBODIMENT, "the robot file")
    assert_one_line(error, "height is 48 in", "64 in the robot file")
    assert not (tmp_path / FILE).exists()
    store.settle(replace(EMBODIMENT, height=48), "the robot file")


def test_a_store_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        EpisodeStore(tmp_path / "file" / "episodes").settle(EMBODIMENT, "the robot file")
