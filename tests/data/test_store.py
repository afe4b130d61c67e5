"""The episode store: lossless, and nothing finished is lost or silently wrong."""

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sail.data import store as store_module
from sail.data.store import INDEX, EpisodeStore, StoreError
from sail.types import SOURCES, Episode

from helpers import assert_one_line, make_episode


def assert_same(left: Episode, right: Episode) -> None:
    for name in ("frames", "proprioception", "actions"):
        one, other = getattr(left, name), getattr(right, name)
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes()), name
    for name in ("success", "prompt", "task", "seed", "iteration", "source", "model"):
        assert getattr(left, name) == getattr(right, name), name


@settings(max_examples=40, deadline=None)
@given(
    steps=st.integers(1, 6),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    sizes=st.tuples(st.integers(1, 9), st.integers(0, 9)),
    noise=st.integers(0, 2**32 - 1),
    prompt=st.text(max_size=20),
    task=st.text(max_size=20),
    seed=st.integers(0, 2**63),
    iteration=st.integers(0, 2000),
    source=st.sampled_from(SOURCES),
    success=st.booleans(),
    model=st.text(max_size=8),
)
def test_an_episode_comes_back_to_the_byte(
    steps: int, height: int, width: int, sizes: tuple[int, int], noise: int, **values: Any
) -> None:
    rng = np.random.default_rng(noise)
    # Any bits: not-a-numbers and negative zeros come back as they were too.
    actions, arm = (
        np.frombuffer(rng.bytes(4 * rows * size), np.float32).reshape(rows, size)
        for rows, size in zip((steps, steps + 1), sizes, strict=True)
    )
    frames = rng.integers(0, 256, (steps + 1, height, width, 3), dtype=np.uint8)
    episode = Episode(frames, arm, actions, **values)
    with tempfile.TemporaryDirectory() as folder:
        name = EpisodeStore(folder).add(episode)
        store = EpisodeStore(folder)
        assert_same(store.read(name), episode)
        assert store.verify() == []
        # The index says of it what the file itself says.
        before = store.records()
        store.rebuild_index()
        assert store.records() == before


def test_the_same_sequence_gives_the_same_names_and_bytes(tmp_path: Path) -> None:
    episodes = [make_episode(seed=seed, iteration=seed // 2) for seed in range(4)] + [make_episode(seed=0)]
    stores = [EpisodeStore(tmp_path / name) for name in "ab"]
    first, second = ([store.add(episode) for episode in episodes] for store in stores)
    assert first == second
    assert len(set(first)) == 5
    assert first[3] == "i001-self-handle-press-s3-000003"
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_records_are_chosen_by_their_metadata(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    a = store.add(make_episode(success=True, iteration=0, source="expert"))
    b = store.add(make_episode(success=False, iteration=1))
    c = store.add(make_episode(success=True, iteration=1, task="door-close", seed=7))
    for opened in (store, EpisodeStore(tmp_path)):
        assert [r.id for r in opened.records()] == [a, b, c]
        assert [r.id for r in opened.records(success=False)] == [b]
        assert [r.id for r in opened.records(iteration=0)] == [a]
        assert [r.id for r in opened.records(source="self", success=True)] == [c]
        assert [r.id for r in opened.records(task="handle-press")] == [a, b]
        record = opened.records(task="door-close")[0]
        assert (record.length, record.height, record.width, record.seed) == (3, 6, 5, 7)


@settings(max_examples=30, deadline=None)
@given(steps=st.integers(1, 12), data=st.data())
def test_a_clip_is_the_same_as_the_frames_of_the_whole(steps: int, data: st.DataObject) -> None:
    indices = data.draw(st.lists(st.integers(0, steps), max_size=12))
    with tempfile.TemporaryDirectory() as folder:
        store = EpisodeStore(folder)
        name = store.add(make_episode(steps))
        clip = store.read_clip(name, indices)
        assert clip.dtype == np.uint8
        np.testing.assert_array_equal(clip, store.read(name).frames[np.array(indices, int)])


def test_a_clip_takes_array_indices_and_refuses_those_outside(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    name = store.add(make_episode(3))
    assert store.read_clip(name, np.array([3, 3])).shape == (2, 6, 5, 3)
    for index in (-1, 4):
        with pytest.raises(IndexError, match="0 to 3"):
            store.read_clip(name, [index])


def test_an_index_that_misstates_an_episode_is_found_out(tmp_path: Path) -> None:
    name = EpisodeStore(tmp_path).add(make_episode(success=False))
    index = tmp_path / INDEX
    index.write_text(index.read_text().replace('"success": false', '"success": true'))
    store = EpisodeStore(tmp_path)
    with pytest.raises(StoreError, match="rebuild the index"):
        store.read(name)
    store.rebuild_index()
    assert store.verify() == []
    assert not EpisodeStore(tmp_path).records()[0].success


@settings(max_examples=60, deadline=None)
@given(cut=st.floats(0, 1), garbage=st.binary(max_size=20))
def test_a_torn_index_repairs_itself(cut: float, garbage: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = EpisodeStore(folder)
        for seed in range(3):
            store.add(make_episode(seed=seed))
        index = Path(folder, INDEX)
        whole = index.read_bytes()
        index.write_bytes(whole[: int(cut * len(whole))] + garbage)
        repaired = EpisodeStore(folder)
        assert repaired.records() == store.records()
        repaired.add(make_episode(seed=3))
        assert len(EpisodeStore(folder).records()) == 4
        lines = [json.loads(line) for line in index.read_bytes().splitlines() if line]
        assert [line["seed"] for line in lines] == [0, 1, 2, 3]


def test_a_missing_index_is_written_again_as_it_was(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    for seed in (5, 2, 9):
        store.add(make_episode(seed=seed))
    index = tmp_path / INDEX
    before = index.read_bytes()
    index.unlink()
    assert EpisodeStore(tmp_path).records() == store.records()
    assert index.read_bytes() == before


def test_an_append_after_a_torn_one_starts_its_own_line(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    store.add(make_episode())
    index = tmp_path / INDEX
    index.write_bytes(index.read_bytes() + b'{"schema": 1, "fi')
    store.add(make_episode(seed=1))
    assert json.loads(index.read_bytes().splitlines()[-1])["seed"] == 1


KILLED = """
import os, signal, sys
import numpy as np
from sail.data import store
from sail.types import Episode

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

folder, moment = sys.argv[1:]
episodes = store.EpisodeStore(folder)
for seed in range(3):
    if seed == 2 and moment == "before the file has its name":
        os.replace = kill
    if seed == 2 and moment == "before the index has its line":
        store.append_line = kill
    frames = np.full((3, 4, 4, 3), seed, np.uint8)
    state, actions = np.zeros((3, 4), np.float32), np.zeros((2, 4), np.float32)
    episodes.add(Episode(frames, state, actions, True, "press", "handle-press", seed, 0, "self"))
"""


@pytest.mark.parametrize(
    ("moment", "finished"), [("before the file has its name", 2), ("before the index has its line", 3)]
)
def test_a_kill_loses_no_finished_episode(tmp_path: Path, moment: str, finished: int) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, str(tmp_path), moment]
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    store = EpisodeStore(tmp_path)
    assert [record.seed for record in store.records()] == list(range(finished))
    assert store.verify() == []
    # Resuming takes over what the kill left behind.
    for seed in range(finished, 3):
        store.add(make_episode(seed=seed))
    assert sum(path.name.endswith(".episode.zip") for path in tmp_path.iterdir()) == 3


def test_a_discarded_iteration_can_be_collected_again(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    store.add(make_episode(seed=9))
    first = [store.add(make_episode(seed=seed, iteration=1)) for seed in range(3)]
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    store.discard(record.id for record in store.records(iteration=1))
    assert [record.iteration for record in EpisodeStore(tmp_path).records()] == [0]
    assert [store.add(make_episode(seed=seed, iteration=1)) for seed in range(3)] == first
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_discarding_what_is_not_there_removes_nothing(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    name = store.add(make_episode())
    with pytest.raises(StoreError, match="no episode 'x'"):
        store.discard([name, "x"])
    store.discard([])
    assert [record.id for record in EpisodeStore(tmp_path).records()] == [name]


def test_a_discard_that_fails_half_way_leaves_whole_episodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EpisodeStore(tmp_path)
    names = [store.add(make_episode(seed=seed)) for seed in range(2)]

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(StoreError, match="cannot remove"):
            store.discard(names)
    opened = EpisodeStore(tmp_path)
    assert [record.id for record in opened.records()] == names
    assert opened.verify() == []


def test_a_missing_file_is_reported_and_dropped_only_when_asked(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    names = [store.add(make_episode(seed=seed)) for seed in range(2)]
    (tmp_path / f"{names[0]}.episode.zip").unlink()
    opened = EpisodeStore(tmp_path)
    with pytest.raises(StoreError) as error:
        opened.read(names[0])
    assert_one_line(error, names[0], "No such file", "rebuild the index")
    assert opened.verify() == [str(error.value)]
    opened.rebuild_index()
    assert [record.id for record in EpisodeStore(tmp_path).records()] == names[1:]


def test_verify_names_a_file_that_appeared_meanwhile(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    store.add(make_episode())
    (tmp_path / "other.episode.zip").write_bytes(b"x")
    assert len(store.verify()) == 1
    assert "other.episode.zip is not in the index" in store.verify()[0]


@pytest.mark.parametrize("moment", ["write_atomically", "append_line"])
def test_a_full_disk_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    store = EpisodeStore(tmp_path)
    store.add(make_episode())

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store_module, moment, full)
        with pytest.raises(StoreError) as error:
            store.add(make_episode(seed=1))
    assert_one_line(error, "No space left on device", "free some space")
    store.add(make_episode(seed=2))
    assert EpisodeStore(tmp_path).verify() == []


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="free some space"):
        EpisodeStore(tmp_path).add(make_episode())
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_written_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = EpisodeStore(tmp_path).add(make_episode())
    (tmp_path / INDEX).unlink()

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(store_module, "write_atomically", refuse)
    store = EpisodeStore(tmp_path)
    assert_same(store.read(name), make_episode())
    with pytest.raises(StoreError, match="can be written to"):
        store.add(make_episode(seed=1))


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    one, other = EpisodeStore(tmp_path), EpisodeStore(tmp_path)
    one.add(make_episode())
    with pytest.raises(StoreError, match="one process"):
        other.add(make_episode())


def test_opening_makes_no_folder_and_refuses_a_file(tmp_path: Path) -> None:
    assert EpisodeStore(tmp_path / "new").records() == []
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as error:
        EpisodeStore(tmp_path / "file")
    assert_one_line(error, "folder")
