"""The loop end to end with every method beside the planner's own: what each learns, and of whom."""

import io
from pathlib import Path
from typing import Any

import pytest

import sail.loop.learners
from sail.cli.options import iterations_of
from sail.config.schema import RunConfig, TrainingConfig
from sail.data.store import EpisodeStore
from sail.loop.agent import PolicyAgent, load_policy
from sail.loop.improve import improve_jointly
from sail.loop.run_folder import RunFolder, RunFolderError, create_run, open_run
from sail.report.live_table import LiveTable
from sail.training.fine_tuning import finetune_policy
from sail.types import Episode
from sail_models.networks.policy import Policy

from helpers import assert_one_line, files_below
from small_runs import DEMONSTRATED, policy_identity, run_loop, small_config


@pytest.mark.usefixtures("without_probes")
def test_frozen_collects_and_evaluates_but_learns_nothing(tiny_base: Path, tmp_path: Path) -> None:
    results = run_loop(tmp_path / "run", small_config(tiny_base, "method=frozen", "task=reach-wall"))
    assert not (tmp_path / "run" / "checkpoints").exists()
    first, last = results["iterations"]
    assert (last["collected"], last["seconds"]["train"]) == (2, 0.0)
    assert first["seconds"]["evaluate"] > 0.0


def test_a_policy_is_improved_by_the_same_loop(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[list[int]] = []

    def finetune(agent: PolicyAgent, shown: list[Episode], collected: list[Episode], *rest: Any) -> Policy:
        taught.append([episode.seed for episode in collected])
        return finetune_policy(agent, shown, collected, *rest)

    monkeypatch.setattr(sail.loop.learners, "finetune_policy", finetune)
    beginning = ("demonstrator=suboptimal", "demonstrations_per_task=1")
    repeating = ("exploration.random_fraction=0.99", "exploration.repeat_fraction=1", "iterations=2")
    settings = ("method=bc-loop", "filter=none", "training.keep_newest=3", *beginning, *repeating)
    folder, config = tmp_path / "run", small_config(tiny_base, *settings)
    results = run_loop(folder, config)
    assert results["method"] == "bc-loop" and [row["collected"] for row in results["iterations"]] == [0, 2, 2]
    first, second = results["monitors"]  # without a filter all is kept, and believed to be success
    assert (first["random"]["episodes"], first["repeated"]["episodes"]) == (2, 0)
    assert second["planned"]["episodes"] == 2
    learnt = policy_identity(folder)
    assert learnt != results["model"] == load_policy(tiny_base).identity
    assert iterations_of(None, open_run(folder)) == [0, 1, 2]  # what evaluate and export take of it
    store = EpisodeStore(folder / "episodes")
    assert store.records(source="self", iteration=1)[0].model == results["model"]
    collected = [record.seed for record in store.records(source="self")]
    assert len(collected) == 4 and taught == [collected[:2], collected[1:]]  # the newest three
    assert {record.task for record in store.records(source="random")} == set(DEMONSTRATED)
    assert not store.records(source="expert")
    before = files_below(folder)
    assert run_loop(folder, config, resume=True) == results and files_below(folder) == before


@pytest.mark.usefixtures("without_probes")
@pytest.mark.slow
def test_runs_that_are_joint_are_taught_by_what_all_of_them_kept(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[tuple[list[str], list[str], int]] = []

    def finetune(
        agent: PolicyAgent,
        shown: list[Episode],
        collected: list[Episode],
        training: TrainingConfig,
        *rest: Any,
    ) -> Policy:
        shown_by, kept = ([episode.task for episode in some] for some in (shown, collected))
        taught.append((shown_by, kept, training.steps))
        return finetune_policy(agent, shown, collected, training, *rest)

    monkeypatch.setattr(sail.loop.learners, "finetune_policy", finetune)
    settings = ("method=bc-joint", "filter=none", "iterations=1", "demonstrations_per_task=1")
    tasks = ("handle-press", "door-close", "reach-wall")
    # Of the last nothing teaches: it keeps less than it needs.
    needs = {"reach-wall": "training.least_kept=3"}

    def opened(some: tuple[str, ...], resume: bool) -> list[tuple[RunConfig, RunFolder]]:
        words = [(f"task={task}", *settings, *([needs[task]] if task in needs else [])) for task in some]
        configs = [small_config(tiny_base, *one) for one in words]
        return [(config, create_run(tmp_path / config.task, config, resume)) for config in configs]

    live = LiveTable("test", io.StringIO())
    results = improve_jointly(opened(tasks, False), live)
    assert [(one["task"], len(one["iterations"])) for one in results] == [(task, 2) for task in tasks]
    assert taught == [(list(DEMONSTRATED), ["handle-press"] * 2 + ["door-close"] * 2, 2 * 3)]
    learnt = {policy_identity(tmp_path / task) for task in tasks}
    assert len(learnt) == 1 and learnt != {load_policy(tiny_base).identity}
    before = files_below(tmp_path)
    assert improve_jointly(opened(tasks, True), live) == results and files_below(tmp_path) == before
    with pytest.raises(RunFolderError) as error:
        improve_jointly(opened(tasks[:1], True), live)
    assert_one_line(error, "shares what learns with the runs of handle-press, door-close, reach-wall, not of")


def test_random_is_one_evaluation_without_any_weights(tmp_path: Path) -> None:
    results = run_loop(tmp_path / "run", small_config(tmp_path / "no weights", "method=random"))
    assert [row["iteration"] for row in results["iterations"]] == [0]
    assert results["model"] == ""
    assert not (tmp_path / "run" / "episodes").exists()
