"""The recorder's node: begins and ends attempts, and writes each as an episode and as an MCAP bag."""

from pathlib import Path
from typing import Any, Literal

from geometry_msgs.msg import PoseStamped
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool

from sail.data.crop import crop
from sail.data.store import EpisodeStore
from sail.errors import SailError
from sail.types import Source
from sail_robot.attempt import Attempt, AttemptError
from sail_robot.end_effector import EndEffector
from sail_robot.messages import opening, pixels, pose_values, seconds_of
from sail_robot.nodes.managed_node import CAMERA, LATCHED, NEWEST, SENSOR, ManagedNode, run
from sail_robot.robot_file import read_robot

_BAG_VERSION: Literal[9] = 9


class EpisodeNode(ManagedNode):
    """Topics in: image, joint_states, hand_pose, arm_command, plan, prompt, model. Topics out: attempt (the
    controller moves the arm as long as it is true), recorded (the episode's name).

    Service ~/attempt begins an attempt (true) or ends it (false); `timeout`, in seconds, ends it, too.
    Service ~/label ends the attempt, if one is on, and labels the last one a success (true) or a failure
    (false). An attempt without a label counts as a failure. With `demonstration` somebody else moves the arm,
    and the recorder writes a demonstration.
    """

    def __init__(self) -> None:
        super().__init__("episode")

    def declare(self) -> None:
        """Parameters."""
        self.declare_parameter("limits", "")
        self.declare_parameter("output", "twist")
        self.declare_parameter("episodes", "episodes")
        self.declare_parameter("bags", "")
        self.declare_parameter("task", "")
        self.declare_parameter("prompt", "")
        self.declare_parameter("demonstration", False)
        self.declare_parameter("iteration", 0)
        self.declare_parameter("timeout", 15.0)
        self.declare_parameter("compressed", False)

    def configure(self) -> None:
        """Open the store."""
        for name in ("task", "prompt"):
            if not self.text(name).strip():
                raise AttemptError(f"the {name} is empty: say what is recorded (parameter {name})")
        self._robot = read_robot(Path(self.text("limits")))
        self._hand = EndEffector(self._robot.embodiment)
        _, self._commands = self.output(self._robot)
        self._store = EpisodeStore(self.text("episodes"))
        self._store.settle(self._robot.embodiment, "the robot file")

    def begin(self) -> None:
        """Open everything."""
        self._opening = 0.0
        self._prompt, self._model = self.text("prompt"), ""
        self._attempt: Attempt | None = None
        # The last attempt, as long as it can be labelled, and its episode's name.
        self._ended: Attempt | None = None
        self._name = ""
        self._bag: Writer | None = None
        self._connections: dict[str, Any] = {}
        self._types = get_typestore(Stores.ROS2_KILTED)
        self._on = self.publisher(Bool, "attempt", LATCHED)
        self._recorded = self.publisher(String, "recorded", NEWEST)
        self._on.publish(Bool(data=False))
        self._record(self.images(), "image", self._on_image, CAMERA)
        self._record(JointState, "joint_states", self._on_joints, SENSOR)
        self._record(PoseStamped, "hand_pose", self._on_hand, SENSOR)
        self._record(self._commands.message, "arm_command", None, NEWEST)
        self._record(Image, "plan", None, NEWEST)
        self.subscribe(String, "prompt", self._on_prompt, LATCHED)
        self.subscribe(String, "model", self._on_model, LATCHED)
        self.service(SetBool, "~/attempt", self._on_begin_or_end)
        self.service(SetBool, "~/label", self._on_label)
        self.every(self._robot.embodiment.control_seconds, self._step)
        self.every(1.0, self._tell)

    def end(self) -> None:
        """Write the attempt that is on."""
        if getattr(self, "_attempt", None) is not None:
            self._save()

    def _record(self, kind: type, topic: str, callback: Any, qos: Any) -> None:
        def heard(raw: bytes) -> None:
            if self._bag is not None:
                stamp = self.get_clock().now().nanoseconds
                self._bag.write(self._connection(topic, kind), stamp, raw)
            if callback is not None:
                callback(deserialize_message(raw, kind))

        self.subscribe(kind, topic, heard, qos, raw=True)

    def _connection(self, topic: str, kind: type) -> Any:
        if topic not in self._connections:
            assert self._bag is not None
            package, _, _ = kind.__module__.partition(".")
            name = f"{package}/msg/{kind.__name__}"
            self._connections[topic] = self._bag.add_connection(
                self.resolve_topic_name(topic), name, typestore=self._types
            )
        return self._connections[topic]

    def _on_image(self, message: Any) -> None:
        if self._attempt is None:
            return
        try:
            arm = self._robot.embodiment
            frame = crop(pixels(message), arm.height, arm.width)
            self._attempt.see(frame, seconds_of(message.header.stamp))
        except SailError as error:
            self.get_logger().error(str(error), throttle_duration_sec=5.0)

    def _on_joints(self, message: JointState) -> None:
        if self._robot.gripper.joint in message.name:
            self._opening = opening(message, self._robot.gripper)

    def _on_hand(self, message: PoseStamped) -> None:
        if self._attempt is not None:
            self._attempt.feel(*pose_values(message), seconds_of(message.header.stamp))

    def _on_prompt(self, message: String) -> None:
        self._prompt = message.data

    def _on_model(self, message: String) -> None:
        self._model = message.data

    def _on_begin_or_end(self, request: Any, response: Any) -> Any:
        if request.data:
            self._end()
            self._begin()
            response.success, response.message = True, "an attempt begins"
        else:
            response.success = self._attempt is not None
            response.message = "say with ~/label how it went" if response.success else "there was no attempt"
            self._end()
        return response

    def _on_label(self, request: Any, response: Any) -> Any:
        self._end()
        response.success, response.message = bool(self._name), "there is no attempt to label"
        if self._name:
            response.message = self._label(bool(request.data))
        return response

    def _begin(self) -> None:
        seed = len(self._store.records())
        source: Source = "teleop" if self.flag("demonstration") else "self"
        self._attempt = Attempt(
            self._hand, self.text("task"), self._prompt, seed, source, begun=self.seconds()
        )
        self._ended, self._name = None, ""
        if self.text("bags"):
            self._open_bag(Path(self.text("bags")) / f"attempt_{seed:06d}")
        self._on.publish(Bool(data=source == "self"))

    def _end(self) -> None:
        """Stop the arm and write the attempt."""
        if self._attempt is not None:
            self._on.publish(Bool(data=False))
            self._save()

    def _save(self) -> None:
        """Write the attempt as a failure, so that it is not lost if the process ends before a label."""
        if self._bag is not None:
            self._bag.close()
            self._bag = None
        self._ended, self._attempt = self._attempt, None
        if self._ended is not None and self._ended.enough:
            self._name = self._write(self._ended, False)

    def _label(self, success: bool) -> str:
        """Label the last attempt's episode and return its name. A success is written anew in its place."""
        if success and self._ended is not None:
            failed, self._name = self._name, self._write(self._ended, True)
            self._store.discard([failed])
        name, self._ended, self._name = self._name, None, ""
        self._recorded.publish(String(data=name))
        self.get_logger().info(f"{'success' if success else 'failure'}: {name}")
        return name

    def _write(self, attempt: Attempt, success: bool) -> str:
        return self._store.add(attempt.episode(success, self._model, int(self.number("iteration"))))

    def _open_bag(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        number = 0
        while folder.exists():
            number += 1
            folder = folder.with_name(f"{folder.name.partition('-')[0]}-{number}")
        self._connections = {}
        self._bag = Writer(folder, version=_BAG_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._bag.open()

    def _step(self) -> None:
        attempt = self._attempt
        if attempt is None:
            return
        attempt.step(self._opening)
        if self.seconds() - attempt.begun > self.number("timeout"):
            self._end()

    def _tell(self) -> None:
        recording = len(self._attempt.frames) if self._attempt is not None else 0
        self.tell(
            None,
            {
                "episodes": len(self._store.records()),
                "recording": f"{recording} control steps",
                "waits for a label": bool(self._name),
            },
        )


def main() -> None:
    """The node's process."""
    run(EpisodeNode)


if __name__ == "__main__":
    main()
