"""The controller at a fixed rate: inverse dynamics towards the frames of the newest plan (following.py), or a
policy, that needs no plan (deciding.py)."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from numpy.typing import NDArray
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Float64MultiArray, String

from sail.errors import SailError
from sail.types import FRAME_SIZE, FRAME_SKIP, Float32, UInt8
from sail_envs.panda.arm import CONTROL_SECONDS, STEP_LENGTH, arm_scene, compile_model
from sail_robot.acting import (
    Decider,
    Follower,
    TimedPlan,
    load_dynamics,
    load_exported_dynamics,
    load_exported_policy,
)
from sail_robot.durations import Durations
from sail_robot.kinematics import Kinematics, KinematicsError, model_of_urdf
from sail_robot.messages import (
    joint_values,
    opening,
    pixels,
    planned_frames,
    pose_message,
    pose_values,
    seconds_of,
    square,
    trajectory_message,
    twist_message,
)
from sail_robot.nodes.managed_node import CAMERA, LATCHED, NEWEST, SENSOR, ManagedNode, run
from sail_robot.robot_file import check_fit, read_limits

# Radians by which a joint may lag behind before it is led from where it is.
_BEHIND = 0.1
# The robot_description of the simulated arm, whose model comes with it.
SIMULATED = "simulated"


class ControllerNode(ManagedNode):
    """Topics in: image, joint_states, hand_pose, plan, attempt; with a policy, prompt instead of plan. Out:
    command, gripper; with a policy, model.

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
        self.declare_parameter("exported", "")
        self.declare_parameter("policy", "")
        self.declare_parameter("prompt", "")
        self.declare_parameter("compressed", False)
        self.declare_parameter("always", False)
        self.declare_parameter("follow", 4)
        self.declare_parameter("robot_description", "")

    def configure(self) -> None:
        """Load what acts."""
        self._robot = read_limits(Path(self.text("limits")))
        self._output, self._kind = self.output()
        self._acts = self._load_policy() if self.text("policy") else self._load()
        if self._output == "joint_trajectory":
            self._kinematics = self._read_kinematics()

    def _load_policy(self) -> Decider:
        folder = self.text("policy")
        policy, embodiment = load_exported_policy(folder)
        check_fit(embodiment, self._robot.camera, folder)
        self._model = policy.identity
        return Decider(policy, self.text("prompt"), CONTROL_SECONDS)

    def _load(self) -> Follower:
        exported, base = self.text("exported"), self.text("base")
        if exported:
            model, embodiment = load_exported_dynamics(exported)
        else:
            import torch  # which an exported model is without

            torch.set_num_threads(1)
            model, embodiment = load_dynamics(base)
        check_fit(embodiment, self._robot.camera, exported or f"base '{base}'")
        return Follower(model, CONTROL_SECONDS, FRAME_SKIP, int(self.number("follow")))

    def begin(self) -> None:
        """Open everything."""
        self._acts.forget(-np.inf)
        self._frame: UInt8 | None = None
        self._position: list[float] | None = None
        self._orientation: list[float] = []
        self._opening = 0.0 if self._robot.gripper.joint == "none" else np.nan
        self._joints: list[float] | None = None
        self._target: NDArray[np.float64] | None = None
        self._attempt = False
        self._jitter = Durations()
        self._beat: float | None = None
        self._complaint: str | None = None
        self._command = self.publisher(self._kind, "command", NEWEST)
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
        self.every(CONTROL_SECONDS, self._control)
        self.every(1.0, self._tell)

    def _on_image(self, message: Any) -> None:
        try:
            self._frame, self._complaint = square(pixels(message), FRAME_SIZE), None
        except SailError as error:
            self._complain(str(error))

    def _on_joints(self, message: JointState) -> None:
        if all(name in message.name for name in self._robot.joint_names):
            self._joints = joint_values(message, self._robot.joint_names)
        if self._robot.gripper.joint in message.name:
            self._opening = opening(message, self._robot.gripper)

    def _on_hand(self, message: PoseStamped) -> None:
        self._position, self._orientation = pose_values(message)

    def _on_plan(self, message: Image) -> None:
        try:
            frames = planned_frames(message)
        except SailError as error:
            self._complain(str(error))
            return
        if frames.shape[1] != FRAME_SIZE:
            self._complain(
                f"a plan has frames of {frames.shape[1]} pixels, inverse dynamics wants {FRAME_SIZE}"
            )
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
            # Who began the attempt cannot end it any more.
            self._attempt = False
            self._complain("the recorder is gone in the middle of an attempt")
        self.tell(
            self._complaint,
            {"attempt": self._attempt or self.flag("always"), "jitter_p99": self._jitter.p99()},
        )

    def _control(self) -> None:
        beat = time.monotonic()
        if self._beat is not None:
            self._jitter.add(abs(beat - self._beat - CONTROL_SECONDS))
        self._beat = beat
        now, action = self.seconds(), None
        on = self._attempt or self.flag("always")
        if on and self._frame is not None and self._position is not None:
            arm = np.array([*self._position, self._opening], np.float32)
            if np.isfinite(arm).all():
                action = self._acts.act(now, self._frame, arm)
        self._send(now, action)

    def _send(self, now: float, action: Float32 | None) -> None:
        """An action (4,) as the arm's controller takes it; None is standstill."""
        motion = np.zeros(3) if action is None else STEP_LENGTH * action[:3].astype(np.float64)
        frame = self._robot.frame
        if self._output == "twist":
            self._command.publish(twist_message([*(motion / CONTROL_SECONDS), 0.0, 0.0, 0.0], now, frame))
        elif self._output == "pose" and self._position is not None:
            target = self._lead(self._position, 3 * STEP_LENGTH)
            self._target = target + motion
            self._command.publish(pose_message(self._target, self._orientation, now, frame))
        elif self._output == "joint_trajectory" and self._joints is not None:
            names, target = self._robot.joint_names, self._lead(self._joints, _BEHIND)
            if target is not self._target:
                self._kinematics.start(target)
            self._target = target if action is None else self._kinematics.step(motion, CONTROL_SECONDS)
            self._command.publish(trajectory_message(names, self._target, now, CONTROL_SECONDS, frame))
        if action is not None and self._robot.gripper.joint != "none":
            finger = self._robot.gripper.open * (1.0 - float(action[3])) / 2.0
            self._gripper.publish(Float64MultiArray(data=[finger]))

    def _lead(self, measured: Sequence[float], behind: float) -> NDArray[np.float64]:
        """From where a position goes on: from where the arm was led, as long as it follows; else from where
        it is."""
        at = np.asarray(measured, np.float64)
        if self._target is None or np.abs(self._target - at).max() > behind:
            return at
        return self._target

    def _read_kinematics(self) -> Kinematics:
        path, robot = self.text("robot_description"), self._robot
        if not path:
            raise KinematicsError("joint_trajectory needs the arm's URDF: give its path as robot_description")
        if path == SIMULATED:
            names = [name.replace("panda_", "robot:panda0_") for name in robot.joint_names]
            return Kinematics(compile_model(arm_scene()), names, "end_effector", "site")
        try:
            urdf = Path(path).read_text()
        except OSError as error:
            raise KinematicsError(f"cannot read {path}: {error.strerror}") from error
        return Kinematics(model_of_urdf(urdf), robot.joint_names, robot.hand_link, "body")

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            self.get_logger().error(complaint)
        self._complaint = complaint


def main() -> None:
    """The node's process."""
    run(ControllerNode)


if __name__ == "__main__":
    main()
