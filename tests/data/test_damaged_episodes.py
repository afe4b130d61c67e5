"""No damaged, truncated or foreign episode file goes unnoticed, and each is one clear line."""

import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sail.data.store import INDEX, EpisodeStore, StoreError

from helpers import assert_one_line, make_episode


@settings(max_examples=300, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_no_changed_byte_goes_unseen(place: float, flip: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = EpisodeStore(folder)
        episode = make_episode()
        name = store.add(episode)
        path = Path(folder, f"{name}.episode.zip")
        content = bytearray(path.read_bytes())
        content[int(place * len(content))] ^= flip
        path.write_bytes(content)
        with pytest.raises(StoreError) as error:
            store.read(name)
        assert_one_line(error, "damaged", path.name, "restore")
        assert store.verify() == [str(error.value)]
        try:
            clip = store.read_clip(name, [0, 2])
        except StoreError as refused:
            assert len(str(refused).splitlines()) == 1
        else:
            np.testing.assert_array_equal(clip, episode.frames[[0, 2]])


def test_a_damaged_frame_is_seen_by_the_clip_that_needs_it(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    episode = make_episode()
    path = tmp_path / f"{store.add(episode)}.episode.zip"
    with zipfile.ZipFile(path) as archive:
        content = path.read_bytes()
        png = archive.read("frames/00001.png")
    position = content.index(png) + len(png) // 2
    path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
    name = store.records()[0].id
    with pytest.raises(StoreError, match=r"CRC-32.*00001\.png"):
        store.read_clip(name, [1])
    np.testing.assert_array_equal(store.read_clip(name, [0, 2]), episode.frames[[0, 2]])


@pytest.mark.parametrize("keep", [0, 1, 200, -1, -30])
def test_a_truncated_file_is_one_clear_line(tmp_path: Path, keep: int) -> None:
    store = EpisodeStore(tmp_path)
    name = store.add(make_episode())
    path = tmp_path / f"{name}.episode.zip"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(StoreError) as error:
        store.read(name)
    assert_one_line(error, path.name)
    with pytest.raises(StoreError) as error:
        store.read_clip(name, [0])
    assert_one_line(error, path.name, "damaged")
    (tmp_path / INDEX).unlink()
    with pytest.raises(StoreError) as error:
        EpisodeStore(tmp_path)
    assert_one_line(error, path.name, "damaged", "move it out")


def write_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def changed(path: Path, name: str, content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {member: archive.read(member) for member in archive.namelist()} | {name: content}


def test_foreign_files_are_one_clear_line(tmp_path: Path) -> None:
    good = tmp_path / "good"
    path = good / f"{EpisodeStore(good).add(make_episode())}.episode.zip"
    metadata = json.loads(changed(path, "x", b"")["episode.json"])
    wrong = {
        "no json": ("episode.json", b"{"),
        "no object": ("episode.json", b"[]"),
        "deep": ("episode.json", b"[" * 200_000),
        "source": ("episode.json", json.dumps(metadata | {"source": "dream"}).encode()),
        "flag": ("episode.json", json.dumps(metadata | {"success": 1}).encode()),
        "longer": ("episode.json", json.dumps(metadata | {"length": 4}).encode()),
        "wider": ("episode.json", json.dumps(metadata | {"width": 6}).encode()),
        "pickle": ("actions.npy", b"\x80\x04\x95cos\nsystem\n"),
        "no png": ("frames/00001.png", b"GIF89a"),
    }
    files = {name: changed(path, *change) for name, change in wrong.items()}
    for name, members in files.items():
        (tmp_path / name).mkdir()
        write_zip(tmp_path / name / "a.episode.zip", members)
        with pytest.raises(StoreError) as error:
            EpisodeStore(tmp_path / name)
        assert_one_line(error, "a.episode.zip", "move it out")
    write_zip(tmp_path / "deep" / "a.episode.zip", changed(path, "x", b""), zipfile.ZIP_DEFLATED)
    with pytest.raises(StoreError, match="compressed"):
        EpisodeStore(tmp_path / "deep")


def test_a_newer_schema_asks_for_an_upgrade(tmp_path: Path) -> None:
    path = tmp_path / f"{EpisodeStore(tmp_path).add(make_episode())}.episode.zip"
    newer = json.dumps({"schema": 3, "what": "only they know"}).encode()
    write_zip(path, changed(path, "episode.json", newer))
    (tmp_path / INDEX).unlink()
    with pytest.raises(StoreError) as error:
        EpisodeStore(tmp_path)
    assert_one_line(error, "schema 3", "upgrade")
