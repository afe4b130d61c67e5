"""`sail export`: what it is told, and what it refuses before anything is computed."""

import json
from pathlib import Path

import pytest

from sail.export import cold_start
from sail.export.folder import read_planner_config
from sail.loop.agent import load_policy
from sail.loop.run_folder import open_run
from sail_models.saving import load_model, model_identity

from helpers import Capture, refused, sail


def test_a_folder_is_compared_again(capsys: Capture, exported: Path) -> None:
    code, out, error = sail(capsys, "export", "--check", exported)
    assert code == 0, error
    assert f"{exported} is as its source: plans 0.0" in out and "latents" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "where to? give --out DIR"),
        (("--check", "x", "--out", "y"), "give nothing else to export"),
        (("--out", "x", "--precision", "fp8"), "fp8"),
        (("--out", "x", "--iteration", "1"), "--iteration is of a run"),
        (("--out", "x", "base=nothing"), "no base weights 'nothing'"),
        (("--check", "nowhere"), "name a folder that sail export wrote"),
        (("--out", "x", "--frames", "nowhere"), "nowhere"),
    ],
)
def test_what_means_nothing_is_one_line(
    capsys: Capture, words: tuple[str, ...], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert says in refused(capsys, "export", *words)


@pytest.mark.slow
def test_what_a_run_learnt_is_exported_and_distilled(
    capsys: Capture, finished: Path, two_episodes: Path, tmp_path: Path
) -> None:
    learnt = model_identity(load_model(finished / "checkpoints" / "iteration_001" / "planner", "planner"))
    for iteration, identity in ((1, learnt), (0, open_run(finished).results()["model"])):
        out = tmp_path / f"exported_{iteration}"
        words = ("export", finished, "--frames", two_episodes, "--out", out)
        code, told, error = sail(capsys, *words, *(() if iteration else ("--iteration", "0")))
        assert code == 0, error
        assert f"export of planner {identity}" in told and read_planner_config(out).identity == identity
    words = ("distill", "few-step", finished, "--pairs", 4, "--steps", 2, "--batch", 2)
    code, told, error = sail(capsys, *words, "--out", tmp_path / "student")
    assert code == 0, error
    assert f"a student of {learnt}" in told
    assert "no checkpoint 7" in refused(capsys, "bench", "inference", finished, "--iteration", "7")
    assert "own settings" in refused(capsys, "export", finished, "--preset", "smoke", "--out", tmp_path / "x")


def test_what_is_exported_is_evaluated(
    capsys: Capture, exported: Path, exported_as: tuple[str, ...], tmp_path: Path
) -> None:
    few = ("evaluation_episodes=2", "envs=2", "workers=0", "horizon=16")
    words = ("evaluate", "--exported", exported, *exported_as, *few)
    code, out, error = sail(capsys, *words, "--json")
    assert code == 0, error
    (row,) = json.loads(out)["rows"]
    assert row["candidate"] == "exported folder" and row["episodes"] == 2
    assert row["model"] == read_planner_config(exported).identity
    assert "acts by itself" in refused(capsys, *words, "--random")
    assert "exported with steps = 2, asked for 3" in refused(capsys, *words, "planner.steps=3")


@pytest.mark.slow
def test_what_planning_costs(
    capsys: Capture, exported: Path, exported_as: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cold_start, "_TIMES", 2)
    words = ("bench", "inference", *exported_as, "--exported", exported, "--batches", "1,2", "--rounds", "2")
    code, out, error = sail(capsys, *words, "--json")
    assert code == 0, error
    found = json.loads(out)
    assert found["ceiling"]["operations"] > 1e9 and found["ceiling"]["bytes"] > 1e8
    engines = ("eager", "eager float32", "ONNX folder")
    assert [(row["engine"], row["batch"]) for row in found["rows"]] == [
        (engine, batch) for batch in (1, 2) for engine in engines
    ]
    for row in found["rows"]:
        stages = row["stages"]
        assert set(stages) == {"text", "draw", "decode", "dynamics", "plan"}
        # A plan is drawn and decoded; its embeddings are known.
        assert stages["plan"]["median"] > 0.5 * stages["draw"]["median"] > 0.0
        assert (
            0.0
            < row["share"]
            == pytest.approx(row["operations"] / stages["plan"]["median"] / found["ceiling"]["operations"])
        )
    for row in found["rows"]:
        assert (row["start"] is not None) == row["engine"].startswith("ONNX")
        assert row["start"] is None or 0.05 < row["start"] < 60.0
        assert (row["memory"] is not None) == (row["engine"] != "eager float32")
        assert row["memory"] is None or row["memory"] > 2**25
    assert found["rows"][3]["operations"] == 2 * found["rows"][0]["operations"]
    assert "sail bench inference" in refused(capsys, "bench", *exported_as)
    assert sail(capsys, *words, "--batches", "1")[0] == 0


def test_what_is_there_is_not_written_over(capsys: Capture, exported: Path, tiny_base: Path) -> None:
    before = sorted(path.name for path in exported.iterdir())
    assert "is not empty" in refused(capsys, "export", f"base={tiny_base}", "--out", exported)
    assert sorted(path.name for path in exported.iterdir()) == before


def test_an_exported_policy_is_evaluated_and_compared(
    capsys: Capture, exported_policy: Path, tiny_base: Path, tmp_path: Path
) -> None:
    few = ("evaluation_episodes=2", "envs=2", "workers=0", "horizon=16", "task=cups-red")
    code, out, error = sail(capsys, "evaluate", "--exported", exported_policy, *few, "--json")
    assert code == 0, error
    (row,) = json.loads(out)["rows"]
    assert row["episodes"] == 2 and row["model"] == load_policy(tiny_base).identity
    code, out, error = sail(capsys, "export", "--check", exported_policy)
    assert code == 0 and "is as its source: relative errors text" in out, error
    words = ("export", f"base={tiny_base}", "method=bc-loop", "--out", tmp_path / "x", "--precision", "int8")
    assert "leave --precision out" in refused(capsys, *words)
