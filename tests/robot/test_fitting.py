"""Weights of another camera or of other actions are refused; what is said of the simulations is true."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from sail.embodiment import EMBODIMENTS, FILE, read_embodiment, write_embodiment
from sail_envs.environment import TaskEnv
from sail_models.saving import PRETRAINED, WeightsError, find_base
from sail_robot.fitting import FittingError, check_base

PANDA = EMBODIMENTS["panda"]


def base_of(folder: Path) -> Path:
    """Base weights that lie in this folder, as far as their fit is concerned."""
    shutil.copytree(PRETRAINED / "panda" / "planner", folder / "planner")
    return folder


def test_the_shipped_weights_say_what_they_are() -> None:
    check_base("panda", "panda/workspace")
    for name, scenes in (("panda", "panda"), ("base", "metaworld")):
        assert read_embodiment(find_base(name)) == EMBODIMENTS[scenes]


@pytest.mark.parametrize(("scenes", "task"), [("metaworld", "reach"), ("panda", "cups-red")])
def test_a_control_step_takes_as_long_as_is_said(scenes: str, task: str) -> None:
    env = TaskEnv(task, size=32)
    assert env.simulation.control_seconds == pytest.approx(EMBODIMENTS[scenes].control_seconds)
    family, _, camera = EMBODIMENTS[scenes].camera.partition("/")
    assert family == scenes and env.simulation.cameras[camera] == env.camera
    env.close()


def test_other_cameras_and_actions_are_refused(tmp_path: Path) -> None:
    base = base_of(tmp_path)
    write_embodiment(base, replace(PANDA, camera="lab/left"))
    check_base(str(base), "lab/left")
    with pytest.raises(FittingError, match="knows the camera 'lab/left', the robot's is 'panda/workspace'"):
        check_base(str(base), "panda/workspace")
    write_embodiment(base, replace(PANDA, control_seconds=0.1))
    with pytest.raises(FittingError, match=r"actions of 0.01 m in 0.1 s, not 0.01 m in 0.05 s"):
        check_base(str(base), "panda/workspace")


@pytest.mark.parametrize("content", [None, "{", "[]", '{"camera": "panda/workspace"}'])
def test_weights_that_do_not_say(tmp_path: Path, content: str | None) -> None:
    base = base_of(tmp_path)
    if content is not None:
        (base / FILE).write_text(content)
    with pytest.raises(WeightsError, match=FILE):
        check_base(str(base), "panda/workspace")
