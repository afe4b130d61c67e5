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
    assert (metadata["schema"], metadata["length"], metadata["prompt"]) == (1, 3, "press the handle")
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
        ({"actions": np.zeros((3, 5), np.float32)}, "actions"),
        ({"proprioception": np.zeros((3, 4), np.float32)}, "proprioception"),
        ({"source": "dream"}, "expert, random"),
    ],
)
def test_arrays_that_are_no_episode_are_refused(tmp_path: Path, changes: dict[str, Any], word: str) -> None:
    with pytest.raises(StoreError, match=word):
        EpisodeStore(tmp_path).add(make_episode(**changes))
    assert list(tmp_path.iterdir()) == []
