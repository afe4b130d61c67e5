"""Weights of another camera or of other actions are refused; what is said of the simulations is true."""

from dataclasses import replace
from pathlib import Path

import pytest

from sail.embodiment import EMBODIMENTS, FILE, EmbodimentError, read_embodiment
from sail_envs.environment import TaskEnv
from sail_models.saving import find_base
from sail_robot.embodiment_check import FittingError, check_fit

PANDA = EMBODIMENTS["panda"]


def test_the_shipped_weights_say_what_they_are() -> None:
    check_fit(read_embodiment(find_base("panda")), "panda/workspace", "base 'panda'")
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
    (tmp_path / FILE).write_bytes(replace(PANDA, camera="lab/left").as_json())
    left = read_embodiment(tmp_path)
    check_fit(left, "lab/left", "it")
    with pytest.raises(FittingError, match="knows the camera 'lab/left', the robot's is 'panda/workspace'"):
        check_fit(left, "panda/workspace", "it")
    with pytest.raises(FittingError, match=r"actions of 0.01 m in 0.1 s, not 0.01 m in 0.05 s"):
        check_fit(replace(PANDA, control_seconds=0.1), "panda/workspace", "it")


@pytest.mark.parametrize("content", [None, "{", "[]", '{"camera": "panda/workspace"}'])
def test_weights_that_do_not_say(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / FILE).write_text(content)
    with pytest.raises(EmbodimentError, match=FILE):
        read_embodiment(tmp_path)
