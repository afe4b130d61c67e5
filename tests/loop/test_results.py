"""results.json and metrics.jsonl: what is read, what is forgiven and what is refused in one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from sail.loop.results import Rate, ResultsError, Way, gain, read_losses, read_results

ENTRY: dict[str, Any] = {
    "iteration": 0,
    "episodes": 50,
    "successes": 12,
    "success_rate": 0.24,
    "ci95": [0.143, 0.374],
    "collected": 0,
    "kept": 0,
    "seconds": {"collect": 0.0, "train": 0.0, "evaluate": 61.0},
}
RESULTS: dict[str, Any] = {
    "schema": 1,
    "preset": "quick",
    "task": "handle-press",
    "method": "sail",
    "seed": 3,
    "model": "1f0c77a2",
    "iterations": [ENTRY],
    "environment": {"python": "3.11.7"},
}


def test_losses_survive_a_resumed_and_a_killed_run(tmp_path: Path) -> None:
    lines = [
        '{"event": "train", "iteration": 1, "step": 20, "values": {"loss": 0.5}}',
        '{"event": "train", "iteration": 1, "step": 10, "values": {"loss": 0.9}}',
        '{"event": "train", "iteration": 1, "step": 20, "values": {"loss": 0.4}}',
        '{"event": "train", "iteration": 1, "step": 30, "values": {"loss": NaN}}',
        '{"event": "train", "iteration": 1, "step": 30, "values": {"rate": 1}}',
        '{"event": "evaluate", "iteration": 1, "step": 30, "values": {"loss": 7}}',
        "[1, 2]",
        '{"event": "train", "iterat',
    ]
    path = tmp_path / "metrics.jsonl"
    path.write_text("\n".join(lines))
    assert read_losses(path) == ({1: [(10, 0.9), (20, 0.4)]}, 2)
    assert read_losses(tmp_path / "absent.jsonl") == ({}, 0)


def test_the_gain_is_newcombes() -> None:
    """Newcombe 1998, table II, example (a): 56/70 against 48/80, method 10: 0.2 with 0.0524 to 0.3339."""
    first = Rate("48/80", 0.6, 0.490455, 0.700382, 80)
    last = Rate("56/70", 0.8, 0.691834, 0.876953, 70)
    assert gain(first, last) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_rounding_noise_of_an_interval_is_no_error(tmp_path: Path) -> None:
    entry = {**ENTRY, "successes": 0, "success_rate": 0.0, "ci95": [-1e-17, 0.071]}
    full = {
        **entry,
        "iteration": 1,
        "successes": 50,
        "success_rate": 1.0,
        "ci95": [0.929, 1.0000000000000002],
    }
    path = tmp_path / "results.json"
    path.write_text(json.dumps({**RESULTS, "iterations": [entry, full]}))
    low, high = (row.rate for row in read_results(path).iterations)
    assert (low.low, low.value, high.value, high.high) == (0.0, 0.0, 1.0, 1.0)


def test_an_arm_that_is_nowhere_has_covered_no_places(tmp_path: Path) -> None:
    ways = {way: {"episodes": 2, "successes": 1} for way in Way}
    row = {"iteration": 1, **ways, "covered": None, "gained": 1, "lost": 0}
    path = tmp_path / "results.json"
    path.write_text(json.dumps({**RESULTS, "monitors": [row]}))
    assert read_results(path).monitored[0].covered is None
    path.write_text(json.dumps({**RESULTS, "monitors": [{**row, "covered": -1}]}))
    with pytest.raises(ResultsError, match="covered is -1"):
        read_results(path)


def broken(**changes: Any) -> str:
    return json.dumps({**RESULTS, "iterations": [{**ENTRY, **changes}]})


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (None, "is missing"),
        ("", "no JSON"),
        (json.dumps(RESULTS)[:-40], "no JSON"),
        ("[]", "schema None"),
        (json.dumps({**RESULTS, "schema": 2}), "schema 2, this version reads 1"),
        (json.dumps({**RESULTS, "iterations": []}), "no finished iteration"),
        (json.dumps({**RESULTS, "iterations": 3}), "iterations is no list"),
        (json.dumps({key: value for key, value in RESULTS.items() if key != "task"}), "no 'task'"),
        (json.dumps({**RESULTS, "text_effect": {}}), "no 'rows'"),
        (broken(kept="many"), "kept is 'many'"),
        (broken(episodes=True), "episodes is True"),
        (broken(ci95=[0.1]), "ci95 is no pair"),
        (broken(ci95=[0.3, 0.4]), r"0.24 lies outside ci95 \[0.3, 0.4\]"),
        (broken(success_rate=24, ci95=[14, 37]), "outside"),
        (broken(success_rate=float("nan")), "success_rate is nan"),
        (broken(seconds=[1, 2, 3]), "no JSON object"),
        (broken(plans="plan.png"), "plans is no list"),
    ],
)
def test_missing_broken_and_foreign_results_are_one_line(
    tmp_path: Path, text: str | None, cause: str
) -> None:
    path = tmp_path / "results.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ResultsError, match=cause) as caught:
        read_results(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
