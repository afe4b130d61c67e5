"""The examples run as their first lines say, at a small size."""

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


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("filter=bring_your_filter:calm_filter", "actions change by"),
        ("prior.kind=bring_your_prior:still_prior", "success"),
    ],
)
def test_what_users_bring_runs_in_the_loop(setting: str, told: str, tiny_base: Path, tmp_path: Path) -> None:
    words = ["run", "--preset", "smoke", *SMALL, f"base={tiny_base}", setting, "--out", "run"]
    assert cli.main([*words, "training.least_kept=0"]) == 0
    manifest = (tmp_path / "run" / "manifest.json").read_text()
    assert told in manifest
