"""What all nodes share: a managed (lifecycle) node that starts by itself unless it is told not to.

A node that cannot do its work refuses: one line on its log and in the diagnostics, and it stays inactive.
"""

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image
from trajectory_msgs.msg import JointTrajectory

from sail.errors import SailError
from sail_robot.messages import diagnostics

# Sensors' newest message is all that counts, and none is waited for.
SENSOR = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
CAMERA = qos_profile_sensor_data
# What holds until something else is said, for those who come later, too.
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


# What an arm's own controller may take, by the name that the parameter `output` has for it.
OUTPUTS: dict[str, type] = {"twist": TwistStamped, "pose": PoseStamped, "joint_trajectory": JointTrajectory}


class OutputError(SailError):
    """A kind of command that the arm cannot be sent."""


class ManagedNode(LifecycleNode):
    """`configure` reads parameters and loads, `begin` opens topics, `end` closes them.

    Both may raise SailError. autostart: whether the node configures and activates itself.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._opened: list[tuple[Callable[[Any], Any], Any]] = []
        self.declare_parameter("autostart", True)
        self.declare()

    def declare(self) -> None:
        """Declare the node's parameters."""

    def configure(self) -> None:
        """Read parameters, load what is needed."""

    def begin(self) -> None:
        """Open topics, services and timers."""

    def end(self) -> None:
        """What is to be done after they are closed."""

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Lifecycle."""
        return self._try(self.configure)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Lifecycle."""
        return self._try(self.begin)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Lifecycle."""
        self.close()
        return self._try(self.end)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Lifecycle."""
        return self.on_deactivate(state)

    def text(self, name: str) -> str:
        """A parameter that is a text."""
        return str(self.get_parameter(name).value)

    def number(self, name: str) -> float:
        """A parameter that is a number."""
        return float(self.get_parameter(name).value)

    def flag(self, name: str) -> bool:
        """A parameter that is true or false."""
        return bool(self.get_parameter(name).value)

    def output(self) -> tuple[str, type]:
        """The parameter `output`, and the messages that it stands for. Raises OutputError."""
        name = self.text("output")
        if name not in OUTPUTS:
            raise OutputError(f"output is '{name}': choose one of {', '.join(OUTPUTS)}")
        return name, OUTPUTS[name]

    def images(self) -> type:
        """The messages that the camera sends, by the parameter `compressed`."""
        return CompressedImage if self.flag("compressed") else Image

    def seconds(self) -> float:
        """The node's time (the simulated one with use_sim_time)."""
        return float(self.get_clock().now().nanoseconds) * 1e-9

    def publisher(self, kind: type, topic: str, qos: QoSProfile) -> Any:
        """A publisher that lives as long as the node is active."""
        return self._keep(self.destroy_publisher, self.create_publisher(kind, topic, qos))

    def subscribe(
        self, kind: type, topic: str, callback: Callable[..., None], qos: QoSProfile, raw: bool = False
    ) -> None:
        """A subscription that lives as long as the node is active."""
        self._keep(self.destroy_subscription, self.create_subscription(kind, topic, callback, qos, raw=raw))

    def service(self, kind: type, name: str, callback: Callable[..., Any]) -> None:
        """A service that lives as long as the node is active."""
        self._keep(self.destroy_service, self.create_service(kind, name, callback))

    def every(self, seconds: float, callback: Callable[[], None]) -> None:
        """A timer on the node's clock that lives as long as the node is active."""
        self._keep(self.destroy_timer, self.create_timer(seconds, callback))

    def tell(self, fault: str | None, values: dict[str, object]) -> None:
        """Publish diagnostics."""
        self._diagnostics.publish(diagnostics(self.get_name(), fault, values, self.seconds()))

    def close(self) -> None:
        """Close everything that was opened."""
        for destroy, one in reversed(self._opened):
            destroy(one)
        self._opened.clear()

    def _keep(self, destroy: Callable[[Any], Any], one: Any) -> Any:
        self._opened.append((destroy, one))
        return one

    def _try(self, work: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            work()
        except SailError as error:
            self.close()
            self.get_logger().error(str(error))
            self.tell(str(error), {})
            return TransitionCallbackReturn.FAILURE
        except Exception:
            # rclpy would take it for a failed transition and say nothing.
            self.get_logger().fatal(traceback.format_exc())
            raise
        return TransitionCallbackReturn.SUCCESS


def run(make: Callable[[], ManagedNode]) -> None:
    """A node's process: until it is interrupted, or with exit code 1 where it starts itself and refuses."""
    rclpy.init()
    node = make()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    refused = False
    try:
        if node.flag("autostart"):
            refused = any(
                transition() is not TransitionCallbackReturn.SUCCESS
                for transition in (node.trigger_configure, node.trigger_activate)
            )
        if not refused:
            executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.close()
        node.end()
        node.destroy_node()
        rclpy.try_shutdown()
    # An ordinary exit waits for threads of middleware and torch, for longer than a launch file does.
    sys.stdout.flush()
    os._exit(int(refused))
