"""A task that no suite has: its settings, and the loop that learns it through real nodes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sail.config.overrides import ConfigError
from sail.config.resolution import load_config
from sail.config.schema import NO_SUITE
from sail.config.suites import prompt_of_run
from sail.data.store import EpisodeStore
from sail_robot.arm_loop import RoundsError, task_settings

from arms import PANDA


def test_a_task_that_no_suite_has_is_a_run_of_no_suite() -> None:
    config = load_config("panda", None, task_settings("pour", "", "pour the tea"))
    assert (config.suite, config.task) == (NO_SUITE, "pour") and prompt_of_run(config) == "pour the tea"
    with pytest.raises(ConfigError, match="say what the arm is to do"):
        load_config("panda", None, task_settings("pour", "", ""))
    with pytest.raises(RoundsError, match="the task has no name"):
        task_settings("", "", "pour the tea")


def test_a_task_of_a_suite_keeps_its_words() -> None:
    config = load_config("panda", None, task_settings("cups-orange", "", ""))
    assert (config.suite, prompt_of_run(config)) == ("", "push the orange cup forward")
    named = load_config("panda", None, task_settings("cups-orange", "cups@96", "push it"))
    assert (named.suite, prompt_of_run(named)) == ("cups@96", "push it")


@pytest.mark.alone
@pytest.mark.slow
def test_the_loop_on_the_arm_learns_it(tiny_panda: Path, tmp_path: Path) -> None:
    pytest.importorskip("rclpy", reason="ROS 2's wheels are there for Python 3.11 on Linux alone")
    from sail_robot.nodes.arm_processes import ArmProcesses

    task = {"task": "pour", "prompt": "pour the tea"}
    settings = {**task, "out": tmp_path / "out", "episodes": tmp_path / "episodes", "simulated": "true"}
    settings |= {"iterations": 1, "attempts": 1, "steps": 1, "timeout": 2.0}
    words = [word for name, value in settings.items() for word in ("-p", f"{name}:={_quoted(value)}")]
    overrides = ["prior.kind=none", "planner.steps=1", f"base={tiny_panda}", "training.batch_size=2"]
    words += ["-p", f"overrides:=[{', '.join(repr(one) for one in overrides)}]"]
    changes = {
        "sim_arm": {"task": "cups-green"},  # nothing simulates tea
        "controller": {"base": str(tiny_panda)},
    }
    with ArmProcesses("pour", tmp_path, PANDA, overrides, 0.7, changes, 59, prompt=task["prompt"]):
        done = subprocess.run(
            [sys.executable, "-m", "sail_robot.nodes.improve_node", "--ros-args", *words],
            env=os.environ,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["task"] == "pour" and [one["attempts"] for one in results["iterations"]] == [1, 1]
    records = EpisodeStore(tmp_path / "episodes").records(task="pour", source="self")
    assert [record.iteration for record in records] == [0, 1]
    assert {record.prompt for record in records} == {"pour the tea"}


def _quoted(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) and " " in value else str(value)
