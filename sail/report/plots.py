"""Inline SVG: the success curve, the loss curve, interval bars and stacked bars. Colours are report.css's."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from sail.loop.results import STAGES, Losses, Rate

WIDTH, HEIGHT = 440.0, 270.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 18.0, 24.0, 42.0  # margins round the plot
CAP = 5.0  # half the width of an error bar's cap
MAX_LABELS = 11  # more iterations than this: not every one is labelled
MAX_POINTS = 150  # of one iteration's loss line; more are averaged


def percent(fraction: float) -> str:
    """A fraction as whole per cent with a no-break space, as in "24 %"."""
    return f"{100 * fraction:.0f}\N{NO-BREAK SPACE}%"


def interval_text(rate: Rate) -> str:
    """The 95 % interval as in "14 to 37 %"."""
    return f"{100 * rate.low:.0f} to {percent(rate.high)}".replace(" ", "\N{NO-BREAK SPACE}")


def success_curve(rates: Sequence[Rate]) -> str:
    """SVG of success rate by iteration: a point, its 95 % error bar and its value for each rate."""
    positions = _spread(len(rates))
    parts = [_grid_line(percent(value), _y(value, 1.0)) for value in (0, 0.25, 0.5, 0.75, 1)]
    points = " ".join(f"{x:.1f},{_y(rate.value, 1.0):.1f}" for x, rate in zip(positions, rates, strict=True))
    parts.append(f'<polyline class="line" points="{points}"/>')
    stride = -(-len(rates) // MAX_LABELS)
    for index, (x, rate) in enumerate(zip(positions, rates, strict=True)):
        y, top, bottom = (_y(value, 1.0) for value in (rate.value, rate.high, rate.low))
        title = f"iteration {rate.name}: {percent(rate.value)}, 95 % interval {interval_text(rate)}"
        bar = _line("whisker", x, x, top, bottom)
        caps = "".join(_line("whisker cap", x - CAP, x + CAP, end, end) for end in (top, bottom))
        point = f'<circle class="point" cx="{x:.1f}" cy="{y:.2f}" r="4.5"/>'
        parts.append(f"<g><title>{escape(title)}</title>{bar}{caps}{point}</g>")
        if (len(rates) - 1 - index) % stride == 0:
            parts.append(f'<text class="value" x="{x:.1f}" y="{top - 7:.1f}">{percent(rate.value)}</text>')
            parts.append(_tick_below(x, rate.name))
    described = ", ".join(f"{rate.name}: {percent(rate.value)}" for rate in rates)
    return _svg("curve success", f"Success rate by iteration: {described}", "iteration", parts)


def loss_curve(losses: Losses) -> str:
    """SVG of the training loss by optimiser step, the iterations one after the other; "" without losses."""
    if not losses:
        return ""
    lines: list[list[tuple[float, float]]] = []
    starts: list[tuple[int, float]] = []
    offset = 0.0
    for iteration, steps in losses.items():
        starts.append((iteration, offset))
        lines.append([(offset + step, loss) for step, loss in _thin(steps)])
        offset += steps[-1][0]
    ticks = _ticks(max(loss for line in lines for _, loss in line))
    span = max(offset, 1.0)
    parts = [_grid_line(f"{value:g}", _y(value, ticks[-1])) for value in ticks]
    for iteration, start in starts:
        x = _x(start / span)
        parts.append(_line("start", x, x, TOP, HEIGHT - BOTTOM))
        parts.append(f'<text class="start" x="{x + 4:.1f}" y="{TOP + 10}">iteration {iteration}</text>')
    for line in lines:
        points = " ".join(f"{_x(step / span):.1f},{_y(loss, ticks[-1]):.2f}" for step, loss in line)
        parts.append(f'<polyline class="loss" points="{points}"/>')
    parts += [_tick_below(_x(share), f"{share * span:.0f}") for share in (0.0, 0.5, 1.0)]
    return _svg("curve", "Training loss by step", "training step", parts)


def interval_bar(rate: Rate) -> str:
    """SVG bar whose 100 units are 0 to 100 %: the 95 % interval as a band, the rate as a stroke."""
    low, high, value = 100 * rate.low, 100 * rate.high, 100 * rate.value
    return (
        '<svg class="interval" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" '
        f'aria-label="{percent(rate.value)}, interval {interval_text(rate)}">'
        '<rect class="track" x="0" y="0" width="100" height="10"/>'
        f'<rect class="band" x="{low:.2f}" y="1" width="{high - low:.2f}" height="8"/>'
        f'<line class="mark" x1="{value:.2f}" x2="{value:.2f}" y1="0" y2="10"/></svg>'
    )


def stacked_bar(seconds: Mapping[str, float], longest: float) -> str:
    """SVG bar whose 100 units are `longest` seconds, one piece for each of STAGES."""
    pieces, start = [], 0.0
    for stage in STAGES:
        width = 100 * seconds[stage] / longest if longest else 0.0
        title = f"{stage} {seconds[stage]:.0f} s"
        pieces.append(
            f'<rect class="{stage}" x="{start:.2f}" y="0" width="{width:.2f}" height="10">'
            f"<title>{title}</title></rect>"
        )
        start += width
    label = ", ".join(f"{stage} {seconds[stage]:.0f} s" for stage in STAGES)
    return (
        '<svg class="stages" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}">{"".join(pieces)}</svg>'
    )


def _svg(kind: str, label: str, axis: str, parts: Sequence[str]) -> str:
    middle = (LEFT + WIDTH - RIGHT) / 2
    return (
        f'<svg class="{kind}" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{escape(label)}">'
        f'{"".join(parts)}<text class="axis" x="{middle:g}" y="{HEIGHT - 4:g}">{escape(axis)}</text></svg>'
    )


def _grid_line(label: str, y: float) -> str:
    text = f'<text class="left" x="{LEFT - 6:g}" y="{y + 4:.1f}">{escape(label)}</text>'
    return _line("grid", LEFT, WIDTH - RIGHT, y, y) + text


def _line(kind: str, x1: float, x2: float, y1: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.2f}" y2="{y2:.2f}"/>'


def _tick_below(x: float, label: str) -> str:
    return f'<text class="below" x="{x:.1f}" y="{HEIGHT - BOTTOM + 17:g}">{escape(label)}</text>'


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(value: float, top_value: float) -> float:
    return HEIGHT - BOTTOM - value / top_value * (HEIGHT - TOP - BOTTOM)


def _spread(count: int) -> list[float]:
    """Positions of `count` points over the plot's width, half a step clear of both sides."""
    return [_x((index + 0.5) / count) for index in range(count)]


def _ticks(largest: float) -> list[float]:
    """Round values 0, step, 2 step, ... that reach `largest` in at most five steps."""
    if largest <= 0:
        return [0.0, 1.0]
    magnitude = 10.0 ** math.floor(math.log10(largest))
    step = next(factor * magnitude for factor in (0.2, 0.5, 1.0, 2.0) if 5 * factor * magnitude >= largest)
    return [step * index for index in range(-int(-largest // step) + 1)]


def _thin(steps: Sequence[tuple[int, float]]) -> list[tuple[float, float]]:
    """At most MAX_POINTS points: neighbours are averaged, so that noise stays honest and the file small."""
    size = -(-len(steps) // MAX_POINTS)
    chunks = [steps[index : index + size] for index in range(0, len(steps), size)]
    return [(_mean([step for step, _ in chunk]), _mean([loss for _, loss in chunk])) for chunk in chunks]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
