"""The corpus on disk: shards count when they are whole, and what is damaged is one line."""

import json
from pathlib import Path

import numpy as np
import pytest

from sail.data.corpus import MANIFEST, Corpus, CorpusError
from sail_envs.broad.clip import Clip, Thing


def clip(frames: int, caption: str) -> Clip:
    shown = np.random.default_rng(frames).integers(0, 256, (frames, 8, 8, 3), np.uint8)
    return Clip(
        shown, "table", "panda", "push left", 1, (Thing("ball", "red"), Thing("bar", "cyan")), caption
    )


CLIPS = [clip(5, "push the bar to the left"), clip(3, "move the cyan bar left")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    corpus = Corpus(tmp_path)
    corpus.add("table-00000", CLIPS)
    corpus.add("table-00001", [])
    corpus.add("table-00002", CLIPS[:1])
    return tmp_path


def test_what_was_added_is_there(folder: Path) -> None:
    corpus = Corpus(folder)
    assert corpus.shards() == {"table-00000", "table-00002"}
    for row, added in zip(corpus.rows, [*CLIPS, CLIPS[0]], strict=True):
        last = row["first"] + row["frames"]
        np.testing.assert_array_equal(corpus.frames(row["shard"])[row["first"] : last], added.frames)
        assert row["caption"] == added.caption
        assert row["things"] == [{"kind": "ball", "colour": "red"}, {"kind": "bar", "colour": "cyan"}]


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_a_torn_manifest_forgets_the_shard_that_is_not_whole(cut: int, folder: Path) -> None:
    manifest = folder / MANIFEST
    whole = manifest.read_bytes()
    lines = whole.splitlines(keepends=True)
    manifest.write_bytes(lines[0] + lines[1][:cut])
    torn = manifest.read_bytes()
    corpus = Corpus(folder)
    assert (corpus.shards(), corpus.rows) == (set(), [])
    assert manifest.read_bytes() == torn  # reading changes nothing
    corpus.add("table-00000", CLIPS)
    corpus.add("table-00002", CLIPS[:1])
    assert manifest.read_bytes() == whole


def test_a_corpus_without_places_is_not_taken(folder: Path) -> None:
    manifest = folder / MANIFEST
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    for row in rows:
        del row["at"]
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(CorpusError, match="collect the corpus again"):
        Corpus(folder)


def test_damage_is_one_line(folder: Path) -> None:
    path = folder / "table-00000.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:20])
    with pytest.raises(CorpusError, match=r"table-00000.safetensors is damaged.*collect again"):
        Corpus(folder).frames("table-00000")
    path.write_bytes(whole[:5000] + bytes(4096) + whole[9096:])
    with pytest.raises(CorpusError, match=r"table-00000.safetensors is damaged.*collect again"):
        Corpus(folder).frames("table-00000")
    path.unlink()
    with pytest.raises(CorpusError, match="No such file"):
        Corpus(folder).frames("table-00000")
    (folder / MANIFEST).write_text("{\n" + json.dumps({"shard": "a", "of": 1}) + "\n")
    with pytest.raises(CorpusError, match="line 1"):
        Corpus(folder)
    (folder / MANIFEST).write_text('{"of": 1}\n[]\n{}\n')
    with pytest.raises(CorpusError, match="line 1"):
        Corpus(folder)
