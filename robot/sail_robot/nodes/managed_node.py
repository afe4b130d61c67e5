"""The base of all nodes: a managed (lifecycle) node that starts by itself unless `autostart` is false.

A node that cannot do its work says why in one line, on its log and in the diagnostics, and stays inactive.
"""

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image

from sail.errors import SailError
from sail_robot.messages import COMMANDS, CommandFormat, diagnostics
from sail_robot.outputs import Output, make_output
from sail_robot.robot_file import Robot

# Only a sensor's newest message counts, and a lost one is not sent again.
SENSOR = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
CAMERA = qos_profile_sensor_data
# The last message holds until the next one, for those who subscribe later, too.
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class ManagedNode(LifecycleNode):
    """`declare` names parameters, `configure` reads them and loads, `begin` opens topics, `end` ends work.

    `configure` and `begin` may raise SailError. Parameter autostart: whether the node configures and
    activates itself.
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
        """Read the parameters and load what is needed."""

    def begin(self) -> None:
        """Open topics, services and timers."""

    def end(self) -> None:
        """End what goes on beside topics, services and timers, which are closed already."""

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
        """A parameter's text."""
        return str(self.get_parameter(name).value)

    def number(self, name: str) -> float:
        """A parameter's number."""
        return float(self.get_parameter(name).value)

    def flag(self, name: str) -> bool:
        """Whether a parameter is true."""
        return bool(self.get_parameter(name).value)

    def output(self, robot: Robot) -> tuple[Output, CommandFormat]:
        """The kind of command that the parameter `output` names, and how it travels. Raises OutputError."""
        output = make_output(self.text("output"), robot)
        return output, COMMANDS[output.name]

    def images(self) -> type:
        """The type of the camera's messages, by the parameter `compressed`."""
        return CompressedImage if self.flag("compressed") else Image

    def seconds(self) -> float:
        """The node's time in seconds, simulated with use_sim_time."""
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
        """Publish diagnostics. fault: None where all is well."""
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
            # Without this, rclpy counts the exception as a failed transition and prints nothing.
            self.get_logger().fatal(traceback.format_exc())
            raise
        return TransitionCallbackReturn.SUCCESS


def run(make: Callable[[], ManagedNode]) -> None:
    """Run a node's process until it is interrupted; exit code 1 where the node refuses to start."""
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
    # An ordinary exit waits for the threads of DDS and torch, longer than ROS 2's launch waits for a node.
    sys.stdout.flush()
    os._exit(int(refused))
