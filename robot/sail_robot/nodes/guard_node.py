"""The guard's node: between controller and arm, it has the last word (its logic: guard.py, motion.py)."""

import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger

from sail.errors import SailError
from sail_robot.camera_watch import CameraWatch
from sail_robot.durations import Durations
from sail_robot.guard import Guard
from sail_robot.messages import glance, joint_values, pose_values, seconds_of
from sail_robot.nodes.managed_node import CAMERA, NEWEST, SENSOR, ManagedNode, run
from sail_robot.robot_file import read_robot

# Seconds between two diagnostics, and between two searches for a second planner or controller.
_TELLING = 0.5
# Hand poses that are remembered, a second or more: an image arrives later than it was taken.
_REMEMBERED = 1000


class GuardNode(ManagedNode):
    """Topics in: command, gripper, image, joint_states, hand_pose, plan.
    Topics out: arm_command, arm_gripper.

    Service ~/emergency_stop stops the arm. Service ~/clear lets it move again. With `dry_run` the arm is sent
    nothing. `rate` is in cycles a second. `planned` is false where a policy acts without plans.
    """

    def __init__(self) -> None:
        super().__init__("guard")

    def declare(self) -> None:
        """Parameters."""
        self.declare_parameter("limits", "")
        self.declare_parameter("output", "twist")
        self.declare_parameter("rate", 50.0)
        self.declare_parameter("compressed", False)
        self.declare_parameter("dry_run", False)
        self.declare_parameter("planned", True)

    def configure(self) -> None:
        """Read the robot's limits."""
        self._robot = read_robot(Path(self.text("limits")))
        self._output, self._commands = self.output(self._robot)
        self._dry = self.flag("dry_run")
        self._cycle_seconds = 1.0 / self.number("rate")

    def begin(self) -> None:
        """Open everything. Nothing is sent before camera, joint states and plan have been heard."""
        robot, output = self._robot, self._output
        output.forget()
        self._guard = Guard(
            output.limits,
            robot.watch if self.flag("planned") else replace(robot.watch, plan=None),
            self._cycle_seconds,
            robot.frame,
            output.kind,
            output.step,
        )
        self._camera, self._took = CameraWatch(), Durations()
        self._joints: tuple[float, list[float]] | None = None
        self._hands: deque[tuple[float, list[float]]] = deque(maxlen=_REMEMBERED)
        # The one that the hand holds, where nothing turns it, and the newest.
        self._orientation: list[float] = []
        self._measured: list[float] = []
        self._told: str | None = None
        kind = self._commands.message
        self._arm = self.publisher(kind, "arm_command", NEWEST)
        self._fingers = self.publisher(Float64MultiArray, "arm_gripper", NEWEST)
        self.subscribe(kind, "command", self._on_command, NEWEST)
        self.subscribe(Float64MultiArray, "gripper", self._on_gripper, NEWEST)
        self.subscribe(self.images(), "image", self._on_image, CAMERA)
        self.subscribe(JointState, "joint_states", self._on_joints, SENSOR)
        self.subscribe(PoseStamped, "hand_pose", self._on_hand, SENSOR)
        self.subscribe(Image, "plan", self._on_plan, NEWEST)
        self.service(Trigger, "~/emergency_stop", self._on_emergency_stop)
        self.service(Trigger, "~/clear", self._on_clear)
        self.every(self._cycle_seconds, self._cycle)
        self.every(_TELLING, self._tell)
        if self._dry:
            self.get_logger().warning("dry run: the arm is sent nothing")

    def _on_command(self, message: Any) -> None:
        try:
            values = self._output.wanted(self._commands.read(message, self._robot.joint_names))
        except SailError as error:
            self._guard.stop(str(error))
            return
        self._guard.command(self.seconds(), message.header.frame_id, values)

    def _on_gripper(self, message: Float64MultiArray) -> None:
        values = np.asarray(message.data)
        if values.size != 1 or not np.isfinite(values).all():
            self._guard.stop("a gripper command that is not one number")
        elif self._guard.fault is None and not self._dry:
            opening = float(np.clip(values[0], 0.0, self._robot.gripper.open))
            self._fingers.publish(Float64MultiArray(data=[opening]))

    def _on_image(self, message: Any) -> None:
        try:
            seen = glance(message)
        except SailError as error:
            self._guard.stop(str(error))
            return
        taken = seconds_of(message.header.stamp)
        fault = self._camera.fault(seen, self._hand_at(taken))
        if fault is not None:
            self._guard.stop(fault)
            return
        self._guard.saw("camera", self.seconds(), taken)

    def _hand_at(self, stamp: float) -> list[float]:
        """Where the hand was when an image was taken, (3,) in metres; empty where that is not known."""
        return next((position for then, position in reversed(self._hands) if then <= stamp), [])

    def _on_plan(self, message: Image) -> None:
        self._guard.saw("plan", self.seconds(), seconds_of(message.header.stamp))

    def _on_joints(self, message: JointState) -> None:
        robot = self._robot
        try:
            values = joint_values(message, robot.joint_names)
        except SailError as error:
            self._guard.stop(str(error))
            return
        if not np.isfinite(values).all():
            self._guard.stop("joint states with a number that is none")
            return
        outside = (np.asarray(values) < robot.joints.low) | (np.asarray(values) > robot.joints.high)
        if outside.any():
            self._guard.stop(f"{robot.joint_names[int(outside.argmax())]} is outside its limits")
        self._joints = seconds_of(message.header.stamp), values
        self._note_arm()

    def _on_hand(self, message: PoseStamped) -> None:
        position, orientation = pose_values(message)
        if message.header.frame_id != self._robot.frame:
            self._guard.stop(
                f"the hand's pose in frame '{message.header.frame_id}', not '{self._robot.frame}'"
            )
            return
        self._measured = orientation
        if self._guard.fault is not None or not self._orientation:
            self._orientation = orientation
        box = self._robot.hand
        if (
            not self._output.limits_hand
            and not ((np.asarray(position) >= box.low[:3]) & (np.asarray(position) <= box.high[:3])).all()
        ):
            # The joints are limited one by one, so the place where they lead the hand can only be watched.
            self._guard.stop("the hand is outside its box")
        self._hands.append((seconds_of(message.header.stamp), position))
        self._note_arm()

    def _note_arm(self) -> None:
        """Tell the guard where the arm is, once joints and hand are known; the older of the two dates it."""
        if self._joints is None or not self._hands:
            return
        shown, position = self._hands[-1]
        stamp = min(self._joints[0], shown)
        place = self._output.measured(position, self._measured, self._joints[1])
        self._guard.measured(self.seconds(), stamp, place)

    def _on_emergency_stop(self, _: Any, response: Any) -> Any:
        self._guard.stop("emergency stop")
        response.success, response.message = True, "stopping; ~/clear lets it go on"
        return response

    def _on_clear(self, _: Any, response: Any) -> Any:
        reason = self._guard.clear(self.seconds())
        response.success, response.message = reason is None, reason or "the arm may move"
        return response

    def _cycle(self) -> None:
        begun = time.thread_time()
        self._order()
        self._took.add(time.thread_time() - begun)

    def _order(self) -> None:
        now = self.seconds()
        order = self._guard.cycle(now)
        if order.fault != self._told:
            self._tell()
        if order.position is None or self._dry:
            return
        robot, values = self._robot, self._output.ordered(order, self._orientation)
        self._arm.publish(
            self._commands.write(values, now, robot.frame, robot.joint_names, self._cycle_seconds)
        )

    def _tell(self) -> None:
        for topic, what in (("plan", "planners"), ("command", "controllers")):
            count = self.count_publishers(self.resolve_topic_name(topic))
            if count > 1:
                self._guard.stop(f"{count} {what} at once")
        fault = self._guard.fault
        if fault != self._told:
            log = self.get_logger()
            if fault is None:
                log.info("the arm may move")
            else:
                log.error(f"stopped: {fault}")
            self._told = fault
        self.tell(
            fault, {"dry_run": self._dry, "cycle_cost_p99": self._took.p99(), **self._guard.interventions}
        )


def main() -> None:
    """The node's process."""
    run(GuardNode)


if __name__ == "__main__":
    main()
