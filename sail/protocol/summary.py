"""A grid's results: a page with curves and tables, and the tables for a document."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations
from pathlib import Path
from typing import Any

from sail.loop.results import STAGES, Rate
from sail.loop.run_folder import write_text
from sail.loop.statistics import wilson_interval
from sail.protocol.grid import Cell, measured_once
from sail.protocol.ledger import Ledger, LedgerError
from sail.protocol.uncertainty import (
    Estimate,
    Scores,
    aligned,
    difference,
    interquartile_mean,
    mean,
    over_seeds,
    over_seeds_and_tasks,
    probability_of_improvement,
)
from sail.report.comparison import comparison
from sail.report.page import page, table
from sail.report.plots import interval_text, percent

REPORT, TABLES, PLOT = "report.html", "tables.md", "curves.svg"
ONE_SEED, ONE_TASK = "one seed", "one task"

SIZE = ("iteration", "tasks × seeds")
METHODS = ("method", *SIZE, "mean, %", "over seeds", "over seeds and tasks", "IQM, %", "IQM over seeds")
PAIRS = ("methods", *SIZE, "difference, points", "over seeds and tasks", "P(improvement)", "P over seeds")

EXPLAINED = (
    "A score is the success rate of one run: one task, one seed. IQM: the interquartile mean, of the "
    "middle half of all scores. Intervals are 95 % bootstrap intervals. “Over seeds” draws seeds within "
    "each task and holds for these tasks; with n seeds it is too narrow, by a factor of about √((n−1)/n). "
    "“Over seeds and tasks” draws both. After Agarwal et al., arXiv 2108.13264."
)
COMPARED = (
    "Two methods are compared on the tasks and seeds that both have. The difference is taken run by run: "
    "same task, same seed. P(improvement): the probability that a run of the first method beats a run of "
    "the second on the same task; a tie counts half. Where a difference's interval holds 0, or that of "
    "P(improvement) holds 0.5, these runs do not tell which method is better."
)
BARS = (
    "Intervals of all tasks are 95 % bootstrap intervals over seeds; with one seed there is none. Those "
    "of one task reach from its lowest to its highest seed; with one seed they are the 95 % Wilson "
    "interval of its episodes."
)


@dataclass(frozen=True)
class Curve:
    """One method with one filter.

    runs: the success rate 0..1 by task and seed, of every iteration that all runs have finished; the same
    in every iteration where the method is measured once. rates: the mean over tasks and seeds of these
    iterations with its interval over seeds; with one seed low and high are the mean. tasks: of every task
    the mean over its seeds, from the lowest to the highest seed; with one seed the Wilson interval of its
    episodes.
    """

    name: str
    runs: Mapping[int, Mapping[tuple[str, int], float]]
    rates: tuple[Rate, ...]
    tasks: Mapping[str, tuple[Rate, ...]]


def curves(rows: Mapping[Cell, Mapping[str, Any]]) -> list[Curve]:
    """The finished cells by method and filter. An iteration counts in the whole where all runs that began
    have finished it, over the seeds that all of their tasks have."""
    groups: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for cell in rows:
        groups[cell.method, cell.filter].append(cell)
    several = {method for method, _ in groups if sum(method == other for other, _ in groups) > 1}
    last = max((cell.iteration for cell in rows), default=0)
    made = []
    for (method, one), cells in groups.items():
        begun = len({cell.run for cell in cells})
        by_iteration: dict[int, list[Cell]] = defaultdict(list)
        for cell in sorted(cells, key=lambda cell: cell.iteration):
            by_iteration[cell.iteration].append(cell)
        finished = {k: _by_run(some, rows) for k, some in by_iteration.items() if len(some) == begun}
        runs = {k: scores for k, scores in finished.items() if aligned(scores)[1]}
        rates = tuple(_of_all(by_iteration[k], rows) for k in runs)
        tasks = {
            task: tuple(
                _of_task([cell for cell in some if cell.task == task], rows)
                for some in by_iteration.values()
                if any(cell.task == task for cell in some)
            )
            for task in dict.fromkeys(cell.task for cell in cells)
        }
        if measured_once(method) and runs:
            runs = dict.fromkeys(range(last + 1), runs[0])
        name = f"{method}, filter {one}" if method in several else method
        made.append(Curve(name, runs, rates, tasks))
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
    whole = [
        (curve.name, {rate.name: _mean_text(curve, rate) for rate in curve.rates})
        for curve in made
        if curve.rates
    ]
    lines = ["# All tasks together", "", *_by_iteration(whole), "", BARS]
    lines += ["", "## After the last iteration", "", *_markdown(METHODS, method_rows(made)), "", EXPLAINED]
    if pairs := pair_rows(made):
        lines += ["", "## Pairs of methods", "", *_markdown(PAIRS, pairs), "", COMPARED]
    for task in dict.fromkeys(task for curve in made for task in curve.tasks):
        texts = [
            (curve.name, {rate.name: f"{percent(rate.value)} ({interval_text(rate)})" for rate in rates})
            for curve in made
            if (rates := curve.tasks.get(task))
        ]
        lines += ["", f"## {task}", "", *_by_iteration(texts)]
    return "\n".join(lines) + "\n"


def method_rows(made: Sequence[Curve]) -> list[list[str]]:
    """The columns METHODS of every method after its last iteration."""
    rows = []
    for curve in made:
        if not curve.rates:
            continue
        iteration = int(curve.rates[-1].name)
        _, _, (scores,) = aligned(curve.runs[iteration])
        average, middle = over_seeds(mean, scores), over_seeds(interquartile_mean, scores)
        everywhere = over_seeds_and_tasks(mean, scores)
        row = [_percentage(average.value), _bounds(average, scores), _bounds(everywhere, scores)]
        row += [_percentage(middle.value), _bounds(middle, scores)]
        rows.append([curve.name, str(iteration), _size(scores), *row])
    return rows


def pair_rows(made: Sequence[Curve]) -> list[list[str]]:
    """The columns PAIRS of every two methods, after the last iteration that both have finished."""
    rows = []
    for first, second in combinations([curve for curve in made if curve.rates], 2):
        name = f"{first.name} − {second.name}"
        iteration = max(set(first.runs) & set(second.runs), default=None)
        if iteration is None:
            continue
        _, seeds, (one, other) = aligned(first.runs[iteration], second.runs[iteration])
        if not seeds:
            rows.append([name, str(iteration), "0", "–", "–", "–", "–"])
            continue
        lead, improvement = difference(one, other), probability_of_improvement(one, other)
        row = [_signed(lead.value), _bounds(lead, one, _signed)]
        row += [_fraction(improvement.value), _bounds(improvement, one, _fraction)]
        rows.append([name, str(iteration), _size(one), *row])
    return rows


def mean_seconds(rows: Mapping[Cell, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Seconds of a cell by method and stage, the mean over the cells that collected something."""
    groups: dict[str, list[Mapping[str, float]]] = defaultdict(list)
    for cell, row in rows.items():
        if row["collected"]:
            groups[cell.method].append(row["seconds"])
    return {
        method: {stage: sum(one[stage] for one in some) / len(some) for stage in STAGES}
        for method, some in groups.items()
    }


def _cost_table(costs: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        [
            method,
            *(f"{value:.0f}" for value in [*(seconds[stage] for stage in STAGES), sum(seconds.values())]),
        ]
        for method, seconds in costs.items()
    ]
    return "\n" + "\n".join(_markdown(["method", *STAGES, "together"], rows)) + "\n"


def _by_iteration(rows: Sequence[tuple[str, Mapping[str, str]]]) -> list[str]:
    names = list(dict.fromkeys(name for _, texts in rows for name in texts))
    return _markdown(
        ["method", *names], [[one, *(texts.get(name, "") for name in names)] for one, texts in rows]
    )


def _markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    head, *body = ["| " + " | ".join(row) + " |" for row in (titles, *rows)]
    return [head, "|---" * len(titles) + "|", *body]


def _by_run(cells: Sequence[Cell], rows: Mapping[Cell, Mapping[str, Any]]) -> dict[tuple[str, int], float]:
    return {(cell.task, cell.seed): rows[cell]["successes"] / rows[cell]["episodes"] for cell in cells}


def _of_all(cells: Sequence[Cell], rows: Mapping[Cell, Mapping[str, Any]]) -> Rate:
    _, _, (scores,) = aligned(_by_run(cells, rows))
    average = over_seeds(mean, scores)
    low, high = average.interval or (average.value, average.value)
    return Rate(str(cells[0].iteration), average.value, low, high, _episodes(cells, rows))


def _of_task(cells: Sequence[Cell], rows: Mapping[Cell, Mapping[str, Any]]) -> Rate:
    shares = list(_by_run(cells, rows).values())
    low, high = min(shares), max(shares)
    if len(cells) == 1:
        low, high = wilson_interval(rows[cells[0]]["successes"], rows[cells[0]]["episodes"])
    return Rate(str(cells[0].iteration), sum(shares) / len(shares), low, high, _episodes(cells, rows))


def _episodes(cells: Sequence[Cell], rows: Mapping[Cell, Mapping[str, Any]]) -> int:
    return sum(rows[cell]["episodes"] for cell in cells)


def _mean_text(curve: Curve, rate: Rate) -> str:
    _, seeds, _ = aligned(curve.runs[int(rate.name)])
    return f"{percent(rate.value)} ({interval_text(rate) if len(seeds) > 1 else ONE_SEED})"


def _size(scores: Scores) -> str:
    return "{} × {}".format(*scores.shape)


def _percentage(share: float) -> str:
    return f"{100 * share:.1f}"


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def _fraction(share: float) -> str:
    return f"{share:.2f}"


def _bounds(estimate: Estimate, scores: Scores, write: Callable[[float], str] = _percentage) -> str:
    if estimate.interval is None:
        return ONE_SEED if scores.shape[1] == 1 else ONE_TASK
    return " to ".join(write(bound) for bound in estimate.interval)


def _sections(
    made: Sequence[Curve], rows: Mapping[Cell, Mapping[str, Any]], costs: Mapping[str, Mapping[str, float]]
) -> list[str]:
    tasks = list(dict.fromkeys(cell.task for cell in rows))
    seeds = len({cell.seed for cell in rows})
    took = "; ".join(
        f"{method}: " + ", ".join(f"{stage} {seconds[stage]:.0f} s" for stage in STAGES)
        for method, seconds in costs.items()
    )
    together = ("all tasks", {curve.name: curve.rates for curve in made if curve.rates})
    alone = [(task, {one.name: one.tasks[task] for one in made if task in one.tasks}) for task in tasks]
    return [
        "<h1>Success by iteration</h1>",
        f"<p>{len(tasks)} tasks, {seeds} seeds, {len(rows)} cells. {BARS}</p>",
        _plots([together]),
        _section("After the last iteration", EXPLAINED, METHODS, method_rows(made)),
        _section("Pairs of methods", COMPARED, PAIRS, pair_rows(made)),
        f"<h2>Every task</h2>{_plots(alone)}",
        f'<p class="soft">An iteration took on average: {escape(took)}.</p>' if costs else "",
    ]


def _plots(plots: Sequence[tuple[str, Mapping[str, Sequence[Rate]]]]) -> str:
    figures = (
        f"<figure><figcaption>{escape(title)}</figcaption>{comparison(series)}</figure>"
        for title, series in plots
    )
    return f'<div class="plots">{"".join(figures)}</div>'


def _section(title: str, told: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    cells = [[escape(cell) for cell in row] for row in rows]
    shown = table(titles, cells, {titles[0]: "text"})
    return f'<section><h2>{title}</h2>{shown}<p class="soft">{escape(told)}</p></section>'
