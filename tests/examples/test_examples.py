"""The examples run as their first lines say, at a small size."""

import json
import runpy
from pathlib import Path

import pytest

from sail.cli import main as cli

from helpers import SMALL

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def in_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somewhere to write, with the examples where Python finds them, as in their own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))


def test_plan_and_act(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "plan_and_act.py"))["main"]("door-close")
    shown = capsys.readouterr().out
    assert "'close the door': 8 planned frames" in shown and "8 actions moved the hand by" in shown


def test_a_filter_and_a_prior_of_ones_own_run_in_the_loop(tiny_base: Path, tmp_path: Path) -> None:
    brought = ("filter=bring_your_filter:calm_filter", "prior.kind=bring_your_prior:still_prior")
    words = ["run", "--preset", "smoke", *SMALL, *brought, f"base={tiny_base}", "--out", "run"]
    assert cli.main(words) == 0
    assert "actions change by" in (tmp_path / "run" / "manifest.json").read_text()


def test_an_environment_of_ones_own_is_trained_on_improved_and_reported(tmp_path: Path) -> None:
    script = EXAMPLES / "bring_your_environment.py"
    assert sum(bool(line.strip()) for line in script.read_text().splitlines()) < 40
    suite = runpy.run_path(str(script))["SUITE"]
    assert suite.tasks["yellow"] == "move to the yellow field" and suite.unseen == ("yellow",)
    sizes = ("autoencoder_steps=2", "planner_steps=2", "inverse_dynamics_steps=2", "play_seen=1")
    named = "suite=bring_your_environment:SUITE"
    words = [named, "demonstrations=2", "planner_batch=2", *sizes, "--out", "weights", "--workers", "0"]
    assert cli.main(["train", *words]) == 0
    # With a worker: it has to find the suite.
    run = [named, "task=yellow", "base=weights", *SMALL, "workers=1", "filter=oracle", "--out", "run"]
    assert cli.main(["run", "--preset", "smoke", *run]) == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert (results["suite"], results["task"]) == ("table", "yellow")
    assert [row["episodes"] for row in results["iterations"]] == [2, 2]
    assert results["controls"][0]["method"] == "random actions"
    assert (tmp_path / "run" / "report.html").is_file()


def test_a_suite_in_words_is_checked_and_acted_in(capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(EXAMPLES / "maze.yaml")]
    assert cli.main(["doctor", "--suite", *words, "--json"]) == 0
    assert "no expert: not checked" in capsys.readouterr().out
    few = ("evaluation_episodes=2", "envs=2", "workers=0", "horizon=16", "task=bend")
    assert cli.main(["evaluate", "--random", f"suite={words[0]}", *few, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["task"], row["episodes"]) == ("bend", 2)
