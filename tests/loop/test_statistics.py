"""Intervals against the tables printed in Newcombe's two papers of 1998, and against their symmetries."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sail.loop.statistics import newcombe_difference_interval, wilson_interval

# Newcombe, "Two-sided confidence intervals for the single proportion", Table I, method 3.
WILSON = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0000, 0.1611),
    (1, 29, 0.0061, 0.1718),
]
# Newcombe, "Interval estimation for the difference between independent proportions", Table II, method 10.
DIFFERENCES = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0000),
    (10, 10, 0, 10, 0.6075, 1.0000),
]
ROUNDING = 6e-5  # the tables have four digits

proportions = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(("successes", "n", "low", "high"), WILSON)
def test_wilson_matches_the_published_table(successes: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(successes, n) == pytest.approx((low, high), abs=ROUNDING)


@pytest.mark.parametrize(("s1", "n1", "s2", "n2", "low", "high"), DIFFERENCES)
def test_newcombe_matches_the_published_table(
    s1: int, n1: int, s2: int, n2: int, low: float, high: float
) -> None:
    assert newcombe_difference_interval(s1, n1, s2, n2) == pytest.approx((low, high), abs=ROUNDING)


@settings(deadline=None)  # a busy machine is no failure
@given(proportions)
def test_wilson_limits_solve_the_score_equation(proportion: tuple[int, int]) -> None:
    """An interior limit L satisfies |p - L| = z·√(L(1-L)/n): the definition of the score interval."""
    successes, n = proportion
    for limit in wilson_interval(successes, n):
        if 0 < limit < 1:
            assert abs(successes / n - limit) == pytest.approx(1.96 * math.sqrt(limit * (1 - limit) / n))


@settings(deadline=None)  # a busy machine is no failure
@given(proportions)
def test_wilson_holds_the_proportion_and_mirrors(proportion: tuple[int, int]) -> None:
    successes, n = proportion
    low, high = wilson_interval(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    assert wilson_interval(n - successes, n) == pytest.approx((1 - high, 1 - low))


@settings(deadline=None)  # a busy machine is no failure
@given(proportions, proportions)
def test_difference_mirrors_when_the_samples_are_exchanged(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    low, high = newcombe_difference_interval(*first, *second)
    assert newcombe_difference_interval(*second, *first) == pytest.approx((-high, -low))
    assert -1 - 1e-12 <= low <= high <= 1 + 1e-12


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_raise(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        wilson_interval(successes, n)
    with pytest.raises(ValueError, match="no proportion"):
        newcombe_difference_interval(1, 2, successes, n)
