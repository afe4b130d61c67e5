"""The loop end to end on real MetaWorld, with weights that know nothing: what it writes, how it resumes."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sail.config.schema import RunConfig
from sail.loop.agent import load_base
from sail.loop.run_folder import RunFolderError, open_run
from sail.loop.seeds import evaluation_seeds
from sail.report.page import write_report
from sail.system.locks import locked
from sail_models.saving import load_model, model_identity

from helpers import assert_one_line, files_below
from small_runs import DEMONSTRATED, run_loop, small_config


def without_seconds(results: dict[str, Any]) -> dict[str, Any]:
    rows = [{key: value for key, value in row.items() if key != "seconds"} for row in results["iterations"]]
    return {**results, "iterations": rows}


# What a killed process runs: the loop, with one of its functions replaced by one that does half its work.
KILLED = """
import io, os, signal, sys
from pathlib import Path
import sail.loop.update
import sail.loop.improve
from sail.data.store import EpisodeStore
from sail.report.clips import write_clips
from sail.report.live_table import LiveTable
from sail.loop.run_folder import create_run, open_run
from sail.config.resolution import from_yaml

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def half_a_model(folder, *_, **__):
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"half")
    die()

add = EpisodeStore.add
def add_one(store, episode):
    id = add(store, episode)
    if episode.source == "self":
        die()
    return id

if __name__ == "__main__":
    folder, config, where = sys.argv[1:]
    if where == "collect":
        EpisodeStore.add = add_one
    else:
        sail.loop.update.save_model = half_a_model
    config = from_yaml(Path(config).read_text())
    run = create_run(Path(folder), config, (Path(folder) / "manifest.json").exists())
    sail.loop.improve.improve(config, run, LiveTable("killed"), film=write_clips)
"""


@pytest.fixture(scope="module")
def config(tiny_base: Path) -> RunConfig:
    # Without a filter, so that there is something to learn from: random weights succeed at nothing.
    return small_config(tiny_base, "filter=none", "training.inverse_dynamics=true")


@pytest.fixture(scope="module")
def finished(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was never interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    run_loop(folder, config)
    write_report(folder)
    return folder


class Asked(Exception):
    """How episodes were to end."""


@pytest.mark.parametrize(("judge", "hold"), [("oracle", 0), ("none", None)])
def test_without_the_oracle_no_episode_ends_where_it_succeeds(
    judge: str, hold: int | None, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*words: object, hold: int | None, **more: object) -> None:
        raise Asked(hold)

    monkeypatch.setattr("sail.loop.collectors.run_episodes", asked)
    with pytest.raises(Asked) as raised:
        run_loop(tmp_path / "run", small_config(tiny_base, f"filter={judge}", "demonstrations_per_task=0"))
    assert raised.value.args == (hold,)


@pytest.mark.usefixtures("without_probes")
@pytest.mark.parametrize(("judge", "repeated"), [("oracle", 2), ("none", 0)])
def test_a_later_round_repeats_what_the_oracle_says_succeeded_in_the_first(
    judge: str, repeated: int, tiny_base: Path, tmp_path: Path
) -> None:
    # Chance alone closes nearly every door.
    settings = ("task=door-close", "horizon=120", "rollouts=4", "iterations=1", "evaluation_episodes=1")
    exploring = ("exploration.random_fraction=1", "exploration.repeat_fraction=1", "exploration.rounds=2")
    run = tmp_path / "run"
    run_loop(run, small_config(tiny_base, f"filter={judge}", "method=frozen", *settings, *exploring))
    found = open_run(run).payload("explored_001")
    assert found["repeated"]["episodes"] == repeated
    assert found["random"]["episodes"] == 4 - repeated
    assert found["random"]["successes"] > 0


@pytest.mark.usefixtures("without_probes")
def test_too_little_kept_leaves_every_network_as_it_is(tiny_base: Path, tmp_path: Path) -> None:
    settings = ("training.least_kept=1", "training.inverse_dynamics=true", "task=reach-wall")
    run_loop(tmp_path / "run", small_config(tiny_base, "filter=oracle", *settings))
    checkpoint, base = tmp_path / "run" / "checkpoints" / "iteration_001", load_base(str(tiny_base))
    assert model_identity(load_model(checkpoint / "planner", "planner")) == base.identity
    before = model_identity(base.inverse_dynamics)
    assert model_identity(load_model(checkpoint / "inverse_dynamics", "inverse_dynamics")) == before


def test_the_run_folder_has_every_file(finished: Path, config: RunConfig) -> None:
    present = files_below(finished)
    expected = ["config.yaml", "manifest.json", "metrics.jsonl", "results.json", "report.html"]
    expected += ["episodes/index.jsonl"]
    for part in ("planner", "inverse_dynamics"):
        expected += [
            f"checkpoints/iteration_001/{part}/{file}" for file in ("config.json", "model.safetensors")
        ]
    for iteration in range(2):
        expected += [f"media/plan_sheet_{iteration:03d}.png"]
        expected += [f"media/iteration_{iteration:03d}_0_{side}.gif" for side in ("imagined", "executed")]
    assert set(expected) <= present.keys()
    sources = [name.split("-")[1] for name in present if name.endswith(".episode.zip")]
    assert (sources.count("expert"), sources.count("self")) == (len(DEMONSTRATED), config.rollouts)


def test_results_have_the_documented_schema(finished: Path, config: RunConfig) -> None:
    results = json.loads((finished / "results.json").read_text())
    named = {"schema", "preset", "suite", "task", "method", "seed", "model", "iterations", "environment"}
    assert results.keys() == named | {"prompt", "controls", "probes", "text_effect", "filter", "monitors"}
    assert [(row["method"], row["episodes"]) for row in results["controls"]] == [
        ("random waypoints", config.evaluation_episodes)
    ]
    assert [row["name"] for row in results["probes"]] == ["perfect plan"]
    assert {row["scene"] for row in results["text_effect"]["rows"]} == {config.task}
    assert (results["schema"], results["preset"], results["task"]) == (1, "smoke", "handle-press")
    assert results["model"] == load_base(config.base).identity
    assert [row["iteration"] for row in results["iterations"]] == [0, 1]
    for row in results["iterations"]:
        assert row.keys() == {
            "iteration", "episodes", "successes", "success_rate", "ci95", "collected", "kept", "seconds"
        }  # fmt: skip
        assert row["seconds"].keys() == {"collect", "train", "evaluate"}
        assert row["episodes"] == config.evaluation_episodes
        assert row["success_rate"] == row["successes"] / row["episodes"]
    first, last = results["iterations"]
    assert (first["collected"], first["kept"], first["seconds"]["collect"]) == (0, 0, 0.0)
    assert (last["collected"], last["kept"]) == (2, 2)  # no filter
    assert min(last["seconds"].values()) > 0.0
    (monitored,) = results["monitors"]
    assert monitored["planned"]["episodes"] == config.rollouts and monitored["covered"] > 0
    assert monitored["plan_spread"] > 0
    assert monitored["gained"] - monitored["lost"] == last["successes"] - first["successes"]


def test_collected_episodes_say_who_acted_and_meet_no_evaluation_seed(
    finished: Path, config: RunConfig
) -> None:
    lines = [json.loads(line) for line in (finished / "episodes" / "index.jsonl").read_text().splitlines()]
    collected = [line for line in lines if line["source"] == "self"]
    assert {line["model"] for line in collected} == {load_base(config.base).identity}
    assert {line["iteration"] for line in collected} == {1}
    assert not {line["seed"] for line in lines} & set(evaluation_seeds(config.task, config.seed, 1000))


def test_a_killed_run_goes_on_to_the_same_result(finished: Path, config: RunConfig, tmp_path: Path) -> None:
    folder, script = tmp_path / "run", tmp_path / "killed.py"
    script.write_text(KILLED)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    for where in ("collect", "train"):
        command = [sys.executable, str(script), str(folder), str(finished / "config.yaml"), where]
        killed = subprocess.run(command, env=environment, capture_output=True, timeout=600)
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    done = json.loads((folder / "manifest.json").read_text())["finished"]
    assert "collect_001" in done and "train_001" not in done
    resumed = run_loop(folder, config, resume=True)
    uninterrupted = json.loads((finished / "results.json").read_text())
    assert without_seconds(resumed) == without_seconds(uninterrupted)
    for part in ("checkpoints", "episodes", "media"):
        assert files_below(folder / part) == files_below(finished / part), part


def test_resuming_a_finished_run_changes_nothing(finished: Path, config: RunConfig) -> None:
    before = files_below(finished)
    run_loop(finished, config, resume=True)
    assert files_below(finished) == before


def test_a_finished_run_is_read_and_not_replayed(
    finished: Path, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even without its checkpoints, its weights and its episodes."""
    run = shutil.copytree(finished, tmp_path / "run")
    for part in ("checkpoints", "episodes"):
        shutil.rmtree(run / part)
    monkeypatch.setattr("sail.loop.improve.learner_of", None)
    assert run_loop(run, config, resume=True) == json.loads((finished / "results.json").read_text())


@pytest.mark.parametrize("content", [None, b"{"])
def test_lost_results_of_a_finished_run_are_written_again(
    finished: Path, config: RunConfig, tmp_path: Path, content: bytes | None
) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    before = json.loads((run / "results.json").read_text())
    (run / "results.json").unlink() if content is None else (run / "results.json").write_bytes(content)
    run_loop(run, config, resume=True)
    assert json.loads((run / "results.json").read_text()) == before


def unfinished(finished: Path, run: Path, *steps: str) -> None:
    """A copy of a finished run, without some steps."""
    shutil.copytree(finished, run)
    manifest = json.loads((run / "manifest.json").read_text())
    for step in (*steps, "end"):
        del manifest["finished"][step]
    (run / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("lost", ["expert", "self"])
def test_lost_episodes_are_told_before_anything_is_trained(
    finished: Path, config: RunConfig, tmp_path: Path, lost: str
) -> None:
    run = tmp_path / "run"
    unfinished(finished, run, "train_001", "evaluate_001")
    for file in (run / "episodes").glob(f"*-{lost}-*"):
        file.unlink()
    (run / "episodes" / "index.jsonl").unlink()
    before = files_below(run)
    with pytest.raises(RunFolderError) as error:
        run_loop(run, config, resume=True)
    assert_one_line(error, "of the episodes that this run recorded", f"-{lost}-", "bring them back")
    changed = {name for name, content in files_below(run).items() if before.get(name) != content}
    assert changed <= {".lock", "episodes/index.jsonl"}


def test_a_lost_checkpoint_is_told(finished: Path, config: RunConfig, tmp_path: Path) -> None:
    run = tmp_path / "run"
    unfinished(finished, run, "evaluate_001")
    shutil.rmtree(run / "checkpoints" / "iteration_001" / "inverse_dynamics")
    results = (run / "results.json").read_bytes()
    with pytest.raises(RunFolderError) as error:
        run_loop(run, config, resume=True)
    assert_one_line(error, "iteration_001", "inverse_dynamics is missing")
    assert (run / "results.json").read_bytes() == results


def test_two_processes_do_not_run_one_run(finished: Path, config: RunConfig) -> None:
    with locked(finished), pytest.raises(RunFolderError) as error:
        run_loop(finished, config, resume=True)
    assert_one_line(error, "another process works on")


def test_a_checkpoint_is_what_was_trained(finished: Path, config: RunConfig) -> None:
    checkpoint = finished / "checkpoints" / "iteration_001"
    assert model_identity(load_model(checkpoint / "planner", "planner")) != load_base(config.base).identity
