"""Which filter a name means, what the plain ones keep, and that verdicts stay."""

from pathlib import Path

import pytest

from sail.config.resolution import load_config
from sail.data.store import EpisodeRecord, EpisodeStore
from sail.filters.filter import FilterResult
from sail.filters.human.labels import FILE, add_label
from sail.filters.selection import find_filter, kept_of, quality
from sail.filters.vlm.verdicts import Verdict
from sail.filters.vlm.vlm_filter import VlmFilter
from sail.loop.run_folder import create_run, open_run
from sail.system.plugins import PlugInError
from sail.types import UInt8

from helpers import assert_one_line, make_episode


def record(index: int, success: bool, length: int = 10) -> EpisodeRecord:
    return EpisodeRecord(
        id=str(index),
        task="handle-press",
        prompt="press the handle",
        seed=index,
        iteration=0,
        source="self",
        success=success,
        model="",
        length=length,
        height=64,
        width=64,
        actions=4,
        proprioception=4,
        sha256="0" * 64,
    )


def filtered(name: str, tmp_path: Path, records: list[EpisodeRecord]) -> FilterResult:
    config = load_config(None, None, [f"filter={name}"])
    return find_filter(config).keep(EpisodeStore(tmp_path / "store"), records)


def test_the_oracle_keeps_the_successes(tmp_path: Path) -> None:
    result = filtered("oracle", tmp_path, [record(0, True), record(1, False), record(2, True)])
    assert result.mask == [True, False, True]
    assert result.reasons == ["success", "no success", "success"]


def test_none_keeps_failures_too(tmp_path: Path) -> None:
    result = filtered("none", tmp_path, [record(0, True), record(1, False)])
    assert result.mask == [True, True]
    assert len(result.reasons) == 2


@pytest.mark.parametrize("name", ["oracle", "none", "vlm", "human"])
def test_nothing_collected_is_nothing_kept(name: str, tmp_path: Path) -> None:
    assert filtered(name, tmp_path, [])[:2] == ([], [])


@pytest.mark.parametrize(
    ("name", "knows"),
    [("oracle", True), ("none", False), ("verifier", False), ("vlm", False), ("human", False)],
)
def test_only_the_oracle_knows_the_truth(name: str, knows: bool) -> None:
    assert find_filter(load_config(None, None, [f"filter={name}"])).knows_truth is knows


def test_people_are_not_asked_twice(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path)
    for seed, label in enumerate(("success", "failure", "skip")):
        add_label(tmp_path / FILE, store.add(make_episode(seed=seed)), label)
    config = load_config(None, None, ["filter=human"])
    result = find_filter(config).keep(store, store.records())
    assert result.mask == [True, False, False]
    assert result.reasons == ["labelled success", "labelled failure", "labelled skip"]


@pytest.mark.parametrize(("given_name", "nearest"), [("orcale", "oracle"), ("non", "none")])
def test_an_unknown_filter_is_answered_with_the_nearest(given_name: str, nearest: str) -> None:
    with pytest.raises(PlugInError) as error:
        load_config(None, None, [f"filter={given_name}"])
    assert_one_line(error, f"'{given_name}'", "oracle, none, verifier, vlm, human", f"'{nearest}'")


def test_what_a_judge_said_stays_and_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, config = EpisodeStore(tmp_path / "episodes"), load_config(None, None, ["filter=vlm"])
    folder = create_run(tmp_path / "run", config)
    for seed in range(4):  # successes are 1 and 3
        store.add(make_episode(seed=seed, iteration=1))
    says = iter([True, True, False, False])

    def judge(self: VlmFilter, frames: UInt8, prompt: str) -> Verdict:
        assert frames.shape == (6, 6, 5, 3) and prompt == "press the handle"
        return Verdict(next(says), "said so")

    monkeypatch.setattr(VlmFilter, "judge", judge)
    kept = kept_of(config, folder, store, 1)
    assert [one.seed for one in kept] == [0, 1]
    assert kept_of(config, open_run(folder.path), store, 1) == kept  # not asked again
    (row,) = quality(folder, store, 1)
    assert (row["collected"], row["successes"], row["kept"], row["kept_successes"]) == (4, 2, 2, 1)
    assert row["precision"] == row["recall"] == 0.5
