"""The simulated arm's node: the Panda table top, with the topics, rates and joint names of a real arm."""

from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Float64MultiArray, String
from std_srvs.srv import Trigger

from sail.types import UInt8
from sail_robot.messages import (
    image_message,
    joint_message,
    pose_message,
    stamp_of,
)
from sail_robot.nodes.managed_node import LATCHED, NEWEST, SENSOR, ManagedNode, run
from sail_robot.robot_file import read_robot
from sail_robot.sim_arm import CameraFaults, SimArm

JOINTS = (*(f"panda_joint{number}" for number in range(1, 8)), "panda_finger_joint1", "panda_finger_joint2")
FRAME = "panda_link0"
# The clock's tick in seconds, and the ticks from one state and one camera frame to the next.
TICK, STATE_EVERY, FRAME_EVERY = 0.01, 2, 5


class SimArmNode(ManagedNode):
    """Topics in: arm_command (of the kind that `output` names), arm_gripper. Topics out: image, joint_states,
    hand_pose, outcome, /clock. Service ~/reset lays the table for the next attempt.

    This node publishes the clock of all nodes with use_sim_time, and must not use that clock itself. `speed`
    is the simulated clock's speed against the wall's; a busy machine is slower. `height` and `width` are the
    camera's, in pixels; 0 means the embodiment's in the robot file, `limits`. Faults to try while it runs:
    `camera` is live, silent, frozen or black; `joints` is live, silent, nan or misnamed; `latency` is the
    camera's, in seconds.
    """

    def __init__(self) -> None:
        super().__init__("sim_arm")

    def declare(self) -> None:
        """Parameters."""
        self.declare_parameter("limits", "")
        self.declare_parameter("task", "")
        self.declare_parameter("suite", "")
        self.declare_parameter("seed", 0)
        self.declare_parameter("output", "twist")
        self.declare_parameter("height", 0)
        self.declare_parameter("width", 0)
        self.declare_parameter("speed", 1.0)
        self.declare_parameter("latency", 0.0)
        self.declare_parameter("dropped", 0.0)
        self.declare_parameter("noise", 0.0)
        self.declare_parameter("camera", "live")
        self.declare_parameter("joints", "live")

    def configure(self) -> None:
        """Build the scene."""
        robot = read_robot(Path(self.text("limits")))
        self._output, self._commands = self.output(robot)
        height = int(self.number("height")) or robot.embodiment.height
        width = int(self.number("width")) or robot.embodiment.width
        faults = CameraFaults(self.number("dropped"), self.number("noise"))
        self._seed = int(self.number("seed"))
        self._arm = SimArm(self.text("task"), self._seed, height, width, TICK, faults, self.text("suite"))

    def begin(self) -> None:
        """Open everything, and start the clock."""
        self._ticks = 0
        self._clock_out = self.publisher(Clock, "/clock", NEWEST)
        self._image = self.publisher(Image, "image", SENSOR)
        self._joints = self.publisher(JointState, "joint_states", SENSOR)
        self._hand = self.publisher(PoseStamped, "hand_pose", SENSOR)
        self._outcome = self.publisher(String, "outcome", LATCHED)
        self._told = ""
        self._frame: UInt8 | None = None
        self.subscribe(self._commands.message, "arm_command", self._on_command, NEWEST)
        self.subscribe(Float64MultiArray, "arm_gripper", self._on_gripper, NEWEST)
        self.service(Trigger, "~/reset", self._on_reset)
        self.every(TICK / self.number("speed"), self._advance)

    def _on_command(self, message: Any) -> None:
        self._output.follow(self._arm, self._commands.read(message, JOINTS[:7]))

    def _on_gripper(self, message: Float64MultiArray) -> None:
        self._arm.grip(message.data[0])

    def _on_reset(self, _: Any, response: Any) -> Any:
        self._seed += 1
        self._arm.reset(self._seed)
        response.success, response.message = True, f"seed {self._seed}: {self._arm.prompt}"
        return response

    def _advance(self) -> None:
        arm = self._arm
        arm.advance()
        self._ticks += 1
        self._clock_out.publish(Clock(clock=stamp_of(arm.now)))
        if self._ticks % STATE_EVERY == 0:
            self._publish_state()
        if self._ticks % FRAME_EVERY == 0:
            arm.photograph()
        late = arm.fetch(self.number("latency"))
        if late is not None:
            self._publish_frame(*late)
        if arm.outcome != self._told:
            self._told = arm.outcome
            self._outcome.publish(String(data=self._told))

    def _publish_state(self) -> None:
        arm, mode = self._arm, self.text("joints")
        if mode == "silent":
            return
        names = [f"other_{name}" for name in JOINTS] if mode == "misnamed" else JOINTS
        joints = np.full(len(JOINTS), np.nan) if mode == "nan" else arm.joints
        self._joints.publish(joint_message(names, joints, arm.now))
        self._hand.publish(pose_message(*arm.hand, arm.now, FRAME))

    def _publish_frame(self, taken: float, frame: UInt8) -> None:
        mode = self.text("camera")
        if mode == "silent":
            return
        if mode == "live" or self._frame is None:
            self._frame = frame
        shown = np.zeros_like(frame) if mode == "black" else self._frame
        self._image.publish(image_message(shown, taken, "camera"))


def main() -> None:
    """The node's process."""
    run(SimArmNode)


if __name__ == "__main__":
    main()
