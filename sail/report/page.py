"""The report of a run: one HTML file that holds everything and needs no network."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from sail.errors import SailError
from sail.loop.results import (
    STAGES,
    Filtered,
    IterationResult,
    Monitored,
    Rate,
    Results,
    TextEffect,
    Way,
    gain,
    read_losses,
    read_results,
)
from sail.report.clips import clips_section
from sail.report.plots import interval_bar, interval_text, loss_curve, percent, stacked_bar, success_curve
from sail.system.files import file_errors, write_atomically

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # a browser fetches nothing

CONTROLS = "The same evaluation for other ways to act."
PROBES = "Where success is lost: one part of the chain replaced at a time."
MONITORS = (
    "Collected successes by how the episodes came about: planned, planned with noise on actions, at "
    "random, by repeating an earlier success. Places: cubes of 5 cm where the end effector has "
    "been. Plans differ: two from the same frame by their noise, as a share of their motion. Gained and "
    "lost: evaluation episodes that succeed now and did not before, and the other way round."
)
TEXT = (
    "How much the plan's motion changes, from the same first frame, when the prompt is exchanged and "
    "when only the noise is. Above 1 the text decides more."
)
FOOTER = (
    "Success is the environment's own flag, true at any step of an episode. Intervals are 95 % Wilson "
    "intervals; that of a difference is Newcombe's. Evaluation seeds are never used for collecting."
)


class ReportError(SailError):
    """A report that cannot be written."""


def write_report(run_folder: Path) -> Path:
    """Write report.html from results.json, metrics.jsonl, config.yaml and media/; return its path.

    results.json must be there; sections whose data are missing are left out. The old report stays until the
    new one is whole. Raises ResultsError for results.json, and ReportError where the report cannot be
    written.
    """
    results = read_results(run_folder / "results.json")
    losses, unreadable = read_losses(run_folder / "metrics.jsonl")
    last = results.iterations[-1]
    sections = [
        _head(results),
        _plots(results, loss_curve(losses), unreadable),
        _iterations(results.iterations),
        _rates("Controls", CONTROLS, results.controls, last),
        _rates("Probes", PROBES, results.probes, last),
        _monitored(results.monitored),
        _filtered(results.filtered),
        _text(results.text_effects),
        clips_section(run_folder / "media", results.iterations),
        _configuration(run_folder / "config.yaml", results.environment),
        f"<footer>{escape(FOOTER)}</footer>",
    ]
    path = run_folder / "report.html"
    with file_errors(path, kind=ReportError):
        write_atomically(path, page(f"SAIL: {results.task}", sections).encode())
    return path


def page(title: str, sections: Iterable[str]) -> str:
    """A whole document that loads nothing from elsewhere."""
    style = files("sail.report").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(section for section in sections if section)
        + "\n</body>\n</html>\n"
    )


def _head(results: Results) -> str:
    first, last = results.iterations[0], results.iterations[-1]
    prompt = f'<p class="prompt">“{escape(results.prompt)}”</p>' if results.prompt else ""
    if first is last:
        change = f'<span class="rate">{percent(last.rate.value)}</span>'
        sentence = f"{_of(last)} episodes succeeded (95 % interval {interval_text(last.rate)})."
    else:
        change = f'<span class="rate">{percent(first.rate.value)} → {percent(last.rate.value)}</span>'
        sentence = _change_sentence(first, last)
    facts = "".join(f"<li>{escape(key)} <b>{escape(value)}</b></li>" for key, value in results.facts.items())
    title = f"<h1>{escape(results.task)}: {change}</h1>"
    return f'<header>{title}{prompt}<p>{sentence}</p><ul class="facts">{facts}</ul></header>'


def _change_sentence(first: IterationResult, last: IterationResult) -> str:
    difference, low, high = (100 * value for value in gain(first.rate, last.rate))
    verdict = "" if low > 0 or high < 0 else " The interval holds 0: a change is not shown."
    interval = f"95 % interval {_signed(low)} to {_signed(high)}"
    return (
        f"From {_of(first)} to {_of(last)} episodes between iteration {first.iteration} and "
        f"{last.iteration}: {_signed(difference)} points ({interval}).{verdict}"
    )


def _signed(points: float) -> str:
    return f"{points:+.0f}".replace("-", "\N{MINUS SIGN}")


def _of(entry: IterationResult) -> str:
    return f"{entry.successes} of {entry.rate.episodes}"


def _plots(results: Results, losses: str, unreadable: int) -> str:
    figures = [
        f"<figure><figcaption>Success rate, 95 % intervals</figcaption>"
        f"{success_curve([entry.rate for entry in results.iterations])}</figure>"
    ]
    if losses:
        figures.append(f"<figure><figcaption>Training loss</figcaption>{losses}</figure>")
    note = f'<p class="soft">{unreadable} lines of metrics.jsonl could not be read.</p>' if unreadable else ""
    return f'<section class="plots">{"".join(figures)}</section>{note}'


def _iterations(iterations: Sequence[IterationResult]) -> str:
    longest = max(sum(entry.seconds.values()) for entry in iterations)
    key = "".join(f'<i class="key {stage}"></i>{stage}' for stage in STAGES)
    rows = [
        [
            str(entry.iteration),
            str(entry.rate.episodes),
            str(entry.successes),
            f"<b>{percent(entry.rate.value)}</b>",
            interval_text(entry.rate),
            str(entry.collected),
            str(entry.kept),
            *(f"{entry.seconds[stage]:.0f}" for stage in STAGES),
            stacked_bar(entry.seconds, longest),
        ]
        for entry in iterations
    ]
    titles = ["iteration", "episodes", "successes", "rate", "interval", "collected", "kept"]
    titles += [f"{stage} s" for stage in STAGES] + ["time"]
    return (
        f"<section><h2>Iterations</h2>{table(titles, rows, {'time': 'wide text'})}"
        f'<p class="soft">Time: {key}</p></section>'
    )


def _rates(title: str, explanation: str, rates: Sequence[Rate], last: IterationResult) -> str:
    """A table of named rates under `last`, with which they are compared; "" without rates."""
    if not rates:
        return ""
    rows = [_rate_row(f"<b>this run, iteration {last.iteration}</b>", last.rate)]
    rows += [_rate_row(escape(rate.name), rate) for rate in rates]
    titles = ["", "rate", "0 to 100 %", "interval", "episodes"]
    shown = table(titles, rows, {"": "text name", "0 to 100 %": "wide text"})
    return f'<section><h2>{title}</h2><p class="soft">{explanation}</p>{shown}</section>'


def _monitored(rows: Sequence[Monitored]) -> str:
    """How successes came about, how widely was explored, what was forgotten; "" without rows."""
    if not rows:
        return ""
    cells = [
        [
            str(row.iteration),
            *("{} of {}".format(*row.ways[way]) if row.ways[way][1] else "–" for way in Way),
            "–" if row.covered is None else str(row.covered),
            "–" if row.plan_spread is None else percent(row.plan_spread),
            str(row.gained),
            str(row.lost),
        ]
        for row in rows
    ]
    titles = ["iteration", *Way, "places", "plans differ", "gained", "lost"]
    return f'<section><h2>Exploration</h2><p class="soft">{MONITORS}</p>{table(titles, cells, {})}</section>'


def _filtered(rows: Sequence[Filtered]) -> str:
    """How well the filter separated; "" where it was an oracle, or nothing was filtered."""
    if all(row.kept == row.kept_successes == row.successes for row in rows):
        return ""
    cells = [
        [
            str(row.iteration),
            str(row.collected),
            str(row.successes),
            str(row.kept),
            str(row.kept_successes),
            "–" if row.precision is None else percent(row.precision),
            "–" if row.recall is None else percent(row.recall),
        ]
        for row in rows
    ]
    titles = ["iteration", "collected", "successes", "kept", "successes kept", "precision", "recall"]
    told = (
        "Precision: how much of what was kept is success. Recall: how much of the success was kept. By the "
        "environment's own flag."
    )
    return f'<section><h2>Filter</h2><p class="soft">{told}</p>{table(titles, cells, {})}</section>'


def _rate_row(name: str, rate: Rate) -> list[str]:
    value = f"<b>{percent(rate.value)}</b>"
    return [name, value, interval_bar(rate), interval_text(rate), str(rate.episodes)]


def _text(effects: Sequence[TextEffect]) -> str:
    if not effects:
        return ""
    rows = [
        [
            escape(effect.scene),
            f"“{escape(effect.prompt_a)}” / “{escape(effect.prompt_b)}”",
            f"{effect.text_change:.3g}",
            f"{effect.noise_change:.3g}",
            f"<b>{effect.ratio:.2f}</b>",
        ]
        for effect in effects
    ]
    titles = ["scene", "prompts", "change by text", "change by noise", "ratio"]
    shown = table(titles, rows, {"scene": "text", "prompts": "text wrap"})
    return f'<section><h2>Does the text matter?</h2><p class="soft">{escape(TEXT)}</p>{shown}</section>'


def _configuration(config: Path, environment: dict[str, str]) -> str:
    text = "config.yaml is missing"
    if config.exists():
        with file_errors(config, "read", ReportError):
            text = config.read_text(encoding="utf-8", errors="replace")
    rows = [[escape(key), escape(value)] for key, value in environment.items()]
    return (
        "<section><h2>How it was made</h2><details><summary>Configuration</summary>"
        f"<pre>{escape(text)}</pre></details><details><summary>Environment</summary>"
        f"{table(['', 'version'], rows, {'': 'text', 'version': 'text wrap'})}</details></section>"
    )


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], classes: dict[str, str]) -> str:
    """A table of cells that are HTML already. classes: CSS classes of columns, by title."""
    styles = [f' class="{classes[title]}"' if title in classes else "" for title in titles]
    head = _row("th", styles, [escape(title) for title in titles])
    body = "".join(_row("td", styles, row) for row in rows)
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _row(tag: str, styles: Sequence[str], cells: Sequence[str]) -> str:
    inner = "".join(f"<{tag}{style}>{cell}</{tag}>" for style, cell in zip(styles, cells, strict=True))
    return f"<tr>{inner}</tr>"
