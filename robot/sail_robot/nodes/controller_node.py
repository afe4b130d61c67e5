"""The controller's node: at a fixed rate it turns the newest plan, or a policy, into commands (acting.py)."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Float64MultiArray, String

from sail.data.crop import crop
from sail.errors import SailError
from sail.types import Float32, UInt8
from sail_robot.acting import (
    Decider,
    Follower,
    TimedPlan,
    load_dynamics,
    load_exported_dynamics,
    load_exported_policy,
)
from sail_robot.durations import Durations
from sail_robot.end_effector import EndEffector, check_weights
from sail_robot.messages import joint_values, opening, pixels, planned_frames, pose_values, seconds_of
from sail_robot.nodes.managed_node import CAMERA, LATCHED, NEWEST, SENSOR, ManagedNode, run
from sail_robot.outputs import ArmState
from sail_robot.robot_file import NO_GRIPPER, read_robot


class ControllerNode(ManagedNode):
    """Topics in: image, joint_states, hand_pose, plan, attempt; with a policy, prompt instead of plan.
    Topics out: command, gripper; with a policy, model.

    Without an attempt (topic `attempt`; parameter `always` stands for one) or without a plan for now, the
    controller asks for standstill.
    """

    def __init__(self) -> None:
        super().__init__("controller")

    def declare(self) -> None:
        """Parameters."""
        self.declare_parameter("limits", "")
        self.declare_parameter("output", "twist")
        self.declare_parameter("base", "panda")
        self.declare_parameter("exported", "")
        self.declare_parameter("policy", "")
        self.declare_parameter("prompt", "")
        self.declare_parameter("compressed", False)
        self.declare_parameter("always", False)
        self.declare_parameter("follow", 4)
        self.declare_parameter("robot_description", "")

    def configure(self) -> None:
        """Load the policy, or inverse dynamics."""
        self._robot = read_robot(Path(self.text("limits")))
        self._embodiment = self._robot.embodiment
        self._hand = EndEffector(self._embodiment)
        self._output, self._commands = self.output(self._robot)
        self._acts = self._load_policy() if self.text("policy") else self._load()
        self._output.prepare(self.text("robot_description"))

    def _load_policy(self) -> Decider:
        folder = self.text("policy")
        policy, embodiment = load_exported_policy(folder)
        check_weights(embodiment, folder, self._embodiment)
        self._model = policy.identity
        return Decider(policy, self.text("prompt"), self._embodiment.control_seconds)

    def _load(self) -> Follower:
        exported, base = self.text("exported"), self.text("base")
        if exported:
            model, embodiment = load_exported_dynamics(exported)
        else:
            import torch  # not needed, and not loaded, for an exported model

            torch.set_num_threads(1)
            model, embodiment = load_dynamics(base)
        arm = self._embodiment
        check_weights(embodiment, exported or f"base '{base}'", arm)
        return Follower(model, arm.control_seconds, arm.frame_skip, int(self.number("follow")))

    def begin(self) -> None:
        """Open everything."""
        self._acts.forget(-np.inf)
        self._output.forget()
        self._frame: UInt8 | None = None
        self._arm = ArmState()
        self._opening = 0.0 if self._robot.gripper.joint == NO_GRIPPER else np.nan
        self._attempt = False
        self._jitter = Durations()
        self._beat: float | None = None
        self._complaint: str | None = None
        self._command = self.publisher(self._commands.message, "command", NEWEST)
        self._gripper = self.publisher(Float64MultiArray, "gripper", NEWEST)
        self.subscribe(self.images(), "image", self._on_image, CAMERA)
        self.subscribe(JointState, "joint_states", self._on_joints, SENSOR)
        self.subscribe(PoseStamped, "hand_pose", self._on_hand, SENSOR)
        if isinstance(self._acts, Follower):
            self.subscribe(Image, "plan", self._on_plan, NEWEST)
        else:
            self.subscribe(String, "prompt", self._on_prompt, LATCHED)
            identity = self.publisher(String, "model", LATCHED)
            identity.publish(String(data=self._model))
        self.subscribe(Bool, "attempt", self._on_attempt, LATCHED)
        self.every(self._embodiment.control_seconds, self._control)
        self.every(1.0, self._tell)

    def _on_image(self, message: Any) -> None:
        try:
            arm = self._embodiment
            self._frame, self._complaint = crop(pixels(message), arm.height, arm.width), None
        except SailError as error:
            self._complain(str(error))

    def _on_joints(self, message: JointState) -> None:
        if all(name in message.name for name in self._robot.joint_names):
            self._arm.joints = joint_values(message, self._robot.joint_names)
        if self._robot.gripper.joint in message.name:
            self._opening = opening(message, self._robot.gripper)

    def _on_hand(self, message: PoseStamped) -> None:
        self._arm.position, self._arm.orientation = pose_values(message)

    def _on_plan(self, message: Image) -> None:
        try:
            frames = planned_frames(message, self._embodiment.height, self._embodiment.width)
        except SailError as error:
            self._complain(str(error))
            return
        assert isinstance(self._acts, Follower)
        self._acts.take(TimedPlan(frames, seconds_of(message.header.stamp)))

    def _on_prompt(self, message: String) -> None:
        assert isinstance(self._acts, Decider)
        try:
            self._acts.ask(message.data)
        except SailError as error:
            self._complain(str(error))

    def _on_attempt(self, message: Bool) -> None:
        if message.data and not self._attempt:
            self._acts.forget(self.seconds())
        self._attempt = bool(message.data)

    def _tell(self) -> None:
        if self._attempt and not self.count_publishers(self.resolve_topic_name("attempt")):
            # Nobody is left to end the attempt.
            self._attempt = False
            self._complain("the recorder is gone in the middle of an attempt")
        self.tell(
            self._complaint,
            {"attempt": self._attempt or self.flag("always"), "jitter_p99": self._jitter.p99()},
        )

    def _control(self) -> None:
        beat = time.monotonic()
        if self._beat is not None:
            self._jitter.add(abs(beat - self._beat - self._embodiment.control_seconds))
        self._beat = beat
        now, action = self.seconds(), None
        on = self._attempt or self.flag("always")
        if on and self._frame is not None and self._arm.position is not None:
            felt = self._hand.proprioception(self._arm.position, self._arm.orientation, self._opening)
            if np.isfinite(felt).all():
                action = self._acts.act(now, self._frame, felt)
            elif np.isfinite(self._opening):
                self.get_logger().error(
                    "the hand's pose holds a number that is none, or no orientation",
                    throttle_duration_sec=5.0,
                )
        self._send(now, action)

    def _send(self, now: float, action: Float32 | None) -> None:
        """Send an action, (A,) in -1..1: the hand's motion and the gripper. None is standstill."""
        robot, seconds = self._robot, self._embodiment.control_seconds
        motion = None if action is None else self._hand.motion(action)
        values = self._output.command(None if motion is None else motion.hand, seconds, self._arm)
        if values is not None:
            self._command.publish(self._commands.write(values, now, robot.frame, robot.joint_names, seconds))
        if motion is not None and motion.opening is not None:
            self._gripper.publish(Float64MultiArray(data=[robot.gripper.open * motion.opening]))

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            self.get_logger().error(complaint)
        self._complaint = complaint


def main() -> None:
    """The node's process."""
    run(ControllerNode)


if __name__ == "__main__":
    main()
