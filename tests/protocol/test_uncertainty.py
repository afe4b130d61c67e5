"""Bootstrap intervals over tasks and seeds, against closed forms, simulation and constructed cases."""

import math

import numpy as np
import pytest

from sail.protocol.uncertainty import (
    Statistic,
    aligned,
    better,
    difference,
    interquartile_mean,
    mean,
    over_seeds,
    over_seeds_and_tasks,
    probability_of_improvement,
)

FEW = 1000  # resamples where many intervals are drawn


def ordered(tasks: int, seeds: int) -> np.ndarray:
    return np.arange(float(tasks * seeds)).reshape(tasks, seeds)


def width(interval: tuple[float, float] | None) -> float:
    assert interval is not None
    return interval[1] - interval[0]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([[1.0, 2.0], [3.0, 100.0]], 2.5),  # one of four is cut off at either end
        ([[1.0, 2.0, 3.0]], 2.0),  # a quarter of three is none
        ([[0.0, 0.0, 9.0, 9.0], [1.0, 1.0, 2.0, 8.0]], 3.0),  # 1, 1, 2, 8 stay
        ([[-50.0, 4.0, 5.0, 6.0, 50.0]], 5.0),  # a quarter of five is one
    ],
)
def test_the_interquartile_mean_is_of_the_middle_half(scores: list[list[float]], expected: float) -> None:
    assert float(interquartile_mean(np.array(scores))) == expected


def test_statistics_take_many_matrices_at_a_time() -> None:
    many = np.random.default_rng(0).random((5, 4, 3))
    for statistic in (mean, interquartile_mean):
        assert statistic(many) == pytest.approx([float(statistic(one)) for one in many])
    assert better(many, many[::-1]) == pytest.approx(
        [float(better(one, other)) for one, other in zip(many, many[::-1], strict=True)]
    )


def test_constant_scores_have_a_point_as_interval() -> None:
    scores = np.full((4, 3), 0.7)
    for estimate in (
        over_seeds(mean, scores),
        over_seeds(interquartile_mean, scores),
        over_seeds_and_tasks(mean, scores),
    ):
        assert estimate.value == pytest.approx(0.7) and estimate.interval == pytest.approx((0.7, 0.7))


def test_tasks_are_strata() -> None:
    """Tasks that differ, and seeds that do not: other seeds change nothing, other tasks do."""
    scores = np.array([[0.1] * 3, [0.5] * 3, [0.9] * 3])
    assert over_seeds(mean, scores).interval == pytest.approx((0.5, 0.5))
    assert width(over_seeds_and_tasks(mean, scores).interval) > 0.4


def test_the_width_is_the_bootstrap_s_own() -> None:
    """The resampled mean's variance is Σ s²ₜ / (S T²), s² the variance of a task's seeds (divided by S)."""
    scores = np.random.default_rng(1).normal(size=(12, 10))
    deviation = math.sqrt(float(scores.var(axis=1).sum()) / 10) / 12
    low, high = over_seeds(mean, scores).interval or (math.nan, math.nan)
    assert (low, high) == pytest.approx(
        (scores.mean() - 1.96 * deviation, scores.mean() + 1.96 * deviation), abs=0.03 * deviation
    )


def test_luck_that_a_seed_s_runs_share_widens_the_interval_over_both() -> None:
    """Seeds are drawn for all tasks alike: of a pure seed effect the interval is that of three numbers."""
    scores = np.tile([0.2, 0.5, 0.8], (12, 1))
    assert over_seeds_and_tasks(mean, scores).interval == pytest.approx((0.2, 0.8))
    assert width(over_seeds(mean, scores).interval) < 0.25


def holds_zero(interval: tuple[float, float] | None) -> bool:
    assert interval is not None
    return interval[0] <= 0.0 <= interval[1]


@pytest.mark.parametrize("statistic", [mean, interquartile_mean])
def test_the_interval_over_seeds_covers(statistic: Statistic) -> None:
    """Normal scores, other means in other tasks."""
    rng = np.random.default_rng(2)
    truths = np.linspace(-0.1, 0.1, 6)[:, None]
    intervals = [
        over_seeds(statistic, truths + rng.normal(size=(6, 20)), resamples=FEW).interval for _ in range(300)
    ]
    assert 0.90 <= sum(map(holds_zero, intervals)) / 300 <= 0.98


def test_the_interval_over_seeds_and_tasks_covers() -> None:
    """Effects of tasks, of seeds that all tasks share, and of runs, all of them normal."""
    rng = np.random.default_rng(3)
    intervals = [
        over_seeds_and_tasks(
            mean,
            rng.normal(size=(20, 1)) + 0.3 * rng.normal(size=(1, 10)) + rng.normal(size=(20, 10)),
            resamples=FEW,
        ).interval
        for _ in range(300)
    ]
    assert 0.90 <= sum(map(holds_zero, intervals)) / 300 <= 0.98


def test_what_a_seed_has_in_common_cancels_in_a_difference() -> None:
    rng = np.random.default_rng(4)
    luck = rng.normal(size=(1, 5)) + rng.normal(size=(6, 1))
    lead = difference(luck + 0.05, np.broadcast_to(luck, (6, 5)))
    assert lead.value == pytest.approx(0.05) and lead.interval == pytest.approx((0.05, 0.05))
    apart = difference(luck + 0.05, np.roll(luck, 1, axis=1))
    assert apart.value == pytest.approx(0.05) and width(apart.interval) > 0.5


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (ordered(3, 2) + 10, ordered(3, 2), 1.0),
        (ordered(3, 2), ordered(3, 2) + 10, 0.0),
        (np.ones((3, 2)), np.ones((3, 2)), 0.5),
        ([[1.0, 3.0]], [[2.0, 2.0]], 0.5),  # one of two wins
        ([[1.0, 2.0]], [[2.0, 0.0]], 0.625),  # 1 > 0, 2 > 0 and a tie: 2.5 of 4
        ([[5.0, 5.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]], 0.5),  # one task of two
    ],
)
def test_the_probability_of_improvement_counts_pairs(first: object, second: object, expected: float) -> None:
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    estimate = probability_of_improvement(one, other)
    assert estimate.value == expected
    assert estimate.interval is not None and estimate.interval[0] <= expected <= estimate.interval[1]
    assert probability_of_improvement(other, one).value == pytest.approx(1.0 - expected)


def test_a_certain_improvement_has_a_point_as_interval() -> None:
    assert probability_of_improvement(ordered(3, 2) + 10, ordered(3, 4)[:, :2]).interval == (1.0, 1.0)


def test_the_same_scores_give_the_same_interval() -> None:
    scores = np.random.default_rng(5).random((4, 3))
    assert over_seeds(mean, scores) == over_seeds(mean, scores.copy())
    assert difference(scores, scores[::-1]) == difference(scores, scores[::-1])


def test_one_seed_or_one_task_has_no_interval_over_it() -> None:
    assert over_seeds(mean, ordered(4, 1)).interval is None
    assert over_seeds(mean, ordered(1, 4)).interval is not None
    assert over_seeds_and_tasks(mean, ordered(4, 1)).interval is None
    assert over_seeds_and_tasks(mean, ordered(1, 4)).interval is None
    assert probability_of_improvement(ordered(4, 1), ordered(4, 1)).interval is None


def test_scores_with_gaps_are_refused() -> None:
    gap = ordered(2, 2)
    gap[0, 1] = math.nan
    for bad, says in ((gap, "missing"), (np.empty((0, 3)), "shape"), (np.arange(3.0), "shape")):
        with pytest.raises(ValueError, match=says):
            over_seeds(mean, bad)
        with pytest.raises(ValueError, match=says):
            over_seeds_and_tasks(mean, bad)
    with pytest.raises(ValueError, match="not of the same runs"):
        difference(ordered(2, 2), ordered(2, 3))
    with pytest.raises(ValueError, match="not of the same tasks"):
        probability_of_improvement(ordered(2, 2), ordered(3, 2))


def test_runs_that_all_have_are_lined_up() -> None:
    first = {("a", 0): 0.1, ("a", 1): 0.2, ("b", 0): 0.3, ("b", 1): 0.4, ("b", 2): 0.5, ("c", 0): 0.6}
    second = {("b", 1): 1.4, ("b", 0): 1.3, ("a", 0): 1.1, ("a", 1): 1.2}
    tasks, seeds, (one, other) = aligned(first, second)
    assert tasks == ["a", "b"] and seeds == [0, 1]
    assert one.tolist() == [[0.1, 0.2], [0.3, 0.4]] and other.tolist() == [[1.1, 1.2], [1.3, 1.4]]
    tasks, seeds, _ = aligned(first)
    assert tasks == ["a", "b", "c"] and seeds == [0]  # the only one that all three have
    assert aligned({("a", 0): 0.1}, {("a", 1): 0.1})[:2] == ([], [])
