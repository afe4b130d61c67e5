"""The Panda table top as an arm that takes velocities or positions, in real time. Plain Python."""

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
# An arm's own watchdog: without a command for so long, in seconds, it holds still.
COMMAND_TIMEOUT = 0.1
_ACCELERATION = 3.0
# Seconds in which a position is approached.
_APPROACH = 0.05


class SimulatedTaskError(SailError):
    """A task that is not on the Panda's table."""


@dataclass(frozen=True)
class Trouble:
    """dropped: the share of frames that never come. noise: standard deviation of the frames' noise, in grey
    levels."""

    dropped: float = 0.0
    noise: float = 0.0


class SimArm:
    """`advance` moves time on by one tick; commands hold until the next one, at most COMMAND_TIMEOUT.

    size: of its camera's frames. Raises SimulatedTaskError.
    """

    def __init__(self, task: str, seed: int, size: int, tick: float, trouble: Trouble) -> None:
        if not task.startswith(("cups-", "drawers-")):
            raise SimulatedTaskError(f"the simulated arm has no '{task}': choose a cups- or drawers- task")
        self._env, self._tick, self._trouble = TaskEnv(task, size=size), tick, trouble
        table: Any = self._env.simulation
        assert isinstance(table, TableTop)
        self._table = table
        self.now = 0.0
        self._rng = np.random.default_rng(seed)
        self._late: deque[tuple[float, UInt8]] = deque()
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Lay the table for another attempt; time goes on."""
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
        """The task in words."""
        return self._env.prompt

    @property
    def outcome(self) -> Ending:
        """How the attempt has gone so far: the first success or wrong object stays."""
        return self._ending

    @property
    def hand(self) -> tuple[Vector, Vector]:
        """Position (3,) in metres, orientation x, y, z, w."""
        return self._table.arm.position, self._table.arm.orientation

    @property
    def joints(self) -> Vector:
        """Seven joints in radians, and the position of both fingers in metres: (9,)."""
        finger = OPEN * self._table.arm.opening
        return np.concatenate([self._table.arm.joints, [finger, finger]])

    def move(self, velocity: Vector) -> None:
        """The hand's velocity (3,) in m/s, from now on."""
        self._wanted, self._commanded = velocity, self.now

    def go_to(self, position: Vector) -> None:
        """Where the hand (3,) is to be, in metres, from now on."""
        self._goal, self._commanded = position, self.now

    def turn_to(self, joints: Vector) -> None:
        """Where the joints (7,) are to be, in radians, from now on; they stay there without a command."""
        self._angles, self._commanded = joints, self.now

    def grip(self, finger: float) -> None:
        """Each finger's distance from closed, in metres."""
        self._fingers = float(np.clip(finger, 0.0, OPEN))

    def advance(self) -> None:
        """One tick."""
        arm = self._table.arm
        if self._angles is not None:
            arm.hold(self._angles, self._fingers, self._tick)
        else:
            arm.lead(self._follow() * self._tick, self._fingers, self._tick)
        self.now += self._tick
        if self._ending == "no_motion":
            self._ending = self._table.outcome()

    def _follow(self) -> Vector:
        """The hand's velocity (3,). What a real arm does not follow in a leap, this one does not either."""
        silent = self.now - self._commanded > COMMAND_TIMEOUT
        wanted = np.zeros(3) if silent else self._wanted
        if self._goal is not None and not silent:
            wanted = (self._goal - self._table.arm.position) / _APPROACH
        most = _ACCELERATION * self._tick
        self._velocity = self._velocity + np.clip(wanted - self._velocity, -most, most)
        return self._velocity

    def photograph(self) -> None:
        """Take a frame; it can be fetched if it is not lost."""
        frame = self._env.frame()
        if self._trouble.noise > 0.0:
            noisy = frame + self._rng.normal(0.0, self._trouble.noise, frame.shape)
            frame = np.clip(noisy, 0.0, 255.0).astype(np.uint8)
        if self._rng.random() >= self._trouble.dropped:
            self._late.append((self.now, frame))

    def fetch(self, latency: float = 0.0) -> tuple[float, UInt8] | None:
        """The oldest frame that has arrived, with the time at which it was taken; they come late by so many
        seconds."""
        if self._late and self._late[0][0] + latency <= self.now + 1e-9:
            return self._late.popleft()
        return None
