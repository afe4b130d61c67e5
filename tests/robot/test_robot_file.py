"""The robot file: what ships is read right, and whatever is wrong is one line that names it."""

from dataclasses import replace
from math import radians
from pathlib import Path
from typing import Any

import pytest
import yaml

from sail.embodiment import FILE, EmbodimentError, read_embodiment
from sail_envs.environment import TaskEnv
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_envs.panda.panda_tasks import EMBODIMENT
from sail_models.saving import find_base
from sail_robot.motion import LimitsError
from sail_robot.robot_file import MismatchError, check_embodiment, read_robot

CONFIG = Path(__file__).parents[2] / "robot" / "config"
EMBODIMENTS = {"metaworld": METAWORLD.embodiment, "panda": EMBODIMENT}
KNOWN = EMBODIMENTS["panda"]
PANDA = yaml.safe_load((CONFIG / "panda.yaml").read_text())


def written(folder: Path, changes: dict[str, Any]) -> Path:
    """The Panda's file with some keys changed (None: left out)."""
    tree = yaml.safe_load(yaml.safe_dump(PANDA))
    for key, value in changes.items():
        group, _, name = key.rpartition(".")
        inside = tree[group] if group else tree
        if value is None:
            del inside[name]
        else:
            inside[name] = value
    path = folder / "robot.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_ships_is_read(path: Path) -> None:
    robot = read_robot(path)
    assert robot.arm == path.stem
    assert robot.joints.stop_seconds == robot.hand.stop_seconds <= 0.2
    assert len(robot.joint_names) == len(robot.joints.low)


def test_units_are_converted(tmp_path: Path) -> None:
    robot = read_robot(
        written(
            tmp_path,
            {"hand.low": ["300 mm", "-35 cm", "0.06 m"], "hand.turning": "20 deg/s", "watch.plan": "4500 ms"},
        )
    )
    assert robot.hand.low[:3] == pytest.approx((0.3, -0.35, 0.06))
    assert robot.hand.speed == pytest.approx((0.25, radians(20)))
    assert robot.watch.plan == pytest.approx(4.5)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"hand.speed": 0.25}, "hand.speed must be a number with its unit (m/s, mm/s), not 0.25"),
        ({"hand.speed": "0.25 m"}, "hand.speed must be a number with its unit"),
        ({"hand.speed": "fast"}, "hand.speed must be"),
        ({"hand.speed": "-1 m/s"}, "hand: speed has to be 2 positive numbers"),
        ({"hand.speed": "1 m/s"}, "no stop within 0.18 s"),
        ({"hand.low": ["0.8 m", "0 m", "0 m"]}, "hand: the range of axis 0 is empty"),
        ({"hand.low": ["0.3 m", "0 m"]}, "hand.low must be a list of 3 numbers with units"),
        (
            {"joints.low": [*PANDA["joints"]["low"][:6], "-170"]},
            "joints.low[6] must be a number with its unit",
        ),
        ({"joints.names": ["a"] * 7}, "holds a name twice"),
        ({"joints.names": "panda_joint1"}, "joints.names must be a list"),
        ({"watch.camera": "0 s"}, "watch.camera must be more than 0"),
        ({"watch.camera": None}, "watch.camera is missing"),
        ({"hand.sped": "1 m/s"}, "nobody knows hand.sped"),
        ({"hand": "none"}, "hand must hold 'key: value' lines"),
        ({"arm": 7}, "arm must be a text"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], line: str, tmp_path: Path) -> None:
    path = written(tmp_path, changes)
    with pytest.raises(LimitsError) as caught:
        read_robot(path)
    assert line in str(caught.value) and str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(LimitsError, match="cannot read"):
        read_robot(tmp_path / "robot.yaml")
    (tmp_path / "robot.yaml").write_text("arm: [")
    with pytest.raises(LimitsError, match="not valid YAML"):
        read_robot(tmp_path / "robot.yaml")
    (tmp_path / "robot.yaml").write_text("arm")
    with pytest.raises(LimitsError, match="the file must hold"):
        read_robot(tmp_path / "robot.yaml")


def test_the_shipped_weights_say_what_they_are() -> None:
    check_embodiment(read_embodiment(find_base("panda")), "panda/workspace", "base 'panda'")
    for name, scenes in (("panda", "panda"), ("base", "metaworld")):
        assert read_embodiment(find_base(name)) == EMBODIMENTS[scenes]


@pytest.mark.parametrize(("scenes", "task"), [("metaworld", "reach"), ("panda", "cups-red")])
def test_a_control_step_takes_as_long_as_is_said(scenes: str, task: str) -> None:
    env = TaskEnv(task, height=32, width=32)
    assert env.embodiment.control_seconds == pytest.approx(EMBODIMENTS[scenes].control_seconds)
    family, _, camera = EMBODIMENTS[scenes].camera.partition("/")
    assert family == scenes and env.camera == camera
    env.close()


def test_other_cameras_and_actions_are_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(replace(KNOWN, camera="lab/left").as_json())
    left = read_embodiment(tmp_path)
    check_embodiment(left, "lab/left", "it")
    with pytest.raises(MismatchError, match="knows the camera 'lab/left', the robot's is 'panda/workspace'"):
        check_embodiment(left, "panda/workspace", "it")
    with pytest.raises(MismatchError, match=r"actions of 0.01 m in 0.1 s, not 0.01 m in 0.05 s"):
        check_embodiment(replace(KNOWN, control_seconds=0.1), "panda/workspace", "it")


@pytest.mark.parametrize("content", [None, "{", "[]", '{"camera": "panda/workspace"}'])
def test_weights_that_do_not_say(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / FILE).write_text(content)
    with pytest.raises(EmbodimentError, match=FILE):
        read_embodiment(tmp_path)
