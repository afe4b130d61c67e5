"""One episode's file: a zip that any tool opens; arrays that are no episode are refused."""

import json
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sail.data.store import EpisodeStore, StoreError

from helpers import make_episode


def test_the_file_is_a_zip_that_people_can_look_into(tmp_path: Path) -> None:
    episode = make_episode()
    store = EpisodeStore(tmp_path)
    name = store.add(episode)
    with zipfile.ZipFile(tmp_path / f"{name}.episode.zip") as archive:
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
        frames = [f"frames/0000{i}.png" for i in range(4)]
        assert archive.namelist() == ["episode.json", "proprioception.npy", "actions.npy", *frames]
        metadata = json.loads(archive.read("episode.json"))
        picture = cv2.imdecode(np.frombuffer(archive.read(frames[2]), np.uint8), cv2.IMREAD_COLOR)
        archive.extract("episode.json", tmp_path)
    assert (metadata["schema"], metadata["length"], metadata["prompt"]) == (2, 3, "press the handle")
    assert picture is not None
    # In the right colours for any viewer: OpenCV reads blue first.
    np.testing.assert_array_equal(picture[..., ::-1], episode.frames[2])


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"frames": np.zeros((4, 6, 5, 3), np.float32)}, "uint8"),
        ({"frames": np.zeros((4, 6, 5), np.uint8)}, "H, W, 3"),
        ({"frames": np.zeros((3, 6, 5, 3), np.uint8)}, "T\\+1"),
        ({"frames": np.zeros((4, 0, 5, 3), np.uint8)}, "H, W, 3"),
        ({"actions": np.zeros((3, 4))}, "actions is float64"),
        ({"actions": np.zeros(3, np.float32)}, "actions is float32"),
        ({"actions": np.zeros((3, 0), np.float32)}, "at least one number"),
        ({"proprioception": np.zeros((3, 4), np.float32)}, "proprioception"),
        ({"source": "dream"}, "expert, random"),
    ],
)
def test_arrays_that_are_no_episode_are_refused(tmp_path: Path, changes: dict[str, Any], word: str) -> None:
    with pytest.raises(StoreError, match=word):
        EpisodeStore(tmp_path).add(make_episode(**changes))
    assert list(tmp_path.iterdir()) == []


def test_a_store_holds_the_episodes_of_one_arm(tmp_path: Path) -> None:
    joints = np.zeros((3, 6), np.float32)
    six = make_episode(actions=joints, proprioception=np.zeros((4, 7), np.float32))
    store = EpisodeStore(tmp_path)
    store.add(six)
    record = store.records()[0]
    assert (record.actions, record.proprioception) == (6, 7)
    assert EpisodeStore(tmp_path).read(record.id).actions.shape == (3, 6)
    with pytest.raises(StoreError, match=r"6 numbers an action and 7 of proprioception, not 4 and 4"):
        store.add(make_episode())
    assert len(store.records()) == 1 and len(list(tmp_path.iterdir())) == 2


def test_an_episode_of_schema_1_has_four_numbers(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    name = store.add(make_episode())
    path, old = tmp_path / f"{name}.episode.zip", tmp_path / "old" / f"{name}.episode.zip"
    old.parent.mkdir()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(old, "w", zipfile.ZIP_STORED) as first:
        for member in archive.infolist():
            content = archive.read(member)
            if member.filename == "episode.json":
                values = json.loads(content)
                content = json.dumps(
                    {key: value for key, value in values.items() if key not in ("actions", "proprioception")}
                    | {"schema": 1}
                ).encode()
            first.writestr(member, content)
    found = EpisodeStore(old.parent)
    assert (found.records()[0].actions, found.records()[0].proprioception) == (4, 4)
    np.testing.assert_array_equal(found.read(name).actions, store.read(name).actions)
