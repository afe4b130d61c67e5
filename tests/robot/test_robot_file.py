"""The robot file: what ships is read right, and whatever is wrong is one line that names it."""

from math import radians
from pathlib import Path
from typing import Any

import pytest
import yaml

from sail.embodiment import FILE, EmbodimentError, read_embodiment
from sail_envs.environment import TaskEnv
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_envs.panda.panda_tasks import EMBODIMENT
from sail_robot.motion import LimitsError
from sail_robot.robot_file import read_robot

from arms import PANDA as FILE_OF_PANDA
from arms import TURNING, robot_file

EMBODIMENTS = {"metaworld": METAWORLD.embodiment, "panda": EMBODIMENT}
PANDA = yaml.safe_load(FILE_OF_PANDA.read_text())


@pytest.mark.parametrize("path", sorted(FILE_OF_PANDA.parent.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_ships_is_read(path: Path) -> None:
    robot = read_robot(path)
    assert robot.arm == path.stem
    assert robot.joints.stop_seconds == robot.hand.stop_seconds <= 0.2
    assert len(robot.joint_names) == len(robot.joints.low)
    assert robot.embodiment.camera == EMBODIMENT.camera
    named = [one.name for one in robot.embodiment.actions]
    assert named == ["x", "y", "z", *(["gripper"] if robot.gripper.joint != "none" else [])]


def test_units_are_converted(tmp_path: Path) -> None:
    robot = read_robot(
        robot_file(
            tmp_path,
            {"hand.low": ["300 mm", "-35 cm", "0.06 m"], "hand.turning": "20 deg/s", "watch.plan": "4500 ms"},
        )
    )
    assert robot.hand.low[:3] == (0.3, -0.35, 0.06)
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
        ({"hand.step": "1e9999 m"}, "hand.step must be a number with its unit"),
        ({"embodiment": None}, "embodiment is missing"),
        ({"camera": "lab/left"}, "nobody knows camera"),
        ({"embodiment.height": "64 px"}, "embodiment.height must be a whole number from 1, not '64 px'"),
        ({"embodiment.width": 0}, "embodiment.width must be a whole number from 1, not 0"),
        ({"embodiment.frame_skip": True}, "embodiment.frame_skip must be a whole number"),
        (
            {"embodiment.control_period": 0.05},
            "embodiment.control_period must be a number with its unit (s, ms)",
        ),
        ({"embodiment.displacement": "0 mm"}, "embodiment.displacement must be more than 0"),
        ({"embodiment.turn": "90 deg"}, "embodiment.turn must be 0 deg, or more and less than 90 deg"),
        ({"embodiment.turn": "-1 deg"}, "embodiment.turn must be 0 deg, or more"),
        ({"embodiment.orientation": "euler"}, "'euler': choose one of none, axis-angle, 6-D"),
        ({"embodiment.low": ["1 m", "0 m", "0 m"]}, "dimension x has the range 1 to 0.3"),
        ({"embodiment.fps": 20}, "nobody knows embodiment.fps"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], line: str, tmp_path: Path) -> None:
    path = robot_file(tmp_path, changes)
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


@pytest.mark.parametrize(("scenes", "task"), [("metaworld", "reach"), ("panda", "cups-red")])
def test_a_control_step_takes_as_long_as_is_said(scenes: str, task: str) -> None:
    env = TaskEnv(task, height=32, width=32)
    assert env.embodiment.control_seconds == pytest.approx(EMBODIMENTS[scenes].control_seconds)
    family, _, camera = EMBODIMENTS[scenes].camera.partition("/")
    assert family == scenes and env.camera == camera
    env.close()


@pytest.mark.parametrize("content", [None, "{", "[]", '{"camera": "panda/workspace"}'])
def test_weights_that_do_not_say(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / FILE).write_text(content)
    with pytest.raises(EmbodimentError, match=FILE):
        read_embodiment(tmp_path)


def test_the_pandas_file_says_what_the_simulated_panda_is() -> None:
    assert read_robot(FILE_OF_PANDA).embodiment == EMBODIMENT


def test_an_embodiment_of_ones_own(tmp_path: Path) -> None:
    robot = read_robot(robot_file(tmp_path, TURNING))
    arm = robot.embodiment
    assert (arm.height, arm.width, arm.control_seconds, arm.frame_skip, arm.plan_frames) == (
        48,
        64,
        0.1,
        4,
        6,
    )
    assert [(one.name, one.high) for one in arm.actions] == [
        *((axis, 0.02) for axis in "xyz"),
        *((f"turn_{axis}", 0.05) for axis in "xyz"),
        ("gripper", 1.0),
    ]
    # Without a range of its own, the position's is the hand's box.
    ranges = [(one.low, one.high) for one in arm.proprioception[:3]]
    assert ranges == list(zip(robot.hand.low[:3], robot.hand.high[:3], strict=True))
    assert [one.kind for one in arm.proprioception[3:]] == ["rotation"] * 6 + ["gripper"]
    felt = {"embodiment.orientation": "axis-angle", "gripper.joint": "none"}
    arm = read_robot(robot_file(tmp_path, {**TURNING, **felt})).embodiment
    assert len(arm.actions) == 6 and [one.unit for one in arm.proprioception] == ["m"] * 3 + ["rad"] * 3
