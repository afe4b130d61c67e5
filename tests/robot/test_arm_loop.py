"""Rounds on the arm: who goes on, what is learnt from, and what is found again after a stop."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sail.config.resolution import load_config
from sail.data.store import EpisodeStore
from sail.types import Episode
from sail_models.saving import load_model
from sail_robot.arm_loop import Round, RoundsError, best, judge, learn, read_rounds, write_rounds

TASK = "cups-orange"


def episode(iteration: int, success: bool, steps: int = 24) -> Episode:
    rng = np.random.default_rng(iteration)
    return Episode(
        frames=rng.integers(0, 255, (steps + 1, 64, 64, 3)).astype(np.uint8),
        proprioception=np.full((steps + 1, 4), 0.3, np.float32),
        actions=np.zeros((steps, 4), np.float32),
        success=success,
        prompt="push the orange cup forward",
        task=TASK,
        seed=0,
        iteration=iteration,
        source="self",
    )


def filled(folder: Path, rounds: list[tuple[int, int]]) -> EpisodeStore:
    """A store with so many successes of so many attempts each iteration."""
    store = EpisodeStore(folder)
    for iteration, (successes, attempts) in enumerate(rounds):
        for number in range(attempts):
            store.add(episode(iteration, number < successes))
    return store


def test_who_is_not_worse_goes_on(tmp_path: Path) -> None:
    store = filled(tmp_path, [(2, 4), (1, 4), (3, 6), (4, 6)])
    rounds: list[Round] = []
    for iteration in range(4):
        rounds.append(judge(rounds, iteration, f"c{iteration}", store, TASK))
    assert [one.promoted for one in rounds] == [True, False, True, True]
    assert best(rounds).checkpoint == "c3" and best(rounds[:2]).checkpoint == "c0"
    assert [one.kept for one in rounds] == [10, 10, 10, 10]


def test_rounds_are_found_again_and_another_tasks_are_not_taken(tmp_path: Path) -> None:
    rounds = [Round(0, "", 4, 2, True, 2), Round(1, "here", 4, 1, False, 3)]
    write_rounds(tmp_path, TASK, rounds)
    assert read_rounds(tmp_path, TASK) == rounds
    with pytest.raises(RoundsError, match="cups-orange"):
        read_rounds(tmp_path, "cups-purple")
    (tmp_path / "results.json").write_text('{"task": "cups-orange"}')
    with pytest.raises(RoundsError, match="does not hold rounds"):
        read_rounds(tmp_path, TASK)


def test_what_is_learnt_changes_the_planner_and_comes_from_successes_alone(tmp_path: Path) -> None:
    words = [f"task={TASK}", "prior.kind=none", "training.steps=2", "training.batch_size=2"]
    config = load_config("panda", None, words)
    config = replace(config, training=replace(config.training, self_fraction=1.0))
    failures = filled(tmp_path / "failures", [(0, 2)])
    successes = filled(tmp_path / "successes", [(2, 3)])
    losses: list[float] = []
    unchanged = learn(config, "", failures, None, 1, tmp_path, lambda step, loss: losses.append(loss))
    assert not losses
    changed = learn(config, "", successes, None, 2, tmp_path, lambda step, loss: losses.append(loss))
    assert len(losses) == 2
    before, after = (load_model(tmp_path / folder / "planner", "planner") for folder in (unchanged, changed))
    learn(config, changed, successes, None, 3, tmp_path, lambda step, loss: None)  # it goes on from there
    assert any((old != new).any() for old, new in zip(before.parameters(), after.parameters(), strict=True))
