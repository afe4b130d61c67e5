"""That no episode serves two purposes, two tasks or two runs."""

import itertools

from sail.data.demonstrations import ATTEMPTS
from sail.loop.seeds import (
    DEMONSTRATION_SEEDS,
    DISTILLATION,
    EVALUATION_SEEDS,
    PLAY_SEEDS,
    SELF_SEEDS,
    collection_seeds,
    evaluation_seeds,
)
from sail_envs.suite import task_sets

TASK = "handle-press"


def test_the_seeds_of_different_purposes_never_meet() -> None:
    """Also not with as many as 10,000 episodes of a task."""
    most = 10_000
    last_of = {
        EVALUATION_SEEDS: EVALUATION_SEEDS + most,
        DEMONSTRATION_SEEDS: DEMONSTRATION_SEEDS + most * ATTEMPTS,
        PLAY_SEEDS: PLAY_SEEDS + most,
        SELF_SEEDS: SELF_SEEDS + most,
    }
    spans = sorted(last_of.items())
    assert all(last < first for (_, last), (first, _) in itertools.pairwise(spans))


def test_evaluation_seeds_are_distinct_however_many() -> None:
    for seed in (0, 999, 12345):
        seeds = evaluation_seeds(TASK, seed, 2500)
        assert len(set(seeds)) == 2500
        assert min(seeds) >= EVALUATION_SEEDS and max(seeds) < DEMONSTRATION_SEEDS
    assert not set(evaluation_seeds(TASK, 0, 1000)) & set(evaluation_seeds(TASK, 1, 1000))


def test_no_two_tasks_of_a_run_share_an_episode() -> None:
    """MetaWorld would lay them out by the same numbers."""
    for seed in (0, 7):
        evaluated = [seed_ for task in task_sets()["all"] for seed_ in evaluation_seeds(task, seed, 1000)]
        assert len(set(evaluated)) == len(evaluated) == 1000 * len(task_sets()["all"])
        collected = [seed_ for task in task_sets()["all"] for seed_ in collection_seeds(task, seed, 1, 30)]
        assert len(set(collected)) == len(collected) == 30 * len(task_sets()["all"])


def test_iterations_and_runs_collect_episodes_of_their_own() -> None:
    blocks = [
        collection_seeds(TASK, seed, iteration, 10_000)
        for seed in (0, 1)
        for iteration in (1, 2, DISTILLATION)
    ]
    together = [seed for block in blocks for seed in block]
    assert len(set(together)) == len(together) and min(together) >= SELF_SEEDS
