"""`sail run`, `evaluate` and `report`: what they write and print."""

import json
import shutil
from pathlib import Path

from sail.loop.run_folder import open_run

from helpers import SMALL, Capture, refused, sail


def test_run_makes_a_run_folder_with_its_report(finished: Path) -> None:
    assert (finished / "report.html").is_file()
    assert [row["iteration"] for row in open_run(finished).results()["iterations"]] == [0, 1]


def test_resuming_a_finished_run_needs_no_settings_says_so_and_prints_json(
    finished: Path, capsys: Capture
) -> None:
    code, out, error = sail(capsys, "run", "--resume", "--out", finished, "--json")
    assert code == 0
    assert json.loads(out) == open_run(finished).results()
    assert "was finished already" in error
    assert f"report: {finished / 'report.html'}" in error


def test_a_run_is_not_overwritten_nor_resumed_with_other_settings(finished: Path, capsys: Capture) -> None:
    base = open_run(finished).config.base
    words = ("run", "--preset", "smoke", *SMALL, f"base={base}", "--out", finished)
    assert "--resume" in refused(capsys, *words)
    assert "seed=0, not 9" in refused(capsys, "run", "--resume", "--out", finished, "seed=9")


def test_evaluate_a_run_repeats_the_loops_own_numbers(finished: Path, capsys: Capture) -> None:
    code, out, error = sail(capsys, "evaluate", finished, "--json")
    assert code == 0, error
    rows = json.loads(out)["rows"]
    there = open_run(finished).results()["iterations"]
    assert [row["iteration"] for row in rows] == [0, 1]
    for row, iteration in zip(rows, there, strict=True):
        assert row["ci95"] == iteration["ci95"]
        assert (row["successes"], row["episodes"]) == (iteration["successes"], iteration["episodes"])
    assert [row["candidate"] for row in rows] == ["base weights", "iteration 1"]
    assert rows[0]["model"] == open_run(finished).results()["model"] != rows[1]["model"]


def test_evaluate_one_checkpoint_following_pairs_on_other_tasks(finished: Path, capsys: Capture) -> None:
    words = (
        "--iteration",
        "1",
        "--following",
        "pair",
        "--tasks",
        "reach,reach-wall",
        "evaluation_episodes=1",
    )
    code, out, _ = sail(capsys, "evaluate", finished, *words)
    assert code == 0
    assert "reach-wall" in out and "mean" in out and "iteration 1" in out
    assert "there is no checkpoint 7: there are 0, 1" in refused(
        capsys, "evaluate", finished, "--iteration", "7"
    )
    assert "has its own settings" in refused(capsys, "evaluate", finished, "--preset", "smoke")


def test_evaluate_names_the_cause_of_failures(finished: Path, capsys: Capture) -> None:
    words = ("--iteration", "0", "--probes", "evaluation_episodes=1")
    code, out, error = sail(capsys, "evaluate", finished, *words, "--json")
    assert code == 0, error
    document = json.loads(out)
    (probe,) = document["probes"]
    assert [row["candidate"] for row in document["rows"]] == ["base weights"]
    assert (probe["perfect_plan"]["candidate"], probe["perfect_plan"]["episodes"]) == ("perfect plan", 1)
    assert probe["plan_error"]["pixel"] > 0.0 and "success" in probe["cause"]
    code, out, _ = sail(capsys, "evaluate", finished, *words)
    assert code == 0 and "grey levels" in out


def test_evaluate_random_needs_no_weights(capsys: Capture) -> None:
    small = ("evaluation_episodes=2", "envs=2", "workers=0", "horizon=24", "base=none-there")
    code, out, error = sail(capsys, "evaluate", "--random", "--json", *small)
    assert code == 0, error
    (row,) = json.loads(out)["rows"]
    assert (row["candidate"], row["iteration"], row["episodes"]) == ("random waypoints", None, 2)


def test_a_run_with_a_damaged_episode_is_refused_in_one_line(
    finished: Path, capsys: Capture, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["finished"]["train_001"], manifest["finished"]["end"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    next((copy / "episodes").glob("*.zip")).write_bytes(b"PK")
    assert "wrong SHA-256" in refused(capsys, "run", "--resume", "--out", copy)


def test_report_is_written_again(finished: Path, capsys: Capture) -> None:
    before = (finished / "report.html").read_bytes()
    (finished / "report.html").unlink()
    assert sail(capsys, "report", finished)[0] == 0
    assert (finished / "report.html").read_bytes() == before
