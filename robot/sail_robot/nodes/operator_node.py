"""An operator of the simulated arm: lays the table, begins attempts, and labels how they end.

On a real arm a person does this with the recorder's services.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import rclpy
import rclpy.parameter
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from sail.errors import SailError
from sail_robot.messages import seconds_of, twist_values
from sail_robot.nodes.managed_node import LATCHED, NEWEST, SENSOR

FINAL = ("success", "wrong_object")
# Wall seconds that one second of the arm's clock may take.
_SLOWEST = 20.0


class OperatorError(SailError):
    """A node that does not answer, or refuses."""


class Operator(Node):
    """Talks to the other nodes. Its methods wait for an answer, at most `patience` wall seconds.

    They raise OperatorError. now: the arm's clock in seconds. outcome: of the present attempt. recorded:
    names of the episodes since the start. status: each node's last diagnostics, its message and its values.
    """

    def __init__(self, patience: float = 60.0, name: str = "operator") -> None:
        super().__init__(name)
        self._patience = patience
        self.now = 0.0
        self.outcome = ""
        self.recorded: list[str] = []
        self.status: dict[str, tuple[str, dict[str, str]]] = {}
        self.create_subscription(Clock, "/clock", self._on_clock, SENSOR)
        self.create_subscription(String, "outcome", self._on_outcome, LATCHED)
        self.create_subscription(String, "recorded", self._on_recorded, NEWEST)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    @classmethod
    def join(cls) -> "Operator":
        """An operator in the DDS domain that the environment names."""
        rclpy.init()
        return cls()

    def leave(self) -> None:
        """Leave the domain; the operator cannot be used any more."""
        if rclpy.ok():
            self.destroy_node()
            rclpy.shutdown()

    def attempt(self, timeout: float) -> str:
        """Make one attempt on the simulated arm and return its outcome. timeout: in simulated seconds.

        An attempt in which the guard stops the arm fails; the fault is cleared before the next one.
        """
        self.lay()
        self.let_go()
        self.call(SetBool, "episode/attempt", SetBool.Request(data=True))
        begun = self.now
        self.wait(
            lambda: self.outcome in FINAL or self.now - begun > timeout,
            "the attempt to end",
            _SLOWEST * timeout,
        )
        ending, count = self.outcome, len(self.recorded)
        self.call(SetBool, "episode/label", SetBool.Request(data=ending == "success"))
        self.wait(lambda: len(self.recorded) > count, "the episode to be recorded")
        return ending

    def lay(self) -> None:
        """Lay the simulated table for another attempt."""
        self.call(Trigger, "sim_arm/reset", Trigger.Request())
        self.wait(lambda: self.outcome == "no_motion", "the table to be laid")

    def stop(self) -> None:
        """Call the emergency stop."""
        self.call(Trigger, "guard/emergency_stop", Trigger.Request())

    def clear(self) -> None:
        """Let the arm move again."""
        self.call(Trigger, "guard/clear", Trigger.Request())

    def speeds(self) -> list[tuple[float, float]]:
        """A list that grows with every twist sent to the arm: time in seconds, the hand's speed in m/s."""
        sent: list[tuple[float, float]] = []

        def heard(message: TwistStamped) -> None:
            speed = sum(value**2 for value in twist_values(message)[:3]) ** 0.5
            sent.append((seconds_of(message.header.stamp), speed))

        self.create_subscription(TwistStamped, "arm_command", heard, NEWEST)
        return sent

    def call(self, kind: type, name: str, request: Any) -> Any:
        """A service's response. Raises OperatorError where none comes, or the service refuses."""
        response = self.ask(kind, name, request)
        if not response.success:
            raise OperatorError(f"{name}: {response.message}")
        return response

    def ask(self, kind: type, name: str, request: Any) -> Any:
        """A service's response, a refusal too. Raises OperatorError where none comes."""
        client: Any = self.create_client(kind, name)
        try:
            if not client.wait_for_service(self._patience):
                raise OperatorError(f"nobody offers {name}: is its node running?")
            future = client.call_async(request)
            rclpy.spin_until_future_complete(self, future, timeout_sec=self._patience)
            response = future.result()
        finally:
            self.destroy_client(client)
        if response is None:
            raise OperatorError(f"{name} does not answer")
        return response

    def wait(self, condition: Callable[[], bool], what: str, seconds: float | None = None) -> None:
        """Wait until a condition holds. what: its name, for the error. seconds: of the wall's clock."""
        end = time.monotonic() + (self._patience if seconds is None else seconds)
        while not condition():
            if time.monotonic() > end:
                raise OperatorError(f"waited in vain for {what}; the nodes say: {self.status}")
            rclpy.spin_once(self, timeout_sec=0.05)

    def set(self, node: str, name: str, value: str | float) -> None:
        """Change a node's parameter."""
        parameter = rclpy.parameter.Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        if not self.ask(SetParameters, f"{node}/set_parameters", request).results[0].successful:
            raise OperatorError(f"{node} does not take {name} = {value}")

    def until(self, then: float) -> None:
        """Wait until the arm's clock, which may be much slower than the wall's, shows `then`, in seconds."""
        patience = self._patience + _SLOWEST * max(0.0, then - self.now)
        self.wait(lambda: self.now >= then, f"the clock to reach {then:.2f} s", patience)

    def ready(self, nodes: Iterable[str] = ("guard",)) -> None:
        """Wait until these nodes have sent diagnostics, and the guard lets the arm move.

        While nodes start, the computer may be too busy for the guard's deadlines. Such a fault is cleared.
        """
        awaited = set(nodes)
        self.wait(lambda: self.status.keys() >= awaited, "all nodes to start", 120.0)
        self.let_go()

    def let_go(self) -> None:
        """Clear the guard's fault again and again, until the guard lets the arm move."""

        def moves() -> bool:
            if self.status["guard"][0] == "ok":
                return True
            self.ask(Trigger, "guard/clear", Trigger.Request())
            begun = time.monotonic()
            self.wait(lambda: time.monotonic() - begun > 1.0, "the guard's next word")
            return self.status["guard"][0] == "ok"

        self.wait(moves, "the guard to let the arm move", 120.0)

    def _on_clock(self, message: Clock) -> None:
        self.now = seconds_of(message.clock)

    def _on_outcome(self, message: String) -> None:
        self.outcome = message.data

    def _on_recorded(self, message: String) -> None:
        self.recorded.append(message.data)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.status[status.name] = status.message, {value.key: value.value for value in status.values}
