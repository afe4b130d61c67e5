"""The simulated Panda table top as an arm that takes velocities, positions or angles. Plain Python."""

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sail.errors import SailError
from sail.types import UInt8
from sail_envs.environment import TaskEnv
from sail_envs.panda.arm import OPEN
from sail_envs.panda.table import TableTop
from sail_envs.simulation import Ending
from sail_robot.quaternions import turn_between

Vector = NDArray[np.float64]
# Seconds without a command after which the arm's own watchdog holds it still.
COMMAND_TIMEOUT = 0.1
# The hand's, linear in m/s² and angular in rad/s².
_ACCELERATION = np.repeat([3.0, 15.0], 3)
# Seconds within which a pose is approached.
_APPROACH = 0.05


class SimulatedTaskError(SailError):
    """A task that is not one of a Panda at a table."""


@dataclass(frozen=True)
class CameraFaults:
    """dropped: share of frames that are lost, 0 to 1. noise: standard deviation of the frames' noise, in grey
    levels."""

    dropped: float = 0.0
    noise: float = 0.0


class SimArm:
    """`advance` moves time on by one tick. A command holds until the next one, at most COMMAND_TIMEOUT.

    suite: the reference of the task's suite; without one, the suite that has the task. seed: of the first
    table. height, width: of the camera's frames, in pixels. tick: in seconds. Raises SimulatedTaskError, and
    what `TaskEnv` raises.
    """

    def __init__(
        self,
        task: str,
        seed: int,
        height: int,
        width: int,
        tick: float,
        faults: CameraFaults,
        suite: str = "",
    ) -> None:
        self._env, self._tick, self._faults = TaskEnv(task, suite, height=height, width=width), tick, faults
        table: Any = self._env.simulation
        if not isinstance(table, TableTop):
            raise SimulatedTaskError(
                f"the simulated arm is a Panda at a table; '{task}' (suite {self._env.suite.name}) is "
                "another arm's: choose a task of the Panda's suites, or bring one that simulates a TableTop"
            )
        self._table = table
        self.now = 0.0
        self._rng = np.random.default_rng(seed)
        self._late: deque[tuple[float, UInt8]] = deque()
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Lay the table for another attempt. Time goes on."""
        self._env.reset(seed=seed)
        self._velocity, self._wanted = np.zeros(6), np.zeros(6)
        self._goal: tuple[Vector, Vector] | None = None
        self._angles: Vector | None = None
        self._commanded = -np.inf
        self._fingers = OPEN
        self._ending: Ending = "no_motion"
        self._late.clear()

    @property
    def prompt(self) -> str:
        """The task's prompt."""
        return self._env.prompt

    @property
    def outcome(self) -> Ending:
        """The attempt's outcome so far. The first success, or wrong object, stays."""
        return self._ending

    @property
    def hand(self) -> tuple[Vector, Vector]:
        """The hand's position (3,) in metres and orientation (4,) x, y, z, w."""
        return self._table.arm.position, self._table.arm.orientation

    @property
    def joints(self) -> Vector:
        """Positions of the seven joints, in radians, and of both fingers, in metres: (9,)."""
        finger = OPEN * self._table.arm.opening
        return np.concatenate([self._table.arm.joints, [finger, finger]])

    def move(self, velocity: Vector) -> None:
        """Move the hand at this velocity, (6,) in m/s and rad/s."""
        self._wanted, self._commanded = velocity, self.now

    def go_to(self, position: Vector, orientation: Vector) -> None:
        """Move the hand to this position, (3,) in metres, and to this orientation, (4,) x, y, z, w."""
        self._goal, self._commanded = (position, orientation), self.now

    def turn_to(self, joints: Vector) -> None:
        """Turn the joints to these angles, (7,) in radians. They stay there without further commands."""
        self._angles, self._commanded = joints, self.now

    def grip(self, finger: float) -> None:
        """Move each finger to this distance from closed, in metres."""
        self._fingers = float(np.clip(finger, 0.0, OPEN))

    def advance(self) -> None:
        """Let one tick pass."""
        arm = self._table.arm
        if self._angles is not None:
            arm.hold(self._angles, self._fingers, self._tick)
        else:
            step = self._follow() * self._tick
            if step[3:].any():
                arm.turn(step[3:])
            arm.lead(step[:3], self._fingers, self._tick)
        self.now += self._tick
        if self._ending == "no_motion":
            self._ending = self._table.outcome()

    def _follow(self) -> Vector:
        """The hand's next velocity, (6,) in m/s and rad/s, with a limited acceleration, as a real arm's."""
        silent = self.now - self._commanded > COMMAND_TIMEOUT
        wanted = np.zeros(6) if silent else self._wanted
        if self._goal is not None and not silent:
            position, orientation = self.hand
            away = self._goal[0] - position, turn_between(orientation, self._goal[1])
            wanted = np.concatenate(away) / _APPROACH
        most = _ACCELERATION * self._tick
        self._velocity = self._velocity + np.clip(wanted - self._velocity, -most, most)
        return self._velocity

    def photograph(self) -> None:
        """Take a frame, which is fetched later unless it is lost."""
        frame = self._env.frame()
        if self._faults.noise > 0.0:
            noisy = frame + self._rng.normal(0.0, self._faults.noise, frame.shape)
            frame = np.clip(noisy, 0.0, 255.0).astype(np.uint8)
        if self._rng.random() >= self._faults.dropped:
            self._late.append((self.now, frame))

    def fetch(self, latency: float = 0.0) -> tuple[float, UInt8] | None:
        """When the oldest frame that has arrived was taken, in seconds, and the frame, uint8 (H, W, 3) RGB.

        latency: seconds by which frames come late.
        """
        if self._late and self._late[0][0] + latency <= self.now + 1e-9:
            return self._late.popleft()
        return None
