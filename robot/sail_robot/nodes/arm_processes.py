"""The simulated arm with all its nodes, each a process of its own; without ROS 2's launch library."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from sail_envs.suite import suite_of
from sail_robot.nodes.operator_node import Operator

# Simulated seconds of an attempt.
TIMEOUT = 15.0
Value = str | float | int | bool | Sequence[str]


class ArmProcesses:
    """A context that starts the nodes and stops them at its end.

    folder: for episodes, bags and logs. limits: the robot file. overrides: of the preset panda. speed: of
    the simulated clock against the wall's. changes: parameters by node, which replace the usual ones; a node
    whose value is None is left out. domain: DDS's, so that no other arm is moved. ready: wait until the arm
    may move. prompt: the task's own where empty.
    """

    def __init__(
        self,
        task: str,
        folder: Path,
        limits: Path,
        overrides: Sequence[str] = (),
        speed: float = 1.0,
        changes: Mapping[str, Mapping[str, Value] | None] | None = None,
        domain: int = 42,
        ready: bool = True,
        prompt: str = "",
    ) -> None:
        self.folder, self._wait = folder, ready
        common: dict[str, Value] = {"use_sim_time": True}
        prompt = prompt or suite_of(task).tasks[task]
        robot: dict[str, Value] = {**common, "limits": str(limits)}
        episodes, bags = str(folder / "episodes"), str(folder / "bags")
        usual: dict[str, dict[str, Value]] = {
            "sim_arm": {"limits": str(limits), "task": task, "seed": 1000, "speed": speed},
            "guard": robot,
            "controller": robot,
            "planner": {**robot, "prompt": prompt, "overrides": list(overrides) or [""]},
            "episode": {
                **robot,
                "task": task,
                "prompt": prompt,
                "episodes": episodes,
                "bags": bags,
                "timeout": TIMEOUT,
            },
        }
        changes = changes or {}
        self.parameters: dict[str, dict[str, Value]] = {
            node: {**values, **(changes.get(node) or {})}
            for node, values in usual.items()
            if changes.get(node, {}) is not None
        }
        self._environment = {
            **os.environ,
            "ROS_DOMAIN_ID": str(domain),
            "ROS_LOG_DIR": str(folder / "ros"),
            "RMW_IMPLEMENTATION": "rmw_fastrtps_cpp",
            "OMP_NUM_THREADS": "1",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "ArmProcesses":
        self.folder.mkdir(parents=True, exist_ok=True)
        os.environ |= {name: self._environment[name] for name in ("ROS_DOMAIN_ID", "RMW_IMPLEMENTATION")}
        self.operator = Operator.join()
        try:
            for node in self.parameters:
                self.start(node)
            if self._wait:
                self.operator.ready(node for node in self.parameters if node != "sim_arm")
        except BaseException:
            self.stop()
            raise
        return self

    def start(self, node: str) -> None:
        """Start a node's process."""
        words = [f"{name}:={_word(value)}" for name, value in self.parameters[node].items()]
        parameters = [part for word in words for part in ("-p", word)]
        command = [sys.executable, "-m", f"sail_robot.nodes.{node}_node", "--ros-args", *parameters]
        with (self.folder / f"{node}.log").open("ab") as log:
            self.processes[node] = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )

    def attempt(self) -> str:
        """Make one attempt and return its outcome."""
        return self.operator.attempt(TIMEOUT)

    def interventions(self) -> dict[str, str]:
        """The guard's counts of faults and limited commands."""
        return self.operator.status["guard"][1]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop all processes, and leave the domain."""
        for process in self.processes.values():
            process.send_signal(signal.SIGINT)
        for process in self.processes.values():
            try:
                process.wait(timeout=15.0)
            except subprocess.TimeoutExpired:
                process.kill()
        self.operator.leave()


def _word(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return f"'{value}'"
    return "[" + ", ".join(f"'{one}'" for one in value) + "]"
