"""Each kind of command: what the controller sends, what the guard reads and sends, how the arm follows."""

import ast
from pathlib import Path

import numpy as np
import pytest

from sail_robot.guard import Order
from sail_robot.kinematics import KinematicsError
from sail_robot.outputs import OUTPUTS, ArmState, JointTrajectoryOutput, OutputError, PoseOutput, make_output
from sail_robot.robot_file import read_robot

ROOT = Path(__file__).parents[2]
PANDA = read_robot(ROOT / "robot" / "config" / "panda.yaml")
HAND, HELD = [0.5, 0.0, 0.3], [1.0, 0.0, 0.0, 0.0]
ANGLES = [0.0, 0.3, 0.0, -2.2, 0.0, 1.0, 0.0]
ARM = ArmState(HAND, HELD, ANGLES)
SECONDS, STEP = PANDA.embodiment.control_seconds, PANDA.embodiment.step_length
MOTION = np.array([0.0, STEP, 0.0, 0.0, 0.0, 0.0])
ORDER = Order(np.arange(6.0), np.arange(6.0) + 10.0, None, False)


class Arm:
    """A simulated arm that keeps what it is asked to do."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[float]]] = []

    def move(self, velocity: np.ndarray) -> None:
        self.asked.append(("move", velocity.tolist()))

    def go_to(self, position: np.ndarray, orientation: np.ndarray) -> None:
        self.asked.append(("go_to", [*position, *orientation]))

    def turn_to(self, joints: np.ndarray) -> None:
        self.asked.append(("turn_to", joints.tolist()))


def test_an_output_is_found_by_its_name_and_the_launch_file_offers_all() -> None:
    assert [make_output(name, PANDA).name for name in OUTPUTS] == list(OUTPUTS)
    with pytest.raises(OutputError, match="output is 'torque': choose one of twist, pose, joint_trajectory"):
        make_output("torque", PANDA)
    source = ast.parse((ROOT / "launch" / "deploy.launch.py").read_text())
    assigned = {
        node.targets[0].id: node.value
        for node in source.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    assert ast.literal_eval(assigned["OUTPUTS"]) == tuple(OUTPUTS)


def test_a_twist_is_a_velocity_and_needs_no_state() -> None:
    twist = make_output("twist", PANDA)
    assert twist.command(None, SECONDS, ArmState()) == pytest.approx([0.0] * 6)
    assert twist.command(MOTION, SECONDS, ArmState()) == pytest.approx([0, 0.2, 0, 0, 0, 0])


def test_a_pose_goes_on_from_where_the_hand_was_led_unless_it_lags_behind() -> None:
    pose = PoseOutput(PANDA)
    assert pose.command(MOTION, SECONDS, ArmState()) is None
    for steps in (1, 2, 3):
        command = pose.command(MOTION, SECONDS, ARM)
        assert command == pytest.approx([0.5, STEP * steps, 0.3, *HELD])
    assert pose.command(None, SECONDS, ARM) == pytest.approx([0.5, 0.03, 0.3, *HELD])
    behind = ArmState([0.5, -0.001, 0.3], HELD, ANGLES)
    assert pose.command(None, SECONDS, behind) == pytest.approx([0.5, -0.001, 0.3, *HELD])
    pose.command(MOTION, SECONDS, behind)
    pose.forget()
    assert pose.command(None, SECONDS, ARM) == pytest.approx([*HAND, *HELD])


def test_joints_stand_still_where_they_were_led_unless_they_lag_behind() -> None:
    joints = JointTrajectoryOutput(PANDA)
    joints.prepare("simulated")
    assert joints.command(None, SECONDS, ArmState(HAND, HELD)) is None
    assert joints.command(None, SECONDS, ARM) == pytest.approx(ANGLES)
    led = joints.command(MOTION, SECONDS, ARM)
    assert led is not None and 1e-3 < np.abs(np.array(led) - ANGLES).max() < 0.1
    assert joints.command(None, SECONDS, ARM) == pytest.approx(led)
    behind = ArmState(HAND, HELD, [angle - 0.2 for angle in ANGLES])
    assert joints.command(None, SECONDS, behind) == pytest.approx(behind.joints)
    with pytest.raises(KinematicsError, match="give its path as robot_description"):
        joints.prepare("")
    with pytest.raises(KinematicsError, match=r"cannot read nowhere\.urdf"):
        joints.prepare("nowhere.urdf")


@pytest.mark.parametrize(
    ("name", "command", "wanted", "measured", "ordered"),
    [
        ("twist", [*range(6)], [0, 1, 2, 3, 4, 5], [*HAND, 0, 0, 0], [0, 1, 2, 3, 4, 5]),
        ("pose", [1, 2, 3, *HELD], [1, 2, 3, 0, 0, 0], [*HAND, 0, 0, 0], [10, 11, 12, *HELD]),
        ("joint_trajectory", ANGLES, ANGLES, ANGLES, [10, 11, 12, 13, 14, 15]),
    ],
)
def test_what_the_guard_reads_and_sends(
    name: str, command: list[float], wanted: list[float], measured: list[float], ordered: list[float]
) -> None:
    output = make_output(name, PANDA)
    assert output.wanted(command) == wanted
    assert output.measured(HAND, HELD, ANGLES) == measured
    assert list(output.ordered(ORDER, HELD)) == ordered
    in_joints = name == "joint_trajectory"
    assert output.limits is (PANDA.joints if in_joints else PANDA.hand)
    assert output.step == (PANDA.joint_step if in_joints else PANDA.step)
    assert (output.kind, output.limits_hand) == ("velocity" if name == "twist" else "position", not in_joints)


def test_the_simulated_arm_follows() -> None:
    arm = Arm()
    commands = {"twist": [1, 2, 3, 4, 5, 6], "pose": [1, 2, 3, *HELD], "joint_trajectory": ANGLES}
    for name, command in commands.items():
        make_output(name, PANDA).follow(arm, command)  # type: ignore[arg-type]
    done = ("move", "go_to", "turn_to")
    assert arm.asked == list(zip(done, commands.values(), strict=True))
