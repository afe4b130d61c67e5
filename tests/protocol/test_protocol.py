"""The grid runs, stops, goes on, and says what it found."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sail.config.method import METHODS, find_method
from sail.config.overrides import ConfigError
from sail.config.resolution import load_config
from sail.loop.results import Way
from sail.protocol.grid import COMPOSED, grid, units
from sail.protocol.ledger import CELLS, Ledger, LedgerError

from helpers import SMALL, Capture, assert_one_line, refused, sail

TASKS = ("handle-press", "door-close")


def row(successes: int, episodes: int = 10, seconds: float = 1.0) -> dict[str, object]:
    return {"successes": successes, "episodes": episodes, "seconds": {"evaluate": seconds}}


def test_one_seed_of_everything_comes_before_the_next() -> None:
    cells = grid(TASKS, ("sail", "random"), ("oracle", "none"), seeds=2, iterations=1)
    assert len(cells) == len(set(cells)) == 2 * (2 * (2 + 1) + 2 * 2)
    assert [cell.seed for cell in cells] == sorted(cell.seed for cell in cells)
    first = [cell for cell in cells if cell.seed == 0]
    assert [cell.iteration for cell in first] == sorted(cell.iteration for cell in first)
    # Chance does not learn, and filters nothing.
    assert {(cell.iteration, cell.filter) for cell in cells if cell.method == "random"} == {(0, "oracle")}
    with pytest.raises(ConfigError) as error:
        grid(TASKS, ("sial",), ("oracle",), 1, 1)
    assert_one_line(error, "unknown method 'sial'", "'sail'")


def test_a_method_is_the_loop_with_its_own_settings() -> None:
    cells = grid(TASKS[:1], (*METHODS.names(), *COMPOSED), ("oracle", "none"), seeds=1, iterations=0)
    made = {cell.method: load_config("paper", overrides=cell.overrides) for cell in cells}
    assert {name for name, config in made.items() if config.prior.kind == "compact"} == {"sail-prior"}
    assert made["sail-prior"] == replace(made["sail"], prior=made["sail-prior"].prior)
    assert {name: config.method for name, config in made.items()} == {
        name: "sail" if name == "sail-prior" else name for name in (*METHODS.names(), *COMPOSED)
    }
    filtered = {cell.method for cell in cells if cell.filter == "none"}
    assert filtered == {name for name, config in made.items() if find_method(config.method).learns}


def test_tasks_that_share_what_learns_are_run_together() -> None:
    cells = grid(TASKS, ("sail-joint", "sail"), ("oracle",), seeds=1, iterations=1)
    together = units(cells)
    assert sorted(cell.run for unit in together for cell in unit) == sorted(cell.run for cell in cells)
    names = [[(cell.task, cell.method, cell.iteration) for cell in unit] for unit in together]
    assert [(task, "sail-joint", 0) for task in TASKS] in names
    assert [("door-close", "sail", 1)] in names and len(names) == 2 + 4


def test_a_line_that_was_cut_off_is_written_again(tmp_path: Path) -> None:
    ledger, (first, second, *_) = Ledger(tmp_path), grid(TASKS, ("sail",), ("oracle",), 1, 1)
    with ledger.writing():
        ledger.append(first, row(1))
        ledger.append(second, row(2))
    path = tmp_path / CELLS
    path.write_bytes(path.read_bytes()[:-5])
    assert set(ledger.rows()) == {first}
    with ledger.writing():
        ledger.append(second, row(3))
    assert {cell: found["successes"] for cell, found in ledger.rows().items()} == {first: 1, second: 3}
    path.write_text("nonsense\n" + path.read_text())
    with pytest.raises(LedgerError) as error:
        ledger.rows()
    assert_one_line(error, "line 1", "remove that line")


def test_two_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with Ledger(tmp_path).writing(), pytest.raises(LedgerError) as error, Ledger(tmp_path).writing():
        pass
    assert_one_line(error, "another process works on")
    with Ledger(tmp_path).writing():
        pass


@pytest.fixture
def words(tiny_base: Path, tmp_path: Path) -> tuple[str, ...]:
    grid = ("--tasks", "handle-press", "--methods", "sail,random", "--seeds", "1", "--iterations", "1")
    small = (word for word in SMALL if not word.startswith("filter"))
    return ("bench", "protocol", "--out", str(tmp_path / "out"), *grid, f"base={tiny_base}", *small)


def test_the_grid_is_run_and_gone_on_with(capsys: Capture, words: tuple[str, ...], tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, told, error = sail(capsys, *words, "--jobs", "2")
    assert code == 0, error
    assert "3 cells, 3 of them to do" in told and f"report: {out / 'report.html'}" in told
    rows = [json.loads(line) for line in (out / CELLS).read_text().splitlines()]
    rows.sort(key=lambda one: (one["iteration"], one["method"] == "random"))  # as they began
    assert [(one["method"], one["iteration"]) for one in rows] == [("sail", 0), ("random", 0), ("sail", 1)]
    assert all(one["episodes"] == 2 and one["config"] and one["machine"]["python"] for one in rows)
    assert rows[2]["collected"] == 2 and rows[2]["seconds"]["train"] > 0.0
    before = (out / CELLS).read_bytes()
    code, told, _ = sail(capsys, *words)
    assert code == 0 and "3 cells, 0 of them to do" in told and (out / CELLS).read_bytes() == before
    page = (out / "report.html").read_text()
    assert "handle-press" in page and "random" in page and "</svg>" in page
    assert "An iteration took on average: sail: collect" in page
    assert "| sail |" in (out / "tables.md").read_text() and (out / "curves.svg").read_text().startswith(
        "<svg"
    )
    assert sum(rows[2]["monitors"][way]["episodes"] for way in Way) == 2
    (out / "report.html").unlink()
    assert sail(capsys, "report", out)[0] == 0
    assert (out / "report.html").read_text() == page
    # What was measured with other settings is not mixed with it.
    assert "with other settings" in refused(capsys, *words, "planner.guidance=7")
    # A second seed would take longer than there is.
    code, told, _ = sail(capsys, *words, "--seeds", "2", "--budget", "0.01s")
    assert code == 0 and "cells are left" in told and (out / CELLS).read_bytes() == before


@pytest.mark.slow
def test_one_learner_of_two_tasks_is_run_and_gone_on_with(
    capsys: Capture, words: tuple[str, ...], tmp_path: Path
) -> None:
    joint = ("--tasks", "handle-press,door-close", "--methods", "sail-joint", "suite=embodied:FEW_SEEN")
    code, told, error = sail(capsys, *words, *joint)
    assert code == 0 and "4 cells, 4 of them to do" in told, error
    path = tmp_path / "out" / CELLS
    lines = path.read_text().splitlines(keepends=True)
    rows = [json.loads(line) for line in lines]
    assert [(one["task"], one["iteration"]) for one in rows] == [(task, k) for k in (0, 1) for task in TASKS]
    runs = [tmp_path / "out" / "runs" / f"{task}-sail-joint-oracle-s0" for task in TASKS]
    files = [run / "checkpoints" / "iteration_001" / "planner" / "model.safetensors" for run in runs]
    assert files[0].read_bytes() == files[1].read_bytes()
    path.write_text("".join(lines[:-1]))  # cut off between two that were done together
    code, told, _ = sail(capsys, *words, *joint)
    again = [json.loads(line) for line in path.read_text().splitlines()]
    assert code == 0 and "1 of 1: door-close-sail-joint" in told and again == rows
    # One learner of fewer tasks is another.
    assert "with other settings" in refused(capsys, *words, *joint, "--tasks", "door-close")
    assert "is of several tasks" in refused(capsys, "run", "method=sail-joint", "--out", tmp_path / "alone")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--methods", "sail,bcloop"), "unknown method 'bcloop'"),
        (("--tasks", "handle-pres"), "'handle-press'"),
        (("--filters", "oracel"), "'oracle'"),
        (("--filters", "oracle,verifier"), "with a verifier"),
        (("--budget", "90"), "expected a time such as 90m"),
        (("planner.step=3",), "planner.steps"),
    ],
)
def test_a_grid_that_cannot_be_is_one_line(
    capsys: Capture, words: tuple[str, ...], more: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    assert says in refused(capsys, *words, *more)
    assert not (tmp_path / "out").exists()
