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

Vector = NDArray[np.float64]
# Seconds without a command after which the arm's own watchdog holds it still.
COMMAND_TIMEOUT = 0.1
# The hand's, in m/s².
_ACCELERATION = 3.0
# Seconds within which a position is approached.
_APPROACH = 0.05


class SimulatedTaskError(SailError):
    """A task that the Panda's table does not have."""


@dataclass(frozen=True)
class CameraFaults:
    """dropped: share of frames that are lost, 0 to 1. noise: standard deviation of the frames' noise, in grey
    levels."""

    dropped: float = 0.0
    noise: float = 0.0


class SimArm:
    """`advance` moves time on by one tick. A command holds until the next one, at most COMMAND_TIMEOUT.

    seed: of the first table. size: of the camera's frames, in pixels. tick: in seconds. Raises
    SimulatedTaskError.
    """

    def __init__(self, task: str, seed: int, size: int, tick: float, faults: CameraFaults) -> None:
        if not task.startswith(("cups-", "drawers-")):
            raise SimulatedTaskError(f"the simulated arm has no '{task}': choose a cups- or drawers- task")
        self._env, self._tick, self._faults = TaskEnv(task, height=size, width=size), tick, faults
        table: Any = self._env.simulation
        assert isinstance(table, TableTop)
        self._table = table
        self.now = 0.0
        self._rng = np.random.default_rng(seed)
        self._late: deque[tuple[float, UInt8]] = deque()
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Lay the table for another attempt. Time goes on."""
        self._env.reset(seed=seed)
        self._velocity, self._wanted = np.zeros(3), np.zeros(3)
        self._goal: Vector | None = None
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
        """Move the hand at this velocity, (3,) in m/s."""
        self._wanted, self._commanded = velocity, self.now

    def go_to(self, position: Vector) -> None:
        """Move the hand to this position, (3,) in metres."""
        self._goal, self._commanded = position, self.now

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
            arm.lead(self._follow() * self._tick, self._fingers, self._tick)
        self.now += self._tick
        if self._ending == "no_motion":
            self._ending = self._table.outcome()

    def _follow(self) -> Vector:
        """The hand's next velocity, (3,) in m/s, with a limited acceleration, as a real arm's."""
        silent = self.now - self._commanded > COMMAND_TIMEOUT
        wanted = np.zeros(3) if silent else self._wanted
        if self._goal is not None and not silent:
            wanted = (self._goal - self._table.arm.position) / _APPROACH
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
        """When the oldest frame that has arrived was taken, in seconds, and the frame, uint8 (S, S, 3) RGB.

        latency: seconds by which frames come late.
        """
        if self._late and self._late[0][0] + latency <= self.now + 1e-9:
            return self._late.popleft()
        return None
