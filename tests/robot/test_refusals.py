"""A node that cannot do its work says why in one line, sends nothing, and its process ends with an error."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="ROS 2's wheels are there for Python 3.11 on Linux alone")

PANDA = Path(__file__).parents[2] / "robot" / "config" / "panda.yaml"


def started(node: str, *parameters: str) -> tuple[int, str]:
    """A node's exit code and what it says."""
    words = [word for parameter in parameters for word in ("-p", parameter)]
    done = subprocess.run(
        [sys.executable, "-m", f"sail_robot.nodes.{node}_node", "--ros-args", *words],
        env={**os.environ, "ROS_DOMAIN_ID": "54"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("speed: 0.25 m/s", "speed: 0.25"), "hand.speed must be a number with its unit (m/s, mm/s)"),
        (("high: [0.75 m,", "high: [0.25 m,"), "the range of axis 0 is empty"),
    ],
)
def test_a_guard_with_wrong_limits_does_not_start(change: tuple[str, str], says: str, tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text(PANDA.read_text().replace(*change))
    code, output = started("guard", f"limits:={path}")
    assert code == 1 and says in output and str(path) in output and "Traceback" not in output


def test_an_output_that_nobody_knows(tmp_path: Path) -> None:
    code, output = started("guard", f"limits:={PANDA}", "output:=torque")
    assert code == 1 and "output is 'torque': choose one of twist, pose, joint_trajectory" in output


def test_a_planner_without_a_prompt_does_not_start() -> None:
    code, output = started("planner", f"limits:={PANDA}", "prompt:='  '")
    assert code == 1 and "the prompt is empty" in output and "Traceback" not in output


@pytest.mark.parametrize(
    ("node", "base"),
    [
        ("planner", ("overrides:=['base=base','prior.kind=none']", "prompt:='open the door'")),
        ("controller", ("base:=base",)),
    ],
)
def test_weights_of_another_camera_do_not_start(node: str, base: tuple[str, ...]) -> None:
    code, output = started(node, f"limits:={PANDA}", *base)
    assert code == 1 and "Traceback" not in output
    assert "camera is metaworld/workspace in " in output and "panda/workspace in the robot file" in output


@pytest.mark.parametrize(("node", "more"), [("planner", ("prompt:='push it'",)), ("controller", ())])
def test_a_folder_that_was_not_exported_does_not_start(node: str, more: tuple[str, ...]) -> None:
    code, output = started(node, f"limits:={PANDA}", "exported:=nowhere", *more)
    assert code == 1 and "name a folder that sail export wrote" in output and "Traceback" not in output


def test_a_policy_without_a_prompt_or_a_planner_as_policy_does_not_start(
    exported_policy: Path, exported: Path
) -> None:
    code, output = started("controller", f"limits:={PANDA}", f"policy:={exported_policy}")
    assert code == 1 and "an empty prompt" in output and "Traceback" not in output
    code, output = started("controller", f"limits:={PANDA}", f"policy:={exported}", "prompt:='push it'")
    assert code == 1 and "holds a planner: name a folder with an exported policy" in output


def test_a_task_that_is_not_on_the_table() -> None:
    code, output = started("sim_arm", f"limits:={PANDA}", "task:=door-open")
    assert code == 1 and "choose a task of the Panda's suites" in output and "Traceback" not in output


def test_attempts_without_a_name_or_words(tmp_path: Path) -> None:
    store = f"episodes:={tmp_path / 'episodes'}"
    code, output = started("episode", f"limits:={PANDA}", store, "prompt:='pour the tea'")
    assert code == 1 and "the task is empty" in output and "Traceback" not in output
    code, output = started("episode", f"limits:={PANDA}", store, "task:=pour")
    assert code == 1 and "the prompt is empty" in output and not (tmp_path / "episodes").exists()
