"""The controller: inverse dynamics at a fixed rate, towards the frames of the newest plan (following.py)."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Bool, Float64MultiArray

from sail.agent import FRAME_SIZE, load_base
from sail.rollout import FRAME_SKIP
from sail.types import Float32, SailError, UInt8
from sail_robot.conversions import (
    joint_values,
    pixels,
    planned_frames,
    pose_message,
    pose_values,
    seconds_of,
    square,
    twist_message,
)
from sail_robot.following import Follower, TimedPlan
from sail_robot.guard_node import OUTPUTS, OutputError
from sail_robot.limits import read_limits
from sail_robot.managed_node import CAMERA, LATCHED, NEWEST, SENSOR, ManagedNode, run

# What the shipped inverse dynamics is trained for: the control step in seconds, and metres an action of 1.
CONTROL_SECONDS, STEP_LENGTH = 0.05, 0.01


class ControllerNode(ManagedNode):
    """Topics in: image, joint_states, hand_pose, plan, attempt. Out: command, gripper.

    As long as no attempt is on (`attempt`, unless `always` is set), or no plan says what to do, it asks for
    standstill.
    """

    def __init__(self) -> None:
        super().__init__("controller")

    def declare(self) -> None:
        """Parameters."""
        self.declare_parameter("limits", "")
        self.declare_parameter("output", "twist")
        self.declare_parameter("base", "panda")
        self.declare_parameter("compressed", False)
        self.declare_parameter("always", False)
        self.declare_parameter("follow", 4)

    def configure(self) -> None:
        """Load inverse dynamics."""
        torch.set_num_threads(1)
        self._robot = read_limits(Path(self.text("limits")))
        self._output = self.text("output")
        if self._output not in OUTPUTS:
            raise OutputError(f"output is '{self._output}': choose one of {', '.join(OUTPUTS)}")
        self._inverse_dynamics = load_base(self.text("base")).inverse_dynamics

    def begin(self) -> None:
        """Open everything."""
        self._follower = Follower(
            self._inverse_dynamics, CONTROL_SECONDS, FRAME_SKIP, int(self.number("follow"))
        )
        self._frame: UInt8 | None = None
        self._position: list[float] | None = None
        self._orientation: list[float] = []
        self._opening = 0.0 if self._robot.gripper.joint == "none" else np.nan
        self._target: Float32 | None = None
        self._on = self.flag("always")
        self._complaint: str | None = None
        self._command = self.publisher(OUTPUTS[self._output], "command", NEWEST)
        self._gripper = self.publisher(Float64MultiArray, "gripper", NEWEST)
        self.subscribe(
            CompressedImage if self.flag("compressed") else Image, "image", self._on_image, CAMERA
        )
        self.subscribe(JointState, "joint_states", self._on_joints, SENSOR)
        self.subscribe(PoseStamped, "hand_pose", self._on_hand, SENSOR)
        self.subscribe(Image, "plan", self._on_plan, NEWEST)
        self.subscribe(Bool, "attempt", self._on_attempt, LATCHED)
        self.every(CONTROL_SECONDS, self._control)
        self.every(1.0, lambda: self.tell(self._complaint, {"attempt": self._on}))

    def _on_image(self, message: Any) -> None:
        try:
            self._frame, self._complaint = square(pixels(message), FRAME_SIZE), None
        except SailError as error:
            self._complain(str(error))

    def _on_joints(self, message: JointState) -> None:
        gripper = self._robot.gripper
        if gripper.joint == "none" or gripper.joint not in message.name:
            return
        self._opening = joint_values(message, [gripper.joint])[0] / gripper.open

    def _on_hand(self, message: PoseStamped) -> None:
        self._position, self._orientation = pose_values(message)

    def _on_plan(self, message: Image) -> None:
        try:
            frames = planned_frames(message)
        except SailError as error:
            self._complain(str(error))
            return
        if frames.shape[1] != FRAME_SIZE:
            self._complain(f"a plan has frames of {frames.shape[1]} pixels, inverse dynamics wants {FRAME_SIZE}")
            return
        self._follower.take(TimedPlan(frames, seconds_of(message.header.stamp)))

    def _on_attempt(self, message: Bool) -> None:
        if message.data and not self._on:
            self._follower.forget(self.seconds())
        self._on = bool(message.data) or self.flag("always")

    def _control(self) -> None:
        now, action = self.seconds(), None
        if self._on and self._frame is not None and self._position is not None:
            arm = np.array([*self._position, self._opening], np.float32)
            if np.isfinite(arm).all():
                action = self._follower.act(now, self._frame, arm)
        self._send(now, action)

    def _send(self, now: float, action: Float32 | None) -> None:
        """An action (4,) as the arm's controller takes it; None is standstill."""
        motion = np.zeros(3, np.float32) if action is None else action[:3]
        frame = self._robot.frame
        if self._output == "twist":
            speed = STEP_LENGTH / CONTROL_SECONDS
            self._command.publish(twist_message([*(speed * motion), 0.0, 0.0, 0.0], now, frame))
        elif self._output == "pose" and self._position is not None:
            at = np.asarray(self._position, np.float32)
            # From where the arm is led, as long as it follows.
            if self._target is None or action is None or np.abs(self._target - at).max() > 3 * STEP_LENGTH:
                self._target = at
            self._target = self._target + STEP_LENGTH * motion
            self._command.publish(pose_message(self._target, self._orientation, now, frame))
        if action is not None and self._robot.gripper.joint != "none":
            opening = self._robot.gripper.open * (1.0 - float(action[3])) / 2.0
            self._gripper.publish(Float64MultiArray(data=[opening]))

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            self.get_logger().error(complaint)
        self._complaint = complaint


def main() -> None:
    """The node's process."""
    run(ControllerNode)


if __name__ == "__main__":
    main()
