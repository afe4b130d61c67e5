"""A plot of several success curves, as SVG that needs no style sheet: for the report and for documents."""

from collections.abc import Mapping, Sequence
from html import escape

from sail.loop.results import Rate

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BASE = 480.0, 330.0, 52.0, 20.0, 16.0, 250.0
# Okabe and Ito's colours, told apart by the colour-blind, too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b6472")
# Distance between the bars of two curves.
APART = 5.0
IN_A_LINE = 3
GREY = "#8a929e"
ANCHOR_CLASSES = {"middle": "", "end": ' class="left"', "start": ' class="start"'}


def comparison(series: Mapping[str, Sequence[Rate]], below: str = "iteration") -> str:
    """SVG of every curve by its label: a point and a bar from low to high for each of its rates.

    The names of the rates are the ticks of the horizontal axis, numbers in their order. below: the title of
    that axis.
    """
    names = list(dict.fromkeys(rate.name for rates in series.values() for rate in rates))
    names.sort(key=lambda name: float(name) if name.isdecimal() else 0.0)
    places = {name: LEFT + (index + 0.5) * _step(names) for index, name in enumerate(names)}
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(f'<path d="M{LEFT} {_y(share)}H{WIDTH - RIGHT}" stroke="{GREY}" stroke-opacity=".35"/>')
        parts.append(_text(LEFT - 6, _y(share) + 4, f"{100 * share:.0f} %", "end"))
    parts += [_text(x, BASE + 17, name) for name, x in places.items()]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, BASE + 35, below))
    for number, (label, rates) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        aside = APART * (number - (len(series) - 1) / 2)
        parts.append(_curve(label, rates, [places[rate.name] + aside for rate in rates], colour))
        x = LEFT + (number % IN_A_LINE) * (WIDTH - LEFT) / IN_A_LINE
        parts.append(_text(x, BASE + 56 + 16 * (number // IN_A_LINE), f"● {label}", "start", colour))
    described = "; ".join(
        f"{label}: " + ", ".join(f"{rate.name} {100 * rate.value:.0f} %" for rate in rates)
        for label, rates in series.items()
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" '
        f'font-family="sans-serif" font-size="12" aria-label="{escape(described)}">{"".join(parts)}</svg>'
    )


def _curve(label: str, rates: Sequence[Rate], xs: Sequence[float], colour: str) -> str:
    points = " ".join(f"{x:.1f},{_y(rate.value)}" for x, rate in zip(xs, rates, strict=True))
    parts = [f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>']
    for x, rate in zip(xs, rates, strict=True):
        told = (
            f"{label}, {rate.name}: {100 * rate.value:.0f} % ({100 * rate.low:.0f} to {100 * rate.high:.0f})"
        )
        parts.append(
            f'<g stroke="{colour}"><title>{escape(told)}</title>'
            f'<path d="M{x:.1f} {_y(rate.low)}V{_y(rate.high)}"/>'
            f'<circle cx="{x:.1f}" cy="{_y(rate.value)}" r="3.5" fill="{colour}"/></g>'
        )
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str = "middle", colour: str | None = None) -> str:
    # A page's style sheet may change the grey, but not a curve's colour. In the report, report.css overrides
    # the attribute text-anchor, so the class repeats the anchor.
    fill = f'fill="{GREY}"' if colour is None else f'style="fill: {colour}"'
    aligned = f'text-anchor="{anchor}"{ANCHOR_CLASSES[anchor]}'
    return f'<text x="{x:.1f}" y="{y:.1f}" {aligned} {fill}>{escape(text)}</text>'


def _step(names: Sequence[str]) -> float:
    return (WIDTH - LEFT - RIGHT) / max(1, len(names))


def _y(share: float) -> float:
    return round(BASE - share * (BASE - TOP), 1)
