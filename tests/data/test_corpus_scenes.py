"""The corpus as it is generated: its scenes, its captions, and the exclusion rule on its manifest."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import sail.data.corpus_scenes
from sail.data.corpus import MANIFEST, Corpus
from sail.data.corpus_scenes import Scene, scenes
from sail_envs.broad.exclusion import broken_rule
from sail_envs.metaworld.metaworld_tasks import METAWORLD


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Of the corpus' first scenes, with fewer clips of each."""
    corpus = Corpus(tmp_path_factory.mktemp("corpus"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sail.data.corpus_scenes, "TRIES", 3)
        for scene in scenes(12):
            corpus.add(scene.shard, sail.data.corpus_scenes._clips(scene))
    return [json.loads(line) for line in (corpus.folder / MANIFEST).read_text().splitlines()]


def test_the_exclusion_rule_holds(manifest: list[dict[str, Any]]) -> None:
    assert len(manifest) > 25
    assert {row["arm"] for row in manifest} == {"panda", "gripper", "sawyer"}
    assert [broken_rule(row) for row in manifest] == [None] * len(manifest)


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"things": [{"kind": "mug", "colour": "orange"}]}, "Panda with orange mug"),
        ({"things": [{"kind": "mug", "colour": "purple"}]}, "purple mug"),
        (
            {"things": [{"kind": "ball", "colour": "red"}, {"kind": "tray", "colour": "yellow"}]},
            "yellow tray",
        ),
        ({"things": [{"kind": "chest", "colour": "yellow"}]}, "yellow chest"),
        ({"scene": "metaworld/door-close", "arm": "sawyer"}, "metaworld/door-close"),
        ({"scene": "cups-orange"}, "cups-orange"),
        ({"scene": "metaworld/reach", "arm": "sawyer"}, "own colours"),
        ({"arm": "fetch"}, "fetch"),
    ],
)
def test_the_rule_sees_what_breaks_it(changed: dict[str, Any], part: str) -> None:
    things = [("ball", "orange"), ("mug", "red"), ("chest", "blue")]
    allowed = {
        "scene": "table",
        "arm": "panda",
        "things": [{"kind": kind, "colour": colour} for kind, colour in things],
    }
    assert broken_rule(allowed) is None
    assert (
        broken_rule({**allowed, "arm": "gripper", "things": [{"kind": "tray", "colour": "yellow"}]}) is None
    )
    assert part in str(broken_rule({**allowed, **changed}))


def test_more_scenes_begin_with_the_same_ones() -> None:
    many = scenes(96)
    assert scenes(40) == many[:40]
    assert Counter(scene.name for scene in many) == {"table": 80, **dict.fromkeys(METAWORLD.seen, 2)}
    assert len({scene.shard for scene in many}) == 96
    assert Scene("table", 7).shard == "table-00007"


def test_one_command_makes_it_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sail.cli.main import main

    command = ["collect", "--source", "broad", "--episodes", "1", "--workers", "0", "--out", str(tmp_path)]
    assert main(command) == 0
    first = (tmp_path / MANIFEST).read_bytes()
    assert f"holds {len(first.splitlines())} clips" in capsys.readouterr().out
    assert main(command) == 0
    assert (tmp_path / MANIFEST).read_bytes() == first
    assert main(["data", str(tmp_path)]) == 0
    assert "the exclusion rule holds" in capsys.readouterr().out
    assert main([*command, "--tasks", "reach"]) == 2
    assert "own scenes" in capsys.readouterr().err
