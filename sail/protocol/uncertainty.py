"""How sure a mean over tasks and seeds is: bootstrap intervals over runs.

A score is one number of one run (one task, one seed), such as its success rate. Scores are float64 arrays
(tasks, seeds) without gaps. Functions raise ValueError for other arrays. A statistic takes arrays
(..., tasks, seeds) and gives an array (...). The random numbers are the same in every call: the same scores
give the same interval.

Sources: R. Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice",
NeurIPS 2021, arXiv 2108.13264 (interquartile mean, stratified bootstrap, probability of improvement);
A. B. Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1:386-411, 2007 (seeds and tasks).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Statistic = Callable[..., NDArray[np.float64]]

RESAMPLES = 50_000
# Resamples that are in memory at a time.
BLOCK = 2_500
PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval (low, high). interval: None where nothing varies that could be drawn."""

    value: float
    interval: tuple[float, float] | None


def mean(scores: Scores) -> NDArray[np.float64]:
    """Mean of all scores."""
    return np.asarray(scores.mean(axis=(-2, -1)))


def interquartile_mean(scores: Scores) -> NDArray[np.float64]:
    """Mean of the middle half of all scores: a quarter of them, rounded down, is cut off at either end.

    Agarwal et al., section 4.3; the same as `scipy.stats.trim_mean(scores, 0.25, axis=None)`.
    """
    ordered = np.sort(scores.reshape(*scores.shape[:-2], -1), axis=-1)
    cut = ordered.shape[-1] // 4
    return np.asarray(ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1))


def better(first: Scores, second: Scores) -> NDArray[np.float64]:
    """Probability that a run of the first method beats a run of the second on the same task, 0..1.

    Over all pairs of seeds of a task, ties counted half (Mann and Whitney's U, divided by the number of
    pairs), then the mean over tasks: Agarwal et al., section 4.3.
    """
    signs = np.sign(first[..., :, None] - second[..., None, :])
    return np.asarray(0.5 + 0.5 * signs.mean(axis=(-3, -2, -1)))


def over_seeds(statistic: Statistic, *methods: Scores, resamples: int = RESAMPLES) -> Estimate:
    """The statistic with its stratified bootstrap interval: it holds for these tasks, with other seeds.

    Every resample draws as many seeds as there are, with replacement, anew within each task and for each
    method (Agarwal et al., section 4.1). Percentiles of few seeds are too narrow: the standard deviation of n
    seeds' resamples is √((n-1)/n) of the true one. Where every method has one seed there is no interval.
    """
    _check(*methods)
    if all(scores.shape[1] == 1 for scores in methods):
        return Estimate(float(statistic(*methods)), None)

    def draw(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        return statistic(
            *(
                np.take_along_axis(
                    scores[None], rng.integers(scores.shape[1], size=(count, *scores.shape)), axis=2
                )
                for scores in methods
            )
        )

    return Estimate(float(statistic(*methods)), _interval(draw, resamples))


def over_seeds_and_tasks(statistic: Statistic, scores: Scores, resamples: int = RESAMPLES) -> Estimate:
    """The statistic with an interval that holds for other tasks and other seeds, as far as these are typical.

    Every resample draws tasks and seeds with replacement; the seeds that are drawn are the same in all tasks,
    so that luck which a seed's runs share counts in full (Owen 2007: the interval is rather too wide than too
    narrow). Where there is one task or one seed there is no interval.
    """
    _check(scores)
    tasks, seeds = scores.shape
    if 1 in (tasks, seeds):
        return Estimate(float(statistic(scores)), None)

    def draw(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        rows, columns = rng.integers(tasks, size=(count, tasks)), rng.integers(seeds, size=(count, seeds))
        return statistic(scores[rows[:, :, None], columns[:, None, :]])

    return Estimate(float(statistic(scores)), _interval(draw, resamples))


def difference(first: Scores, second: Scores, resamples: int = RESAMPLES) -> Estimate:
    """Mean of first - second with its paired bootstrap interval over seeds and tasks.

    The same task and seed stand at the same place in both arrays, so that what a task or a seed makes easier
    for both methods cancels.
    """
    if first.shape != second.shape:
        raise ValueError(f"scores of shapes {first.shape} and {second.shape} are not of the same runs")
    return over_seeds_and_tasks(mean, first - second, resamples)


def probability_of_improvement(first: Scores, second: Scores, resamples: int = RESAMPLES) -> Estimate:
    """`better` with its stratified bootstrap interval; the seeds of the two methods are drawn separately."""
    if len(first) != len(second):
        raise ValueError(f"scores of {len(first)} and of {len(second)} tasks are not of the same tasks")
    return over_seeds(better, first, second, resamples=resamples)


def aligned(*methods: Mapping[tuple[str, int], float]) -> tuple[list[str], list[int], list[Scores]]:
    """The runs that all methods have, as tasks, seeds, and an array (tasks, seeds) for each method.

    methods: scores by (task, seed). Tasks are those that all methods have; seeds those that all methods have
    of all these tasks. There may be none.
    """
    shared = {run for run in methods[0] if all(run in scores for scores in methods)}
    tasks = list(dict.fromkeys(task for task, _ in methods[0] if any(task == other for other, _ in shared)))
    seeds = sorted(
        seed for seed in {seed for _, seed in shared} if all((task, seed) in shared for task in tasks)
    )
    arrays = [
        np.array([[scores[task, seed] for seed in seeds] for task in tasks], dtype=np.float64)
        for scores in methods
    ]
    return tasks, seeds, arrays


def _interval(
    draw: Callable[[np.random.Generator, int], NDArray[np.float64]], resamples: int
) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    counts = [min(BLOCK, resamples - begun) for begun in range(0, resamples, BLOCK)]
    low, high = np.percentile(np.concatenate([draw(rng, count) for count in counts]), PERCENTILES)
    return float(low), float(high)


def _check(*methods: Scores) -> None:
    for scores in methods:
        if scores.ndim != 2 or scores.size == 0:
            raise ValueError(f"scores of shape {scores.shape} are not (tasks, seeds), at least one of each")
        if not np.isfinite(scores).all():
            raise ValueError("a score is missing or not finite: leave that task or that seed out")
