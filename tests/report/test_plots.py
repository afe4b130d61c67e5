"""What is drawn stands where its value is: curves against their own grid, bars against their 100 units."""

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from sail.loop.results import Rate
from sail.report.comparison import comparison
from sail.report.plots import MAX_POINTS, interval_bar, loss_curve, stacked_bar, success_curve


def drawn(svg: str, tag: str, kind: str) -> list[Element]:
    """Every `tag` of the class `kind`, in order. (SVG inside HTML has no namespace.)"""
    found = ElementTree.fromstring(svg).iter(tag)
    return [element for element in found if kind in element.attrib.get("class", "").split()]


def number(element: Element, name: str) -> float:
    return float(element.attrib[name])


def grid(svg: str) -> list[tuple[float, float]]:
    """(value of the label, y) of every grid line, from the bottom up."""
    heights = [number(line, "y1") for line in drawn(svg, "line", "grid")]
    values = [float((text.text or "").split("\N{NO-BREAK SPACE}")[0]) for text in drawn(svg, "text", "left")]
    return list(zip(values, heights, strict=True))


def value_at(svg: str, y: float) -> float:
    """The value that the labelled grid gives to the height y."""
    (low, bottom), (high, top) = grid(svg)[0], grid(svg)[-1]
    return low + (bottom - y) / (bottom - top) * (high - low)


def test_the_success_curve_is_drawn_to_its_own_scale() -> None:
    rates = [
        Rate("0", 0.24, 0.143, 0.374, 50),
        Rate("1", 0.78, 0.648, 0.872, 50),
        Rate("2", 1.0, 0.929, 1.0, 50),
    ]
    svg = success_curve(rates)
    assert [value for value, _ in grid(svg)] == [0, 25, 50, 75, 100]
    bars = [bar for bar in drawn(svg, "line", "whisker") if "cap" not in bar.attrib["class"]]
    points = drawn(svg, "circle", "point")
    for rate, bar, point in zip(rates, bars, points, strict=True):
        assert value_at(svg, number(bar, "y1")) == pytest.approx(100 * rate.high, abs=0.01)
        assert value_at(svg, number(bar, "y2")) == pytest.approx(100 * rate.low, abs=0.01)
        assert value_at(svg, number(point, "cy")) == pytest.approx(100 * rate.value, abs=0.01)
        assert bar.attrib["x1"] == bar.attrib["x2"] == point.attrib["cx"]
    first, second, third = (number(point, "cx") for point in points)
    assert third - second == pytest.approx(second - first, abs=0.11)
    assert [text.text for text in drawn(svg, "text", "value")] == [
        f"{percent}\N{NO-BREAK SPACE}%" for percent in (24, 78, 100)
    ]


def test_many_iterations_keep_every_point_and_label_the_last() -> None:
    svg = success_curve([Rate(str(index), 0.5, 0.4, 0.6, 50) for index in range(30)])
    assert len(drawn(svg, "circle", "point")) == 30
    ticks = [text.text for text in drawn(svg, "text", "below")]
    assert len(ticks) <= 11 and ticks[-1] == "29"


def test_an_interval_bar_spans_its_interval_of_100() -> None:
    svg = interval_bar(Rate("random", 0.1, 0.043, 0.214, 50))
    assert ElementTree.fromstring(svg).attrib["viewBox"] == "0 0 100 10"
    (band,), (mark,) = drawn(svg, "rect", "band"), drawn(svg, "line", "mark")
    assert number(band, "x") == pytest.approx(4.3)
    assert number(band, "x") + number(band, "width") == pytest.approx(21.4)
    assert number(mark, "x1") == number(mark, "x2") == pytest.approx(10)


@pytest.mark.parametrize(
    ("longest", "expected"),
    [(200.0, [(0.0, 20.0), (20.0, 10.0), (30.0, 50.0)]), (0.0, [(0.0, 0.0)] * 3)],
)
def test_a_stacked_bar_puts_stage_after_stage(longest: float, expected: list[tuple[float, float]]) -> None:
    svg = stacked_bar({"collect": 40.0, "train": 20.0, "evaluate": 100.0}, longest)
    pieces = [drawn(svg, "rect", stage)[0] for stage in ("collect", "train", "evaluate")]
    assert [(number(piece, "x"), number(piece, "width")) for piece in pieces] == expected


def test_losses_are_drawn_one_line_an_iteration_and_thinned_by_averaging() -> None:
    zigzag = [(step, 0.1 if step % 2 else 0.3) for step in range(1, 3 * MAX_POINTS * 2 + 1)]
    svg = loss_curve({1: [(1, 0.4), (2, 0.2)], 2: zigzag})
    first, second = (
        [(float(x), float(y)) for x, y in (point.split(",") for point in line.attrib["points"].split())]
        for line in drawn(svg, "polyline", "loss")
    )
    assert [value_at(svg, y) for _, y in first] == pytest.approx([0.4, 0.2], abs=1e-3)
    assert len(second) == MAX_POINTS
    assert [value_at(svg, y) for _, y in second] == pytest.approx([0.2] * MAX_POINTS, abs=1e-3)
    xs = [x for x, _ in first + second]
    assert xs == sorted(xs), "iterations follow one another"
    assert loss_curve({}) == ""


@pytest.mark.parametrize("largest", [1e-5, 0.00999, 0.2, 0.21, 1.0, 3.7, 10.0, 640.0])
def test_the_loss_axis_fits_the_largest_loss(largest: float) -> None:
    svg = loss_curve({1: [(1, largest), (2, 0.0)]})
    top_value = grid(svg)[-1][0]
    assert 3 <= len(grid(svg)) <= 6
    assert largest <= top_value * (1 + 1e-9) <= 2 * largest


def test_names_of_compared_curves_have_their_colours_whatever_the_page_says() -> None:
    svg = comparison({name: [Rate("0", 0.2, 0.1, 0.3, 50), Rate("1", 0.5, 0.4, 0.6, 50)] for name in "abc"})
    texts = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    names = [text for text in texts if (text.text or "").startswith("●")]
    lines = list(ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}polyline"))
    assert [name.attrib["style"] for name in names] == [f"fill: {line.attrib['stroke']}" for line in lines]
    assert len({line.attrib["stroke"] for line in lines}) == 3
