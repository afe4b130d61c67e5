"""Every kind of command moves the simulated arm through the guard, over DDS, and no further than it may."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's wheels are there for Python 3.11 on Linux alone")

from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import Trigger

from sail_robot.messages import (
    COMMANDS,
    joint_values,
    plan_message,
    pose_message,
    pose_values,
    trajectory_message,
    twist_message,
)
from sail_robot.nodes.arm_processes import ArmProcesses
from sail_robot.nodes.managed_node import NEWEST, SENSOR
from sail_robot.outputs import OUTPUTS

pytestmark = pytest.mark.alone

PANDA = Path(__file__).parents[2] / "robot" / "config" / "panda.yaml"
FRAME = "panda_link0"
JOINTS = tuple(f"panda_joint{number}" for number in range(1, 8))
NONE = ("controller", "planner", "episode")


@pytest.mark.parametrize("output", sorted(OUTPUTS))
def test_what_is_commanded_is_done(output: str, tmp_path: Path) -> None:
    changes = {**dict.fromkeys(NONE), "guard": {"output": output}, "sim_arm": {"output": output}}
    with ArmProcesses(
        "cups-green", tmp_path, PANDA, speed=0.7, changes=changes, domain=53, ready=False
    ) as arm:
        operator = arm.operator
        last: dict[str, list[float]] = {}
        operator.create_subscription(
            PoseStamped, "hand_pose", lambda m: last.update(hand=pose_values(m)[0]), SENSOR
        )
        operator.create_subscription(
            JointState, "joint_states", lambda m: last.update(joints=joint_values(m, JOINTS)), SENSOR
        )
        plans = operator.create_publisher(Image, "plan", NEWEST)
        commands = operator.create_publisher(COMMANDS[output].message, "command", NEWEST)

        def drive(seconds: float, command: Callable[[float], object] | None) -> None:
            """Play planner and controller, at 20 Hz of the arm's clock."""
            begun = due = operator.now
            while operator.now < begun + seconds:
                operator.until(due)
                due = operator.now + 0.05
                plans.publish(plan_message(np.zeros((2, 8, 8, 3), np.uint8), operator.now, "camera"))
                if command is not None:
                    commands.publish(command(operator.now - begun))

        operator.wait(lambda: "hand" in last and "joints" in last and operator.now > 0.5, "the arm's state")
        drive(2.0, None)
        operator.wait(lambda: operator.status["guard"][0] == "ok", "the guard to let the arm move")
        start, joints = np.array(last["hand"]), np.array(last["joints"])
        turned = joints + np.array([0.15, 0, 0, 0, 0, 0, 0])

        def command(passed: float) -> object:
            now, share = operator.now, min(passed / 2.0, 1.0)
            if output == "twist":
                return twist_message([0.0, 0.04 * (passed < 2.0), 0.0, 0.0, 0.0, 0.0], now, FRAME)
            if output == "pose":
                return pose_message(
                    start + np.array([0.0, 0.08 * share, 0.0]), (1.0, 0.0, 0.0, 0.0), now, FRAME
                )
            return trajectory_message(JOINTS, joints + share * (turned - joints), now, 0.05, FRAME)

        drive(3.0, command)
        moved = np.array(last["hand"]) - start
        if output == "joint_trajectory":
            np.testing.assert_allclose(last["joints"], turned, atol=0.02)
        else:
            np.testing.assert_allclose(moved, [0.0, 0.08, 0.0], atol=0.015)
        # And what no arm should do is not done: a place a metre away, a speed of five metres a second.
        here = np.array(last["hand"])
        wild = {
            "twist": lambda: twist_message([0.0, 5.0, 0.0, 0.0, 0.0, 0.0], operator.now, FRAME),
            "pose": lambda: pose_message(
                here + np.array([0.0, 1.0, 0.0]), (1.0, 0.0, 0.0, 0.0), operator.now, FRAME
            ),
            "joint_trajectory": lambda: trajectory_message(JOINTS, turned + 1.0, operator.now, 0.05, FRAME),
        }[output]
        drive(0.2, lambda _: wild())
        # No faster than 0.25 m/s, while it brakes too.
        assert np.abs(np.array(last["hand"]) - here).max() < 0.25 * 0.6
        drive(0.5, None)
        # What was wild has been limited, or stopped where the hand would have left its box.
        assert operator.status["guard"][0] != "ok" or int(operator.status["guard"][1]["limited"]) > 0
        operator.call(Trigger, "guard/emergency_stop", Trigger.Request())
        time.sleep(0.2)
