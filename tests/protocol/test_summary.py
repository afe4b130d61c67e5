"""The grid's page and tables say how sure their means and comparisons are."""

from pathlib import Path

import pytest

from sail.loop.statistics import wilson_interval
from sail.protocol.grid import Cell, grid
from sail.protocol.ledger import Ledger
from sail.protocol.summary import (
    METHODS,
    PAIRS,
    curves,
    mean_seconds,
    method_rows,
    pair_rows,
    tables,
    write_summary,
)

TASKS = ("handle-press", "door-close")


def row(successes: int, episodes: int = 10, seconds: float = 1.0) -> dict[str, object]:
    return {"successes": successes, "episodes": episodes, "seconds": {"evaluate": seconds}}


def test_curves_are_of_all_tasks_and_seeds_that_began() -> None:
    cells = grid(TASKS, ("sail", "frozen"), ("oracle",), seeds=2, iterations=1)
    rows = {cell: row(5 + cell.iteration * (3 if cell.method == "sail" else 0)) for cell in cells}
    unfinished = Cell("door-close", "sail", "oracle", 1, 1)
    del rows[unfinished]
    learned, frozen = curves(rows)
    assert learned.name == "sail" and [rate.value for rate in learned.rates] == [0.5]
    assert [rate.value for rate in frozen.rates] == [0.5, 0.5] and frozen.rates[0].episodes == 40
    assert [rate.value for rate in learned.tasks["handle-press"]] == [0.5, 0.8]
    assert learned.tasks["door-close"][1].episodes == 10  # of one seed
    table = tables([learned, frozen])
    assert "| frozen | 50\N{NO-BREAK SPACE}%" in table and "## door-close" in table


def test_the_mean_cost_is_of_iterations_that_collected() -> None:
    first, second, third = (Cell("handle-press", "sail", "oracle", 0, iteration) for iteration in range(3))
    seconds = [{"collect": k, "train": 2.0 * k, "evaluate": 1.0} for k in (0, 10, 30)]
    rows = {
        cell: {**row(1), "collected": 30 if cell.iteration else 0, "seconds": one}
        for cell, one in zip((first, second, third), seconds, strict=True)
    }
    assert mean_seconds(rows) == {"sail": {"collect": 20.0, "train": 40.0, "evaluate": 1.0}}


def test_a_mean_has_the_interval_of_its_runs() -> None:
    cells = grid(TASKS, ("sail",), ("oracle",), seeds=3, iterations=0)
    alike = curves({cell: row(7) for cell in cells})
    assert (alike[0].rates[0].low, alike[0].rates[0].high) == pytest.approx((0.7, 0.7))
    # Seeds 0, 1, 2 of either task have 4, 6, 8 of 10: means from 4 to 8 are drawn, the extremes seldom.
    (curve,) = curves({cell: row(4 + 2 * cell.seed) for cell in cells})
    (rate,) = curve.rates
    assert rate.value == pytest.approx(0.6) and 0.4 < rate.low < 0.55 and 0.65 < rate.high < 0.8
    (said,) = method_rows([curve])
    cells_by_title = dict(zip(METHODS, said, strict=True))
    assert cells_by_title["tasks × seeds"] == "2 × 3" and cells_by_title["mean, %"] == "60.0"
    assert cells_by_title["over seeds"] == f"{100 * rate.low:.1f} to {100 * rate.high:.1f}"
    # A seed that is drawn for both tasks moves the mean further than two seeds drawn apart.
    assert cells_by_title["over seeds and tasks"] == "40.0 to 80.0"


def test_one_seed_has_no_interval() -> None:
    rows = {cell: row(5) for cell in grid(TASKS, ("sail", "frozen"), ("oracle",), seeds=1, iterations=1)}
    made = curves(rows)
    assert [cells[4:6] for cells in method_rows(made)] == [["one seed", "one seed"]] * 2
    assert pair_rows(made)[0][4] == pair_rows(made)[0][6] == "one seed"
    assert "| sail | 50\N{NO-BREAK SPACE}% (one seed) |" in tables(made)


def test_a_task_spans_its_seeds_and_one_seed_its_episodes() -> None:
    cells = grid(TASKS[:1], ("sail",), ("oracle",), seeds=3, iterations=0)
    several = curves({cell: row(4 + cell.seed) for cell in cells})[0].tasks["handle-press"][0]
    assert (several.value, several.low, several.high) == (0.5, 0.4, 0.6)
    alone = curves({cells[0]: row(4)})[0].tasks["handle-press"][0]
    assert (alone.low, alone.high) == wilson_interval(4, 10)
    assert method_rows(curves({cell: row(4 + cell.seed) for cell in cells}))[0][5] == "one task"


def test_methods_are_compared_on_the_runs_that_both_have() -> None:
    cells = grid(TASKS, ("sail", "frozen"), ("oracle",), seeds=3, iterations=1)
    rows = {
        cell: row(3 + cell.seed + 2 * (cell.method == "sail" and cell.iteration))
        for cell in cells
        if cell.method == "sail" or cell.seed < 2
    }
    (said,) = pair_rows(curves(rows))
    pair = dict(zip(PAIRS, said, strict=True))
    assert pair["methods"] == "sail − frozen" and pair["tasks × seeds"] == "2 × 2"
    # What a seed has in common cancels: every run of the first has 20 points more than its neighbour.
    assert pair["difference, points"] == "+20.0" and pair["over seeds and tasks"] == "+20.0 to +20.0"
    assert pair["P(improvement)"] == "1.00" and pair["P over seeds"] == "1.00 to 1.00"
    apart = {cell: found for cell, found in rows.items() if (cell.method == "sail") == (cell.seed > 0)}
    assert pair_rows(curves(apart))[0][2:] == ["0", "–", "–", "–", "–"]


def test_chance_is_compared_with_every_iteration() -> None:
    cells = grid(TASKS, ("sail", "random"), ("oracle",), seeds=2, iterations=2)
    made = curves({cell: row(1 if cell.method == "random" else 5) for cell in cells})
    assert [len(curve.rates) for curve in made] == [3, 1]
    assert pair_rows(made)[0][:4] == ["sail − random", "2", "2 × 2", "+40.0"]


def test_tasks_without_a_common_seed_have_no_mean() -> None:
    rows = {Cell(task, "sail", "oracle", seed, 0): row(5) for seed, task in enumerate(TASKS)}
    (curve,) = made = curves(rows)
    assert curve.rates == () and method_rows(made) == pair_rows(made) == []
    assert set(curve.tasks) == set(TASKS)


def test_the_page_and_the_tables_say_the_same(tmp_path: Path) -> None:
    cells = grid(TASKS, ("sail", "bc-loop"), ("oracle",), seeds=3, iterations=1)
    ledger = Ledger(tmp_path)
    with ledger.writing():
        for number, cell in enumerate(cells):
            ledger.append(cell, {**row(number % 7), "collected": 0})
    page = write_summary(tmp_path).read_text(encoding="utf-8")
    written = (tmp_path / "tables.md").read_text(encoding="utf-8")
    made = curves(ledger.rows())
    for titles, found in ((METHODS, method_rows(made)), (PAIRS, pair_rows(made))):
        assert "| " + " | ".join(titles) + " |" in written
        for cells_of_row in found:
            assert "| " + " | ".join(cells_of_row) + " |" in written
            assert "".join(f"<td>{cell}</td>" for cell in cells_of_row[1:]) in page
    assert "Where a difference's interval holds 0" in written
