"""What the grid's cells say together: a page with curves, and tables for a document."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from sail.loop.results import STAGES, Rate
from sail.loop.run_folder import write_text
from sail.loop.statistics import wilson_interval
from sail.protocol.grid import Cell
from sail.protocol.ledger import Ledger, LedgerError
from sail.report.comparison import comparison
from sail.report.page import page
from sail.report.plots import interval_text, percent

REPORT, TABLES, PLOT = "report.html", "tables.md", "curves.svg"


@dataclass(frozen=True)
class Curve:
    """One method with one filter. rates: of all tasks and seeds together, one an iteration. tasks: the same
    of every task alone."""

    name: str
    rates: tuple[Rate, ...]
    tasks: Mapping[str, tuple[Rate, ...]]


def curves(rows: Mapping[Cell, Mapping[str, Any]]) -> list[Curve]:
    """Everything that is finished. An iteration counts in the whole where it is there of all tasks and seeds
    that began."""
    groups: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for cell in rows:
        groups[cell.method, cell.filter].append(cell)
    several = {method for method, _ in groups if sum(method == other for other, _ in groups) > 1}
    made = []
    for (method, one), cells in groups.items():
        runs = {cell.run for cell in cells}
        iterations = sorted({cell.iteration for cell in cells})
        by_iteration = [[cell for cell in cells if cell.iteration == k] for k in iterations]
        whole = [some for some in by_iteration if len(some) == len(runs)]
        tasks = {
            task: tuple(
                _rate([cell for cell in some if cell.task == task], rows)
                for some in by_iteration
                if any(cell.task == task for cell in some)
            )
            for task in dict.fromkeys(cell.task for cell in cells)
        }
        name = f"{method}, filter {one}" if method in several else method
        made.append(Curve(name, tuple(_rate(some, rows) for some in whole), tasks))
    return made


def write_summary(folder: Path) -> Path:
    """Write the page, the tables and the plot of all tasks together into the grid's folder; returns the page.
    Raises LedgerError."""
    rows = Ledger(folder).rows()
    if not rows:
        raise LedgerError(f"{folder} holds no finished cell: sail bench protocol --out {folder} fills it")
    made = curves(rows)
    costs = mean_seconds(rows)
    write_text(folder / TABLES, tables(made) + "\n## Seconds of an iteration, mean\n" + _cost_table(costs))
    write_text(folder / PLOT, comparison({curve.name: curve.rates for curve in made if curve.rates}))
    write_text(folder / REPORT, page("SAIL: the protocol", _sections(made, rows, costs)))
    return folder / REPORT


def tables(made: Sequence[Curve]) -> str:
    """All curves as Markdown."""
    lines = ["# All tasks together", *_table("method", [(curve.name, curve.rates) for curve in made])]
    for task in dict.fromkeys(task for curve in made for task in curve.tasks):
        lines += ["", f"## {task}"]
        lines += _table("method", [(curve.name, curve.tasks[task]) for curve in made if task in curve.tasks])
    return "\n".join(lines) + "\n"


def mean_seconds(rows: Mapping[Cell, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """What a cell of each method takes by stage, over those that collected something."""
    groups: dict[str, list[Mapping[str, float]]] = defaultdict(list)
    for cell, row in rows.items():
        if row["collected"]:
            groups[cell.method].append(row["seconds"])
    return {
        method: {stage: sum(one[stage] for one in some) / len(some) for stage in STAGES}
        for method, some in groups.items()
    }


def _cost_table(costs: Mapping[str, Mapping[str, float]]) -> str:
    lines = ["", "| method | " + " | ".join(STAGES) + " | together |", "|---" * (len(STAGES) + 2) + "|"]
    for method, seconds in costs.items():
        values = [*(seconds[stage] for stage in STAGES), sum(seconds.values())]
        lines.append(f"| {method} | " + " | ".join(f"{value:.0f}" for value in values) + " |")
    return "\n".join(lines) + "\n"


def _table(first: str, rows: Sequence[tuple[str, Sequence[Rate]]]) -> list[str]:
    names = list(dict.fromkeys(rate.name for _, rates in rows for rate in rates))
    lines = ["", f"| {first} | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for name, rates in rows:
        there = {rate.name: f"{percent(rate.value)} ({interval_text(rate)})" for rate in rates}
        lines.append(f"| {name} | " + " | ".join(there.get(one, "") for one in names) + " |")
    return lines


def _rate(cells: Sequence[Cell], rows: Mapping[Cell, Mapping[str, Any]]) -> Rate:
    successes = sum(rows[cell]["successes"] for cell in cells)
    episodes = sum(rows[cell]["episodes"] for cell in cells)
    low, high = wilson_interval(successes, episodes)
    return Rate(str(cells[0].iteration), successes / episodes, low, high, episodes)


def _sections(
    made: Sequence[Curve], rows: Mapping[Cell, Mapping[str, Any]], costs: Mapping[str, Mapping[str, float]]
) -> list[str]:
    tasks = list(dict.fromkeys(cell.task for cell in rows))
    seeds = len({cell.seed for cell in rows})
    plots = [("all tasks", {curve.name: curve.rates for curve in made if curve.rates})]
    for task in tasks:
        plots.append((task, {curve.name: curve.tasks[task] for curve in made if task in curve.tasks}))
    figures = "".join(
        f"<figure><figcaption>{escape(title)}</figcaption>{comparison(series)}</figure>"
        for title, series in plots
    )
    what = f"{len(tasks)} tasks, {seeds} seeds, {len(rows)} cells; bars are 95 % intervals of the episodes"
    took = "; ".join(
        f"{method}: " + ", ".join(f"{stage} {seconds[stage]:.0f} s" for stage in STAGES)
        for method, seconds in costs.items()
    )
    return [
        "<h1>Success by iteration</h1>",
        f"<p>{what}.</p>",
        f'<div class="plots">{figures}</div>',
        f'<p class="soft">An iteration took on average: {escape(took)}.</p>' if costs else "",
    ]
