"""A run folder holds what it was told, through kills and full disks, and refuses what is not its own."""

import errno
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sail.config.schema import PlannerConfig, RunConfig
from sail.errors import SailError
from sail.loop import run_folder as runfolder
from sail.loop.results import IterationResult
from sail.loop.run_folder import RunFolder, RunFolderError, create_run, open_run, write_text
from sail.loop.statistics import wilson_interval

CONFIG = RunConfig(preset="smoke", task="door-close", seed=3)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path / "run", CONFIG)


def refused(path: Path, config: RunConfig = CONFIG, resume: bool = False) -> str:
    with pytest.raises(RunFolderError) as caught:
        create_run(path, config, resume)
    assert isinstance(caught.value, SailError)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_new_folder_holds_the_resolved_configuration_and_an_empty_manifest(run: RunFolder) -> None:
    assert json.loads((run.path / "manifest.json").read_text()) == {"schema": 1, "finished": {}}
    assert open_run(run.path).config == CONFIG
    assert "planner:\n  steps: 4" in (run.path / "config.yaml").read_text()
    assert run.checkpoint(2) == run.path / "checkpoints" / "iteration_002"


def test_an_empty_folder_is_taken_and_one_with_anything_in_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    create_run(tmp_path / "empty", CONFIG)
    assert "--resume" in refused(tmp_path / "empty")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    assert "neither empty nor a run folder" in refused(tmp_path / "other")
    assert "holds no run" in refused(tmp_path / "other", resume=True)
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.tex"]


def test_resume_knows_what_is_finished_and_its_payload(run: RunFolder) -> None:
    run.finish("iteration_000/evaluate", {"successes": 5, "seconds": 1.5})
    run.finish("iteration_000/collect")
    again = create_run(run.path, CONFIG, resume=True)
    assert again.step_done("iteration_000/evaluate")
    assert again.step_done("iteration_000/collect")
    assert not again.step_done("iteration_001/collect")
    assert again.payload("iteration_000/evaluate") == {"successes": 5, "seconds": 1.5}


def test_resume_of_what_is_not_there_begins_nothing(tmp_path: Path) -> None:
    assert "begin one without --resume" in refused(tmp_path / "mistyped", resume=True)
    assert not (tmp_path / "mistyped").exists()
    killed = tmp_path / "killed"  # before its first manifest
    killed.mkdir()
    (killed / "config.yaml").write_text("preset: sm")
    (killed / ".manifest.json.tmp").write_text('{"sch')
    assert "begin one without --resume" in refused(killed, resume=True)
    assert (killed / "config.yaml").read_text() == "preset: sm"
    assert create_run(killed, CONFIG).config == open_run(killed).config == CONFIG


MODELS = {"planner": "0123456789ab", "inverse_dynamics": "456789abcdef"}


@pytest.mark.parametrize("part", MODELS)
def test_resume_with_another_part_of_the_base_is_refused(run: RunFolder, part: str) -> None:
    run.begin_from(MODELS)
    create_run(run.path, CONFIG, resume=True).begin_from(MODELS)
    for others in (MODELS | {part: "ba9876543210"}, {one: MODELS[one] for one in MODELS if one != part}):
        with pytest.raises(RunFolderError, match=f"another {part.replace('_', ' ')}") as error:
            create_run(run.path, CONFIG, resume=True).begin_from(others)
        assert len(str(error.value).splitlines()) == 1


def test_an_earlier_versions_run_knows_its_planner_alone(run: RunFolder) -> None:
    run.finish("base", MODELS["planner"])
    run.begin_from(MODELS)
    with pytest.raises(RunFolderError, match="another planner"):
        run.begin_from(MODELS | {"planner": "ba9876543210"})


def test_results_never_shrink(run: RunFolder) -> None:
    rows = [IterationResult(k, 4, k, 0, 0, {}) for k in range(3)]
    whole = run.write_results("", rows, environment={})
    again = create_run(run.path, CONFIG, resume=True)
    again.write_results("", rows[:1], environment={})
    assert again.results() == whole
    (run.path / "results.json").write_text("{")
    again.write_results("", rows[:1], environment={})
    assert len(again.results()["iterations"]) == 1


def checkpoint(run: RunFolder) -> Path:
    for part in MODELS:
        (run.checkpoint(1) / part).mkdir(parents=True)
        (run.checkpoint(1) / part / "config.json").write_text(part)
    run.finish_checkpoint(1)
    return run.finished_checkpoint(1)


@pytest.mark.parametrize("part", MODELS)
def test_a_checkpoint_that_is_gone_or_another_is_told(run: RunFolder, part: str) -> None:
    config = checkpoint(run) / part / "config.json"
    for damage in (lambda: config.write_text("another"), config.unlink):
        damage()
        with pytest.raises(RunFolderError, match=f"{part} is missing or another") as error:
            create_run(run.path, CONFIG, resume=True).finished_checkpoint(1)
        assert len(str(error.value).splitlines()) == 1
    with pytest.raises(RunFolderError, match="there is none"):
        run.finished_checkpoint(2)


def test_episodes_are_compared_with_those_that_the_run_recorded(run: RunFolder) -> None:
    run.finish("episodes_000", ["shown"])
    run.finish("episodes_001", ["a", "b"])
    there = {"shown": None, "a": 1, "b": 1}
    run.check_episodes({**there, "begun": 2})  # an iteration that was cut off
    for lost in there:
        with pytest.raises(RunFolderError, match=f"1 of the episodes .* {lost}"):
            run.check_episodes({one: its for one, its in there.items() if one != lost})
    for iteration in (None, 1):
        with pytest.raises(RunFolderError, match="holds other"):
            run.check_episodes({**there, "other": iteration})


def test_resume_with_other_settings_names_the_first_that_differs(run: RunFolder) -> None:
    other = RunConfig(preset="smoke", task="door-close", seed=3, planner=PlannerConfig(steps=8, guidance=1))
    line = refused(run.path, other, resume=True)
    assert "planner.steps=4, not 8" in line
    assert "guidance" not in line


def test_another_versions_manifest_is_refused(run: RunFolder) -> None:
    (run.path / "manifest.json").write_text('{"schema": 2, "finished": {}}')
    line = refused(run.path, resume=True)
    assert "schema 2" in line and "reads 1" in line


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00", '{"schema": 1}', '{"schema": 1, "finished": []}'])
def test_a_damaged_manifest_is_one_line(run: RunFolder, content: str) -> None:
    (run.path / "manifest.json").write_text(content)
    assert "manifest.json is damaged" in refused(run.path, resume=True)


def test_a_folder_without_its_configuration_is_one_line(run: RunFolder) -> None:
    (run.path / "config.yaml").unlink()
    assert "config.yaml: No such file" in refused(run.path, resume=True)
    (run.path / "config.yaml").write_text("preset: smoke\ntaks: reach\n")
    with pytest.raises(SailError, match="unknown key 'taks'"):
        open_run(run.path)


def test_what_is_no_run_folder_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"no manifest\.json"):
        open_run(tmp_path)


def test_metrics_survive_a_line_cut_off_by_a_kill(run: RunFolder) -> None:
    run.record("train", 1, 10, {"loss": 0.5, "psnr": 30})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"event": "tra')
    assert [line["values"] for line in run.metrics()] == [{"loss": 0.5, "psnr": 30.0}]
    again = create_run(run.path, CONFIG, resume=True)
    again.record("train", 1, 20, {"loss": math.nan})
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert [(line["event"], line["iteration"], line["step"]) for line in lines] == [
        ("train", 1, 10),
        ("train", 1, 20),
    ]
    assert lines[1]["values"] == {"loss": None}  # JSON knows no nan


def test_wall_seconds_go_on_after_an_interruption(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(runfolder.time, "monotonic", lambda: clock[0])
    first = create_run(run.path, CONFIG, resume=True)
    clock[0] = 107.0
    first.record("collect", 0, 0, {})
    clock[0] = 5000.0  # a night later
    second = create_run(run.path, CONFIG, resume=True)
    clock[0] = 5002.0
    second.record("collect", 0, 1, {})
    assert [line["wall_seconds"] for line in second.metrics()] == [7.0, 9.0]


@pytest.mark.parametrize("line", ["{]", "3", "{}"])
def test_damaged_metrics_are_one_line(run: RunFolder, line: str) -> None:
    (run.path / "metrics.jsonl").write_text(line + "\n")
    assert "metrics.jsonl is damaged" in refused(run.path, resume=True)


def test_results_follow_the_documented_schema(run: RunFolder) -> None:
    seconds = {"collect": 1.0, "train": 2.0, "evaluate": 3.0}
    iteration = IterationResult(0, episodes=50, successes=20, collected=30, kept=11, seconds=seconds)
    run.write_results("abc123", [iteration], environment={"python": "3.11"})
    assert run.results() == {
        "schema": 1,
        "preset": "smoke",
        "suite": "metaworld",
        "task": "door-close",
        "method": "sail",
        "seed": 3,
        "model": "abc123",
        "iterations": [
            {
                "iteration": 0,
                "episodes": 50,
                "successes": 20,
                "success_rate": 0.4,
                "ci95": list(wilson_interval(20, 50)),
                "collected": 30,
                "kept": 11,
                "seconds": seconds,
            }
        ],
        "environment": {"python": "3.11"},
    }


def test_results_not_written_yet_are_one_line(run: RunFolder) -> None:
    with pytest.raises(RunFolderError, match=r"results\.json: No such file"):
        run.results()


def test_the_environment_names_what_a_result_depends_on() -> None:
    code = (
        "import sys, json; from sail.system.versions import environment_versions as e; r = e();"
        "print(json.dumps([r, [m for m in ('torch', 'mujoco', 'metaworld') if m in sys.modules]]))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, env=environment
    )
    versions, heavy = json.loads(answer.stdout)
    assert set(versions) == {"python", "torch", "mujoco", "metaworld", "sail", "processor", "gpu"}
    assert all(versions[name] for name in ("python", "torch", "mujoco", "metaworld", "processor"))
    assert heavy == []


def test_a_full_disk_keeps_what_was_finished(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    run.finish("first", 1)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunFolderError, match=r"disk is full.*manifest\.json.*--resume") as caught:
            run.finish("second", 2)
    assert "\n" not in str(caught.value)
    assert not run.step_done("second")
    assert not list(run.path.glob(".*.tmp"))
    again = create_run(run.path, CONFIG, resume=True)
    assert again.step_done("first") and not again.step_done("second")


def test_no_permission_and_a_file_in_the_way_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    assert "a file stands where a folder is needed" in refused(tmp_path / "file")
    assert "a file stands where a folder is needed" in refused(tmp_path / "file" / "run")

    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", denied)  # root, as in many containers, may write anywhere
    assert "no permission to write" in refused(tmp_path / "run")


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """A process killed with SIGKILL at a random moment of rewriting leaves one whole version."""
    path = tmp_path / "state.json"
    write_text(path, "0" * 100_000)
    code = (
        "import sys; from pathlib import Path; from sail.loop.run_folder import write_text\n"
        "for i in range(10**6):\n  write_text(Path(sys.argv[1]), str(i % 10) * 100_000)\n"
        "  if i == 3: print('going', flush=True)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "going\n"
    for _ in range(200):
        text = path.read_text()
        assert len(text) == 100_000 and len(set(text)) == 1
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    text = path.read_text()
    assert len(text) == 100_000 and len(set(text)) == 1
