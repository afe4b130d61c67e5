"""The guard's logic, in plain Python. The guard stands between controller and arm and has the last word.

Commands pass through `MotionLimiter`. A fault brings the arm to rest by the stop that the limiter always has
ready. The fault stays until somebody clears it: an arm that went on by itself would hit the same thing again.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sail_robot.motion import MotionLimiter, MotionLimits, Vector
from sail_robot.robot_file import Watch

# What a command says of the arm's motion.
CommandKind = Literal["velocity", "position"]
# What is watched, by the name of its deadline in the robot file.
Signal = Literal["camera", "joints", "plan", "command"]
_SILENT: dict[Signal, str] = {
    "camera": "the camera is silent",
    "joints": "the joint states are silent",
    "plan": "the plan is stale",
    "command": "the controller is silent",
}
WAITING = "waiting for camera, joint states and plan"
WAITING_UNPLANNED = "waiting for camera and joint states"
LIMITED = "limited"


@dataclass(frozen=True)
class Order:
    """What the guard sends the arm in one cycle.

    velocity: (n,). position: (n,), where that velocity leads within the cycle. It is None as long as nobody
    knows where the arm is; then nothing may be sent. fault: why the arm is stopped or stopping, None where it
    may move. limited: the controller asked for more than is allowed.
    """

    velocity: Vector
    position: Vector | None
    fault: str | None
    limited: bool


class Guard:
    """Tell it what arrives, with the time in seconds, and ask it for one order a cycle.

    limits, watch: see the robot file. seconds: of a cycle. frame: the one that commands have to be in.
    kind: with "velocity" the arm's measured position is kept within the limits, with "position" the commanded
    one. step: with "position", how far in metres or radians each command and the arm itself may be from the
    commanded position.

    fault: why the arm is stopped, None where it may move. waiting: the fault until everything that is watched
    has been heard. interventions: how often each fault and limit came in.
    """

    def __init__(
        self,
        limits: MotionLimits,
        watch: Watch,
        seconds: float,
        frame: str,
        kind: CommandKind,
        step: float,
    ) -> None:
        self._limiter = MotionLimiter(limits, seconds)
        self._seconds, self._frame, self._kind, self._step = seconds, frame, kind, step
        self._deadlines: dict[Signal, float] = {
            "camera": watch.camera,
            "joints": watch.joints,
            "command": watch.command,
        }
        if watch.plan is not None:
            self._deadlines["plan"] = watch.plan
        self.waiting = WAITING if watch.plan is not None else WAITING_UNPLANNED
        # A commanded position is approached within about half the time of a stop.
        self._approach = limits.stop_seconds / 2.0
        axes = len(limits.low)
        self._seen: dict[Signal, float] = {}
        self._now = -np.inf
        self._measured, self._wanted = np.zeros(axes), np.zeros(axes)
        self._setpoint: Vector | None = None
        self.fault: str | None = self.waiting
        self.interventions: Counter[str] = Counter()

    def saw(self, signal: Literal["camera", "plan"], now: float, stamp: float) -> None:
        """A camera frame was taken, or a plan was made, at the time `stamp`."""
        self._note(signal, now, stamp)

    def measured(self, now: float, stamp: float, position: Sequence[float]) -> None:
        """The arm was at this position, (n,), at the time `stamp`."""
        values = self._checked(position, "joint states")
        if values is not None:
            self._measured = values
            self._note("joints", now, stamp)

    def command(self, now: float, frame: str, values: Sequence[float]) -> None:
        """The controller asks for these velocities or positions, (n,)."""
        if frame != self._frame:
            self.stop(f"a command in frame '{frame}', not '{self._frame}'")
            return
        wanted = self._checked(values, "command")
        if wanted is None:
            return
        if self._kind == "position" and self.fault is None:
            away = self._away(wanted)
            if away > self._step:
                self.stop(f"a command {away:.3g} away, more than {self._step:.3g}")
                return
        self._wanted = wanted
        self._note("command", now, now)

    def stop(self, fault: str) -> None:
        """Stop until somebody clears it. Of several faults the first one is told."""
        self.interventions[fault] += 1
        if self.fault in (None, self.waiting):
            self.fault = fault

    def clear(self, now: float) -> str | None:
        """Let the arm move again. Returns None, or why it may not move yet."""
        if not self._limiter.at_rest:
            return "the arm is not at rest yet"
        self._seen.pop("command", None)
        silent = self._silent(now)
        if silent is not None:
            return silent
        # The arm's controller holds the last position. It must not leap, unless somebody has moved the arm.
        if self._setpoint is None or self._away(self._measured) > self._step:
            self._setpoint = self._measured.copy()
        self._wanted = np.zeros_like(self._measured) if self._kind == "velocity" else self._setpoint.copy()
        self.fault = None
        return None

    def cycle(self, now: float) -> Order:
        """One order; call it once every `seconds`."""
        if now < self._now:
            self.stop("the clock went back")
            self._seen.clear()
        self._now = now
        if self.fault == self.waiting:
            self.clear(now)
        elif self.fault is None:
            silent = self._silent(now)
            if silent is not None:
                self.stop(silent)
        if self._setpoint is None:
            return Order(self._limiter.stop(), None, self.fault, False)
        at = self._measured if self._kind == "velocity" else self._setpoint
        limited = False
        if self.fault is None:
            wanted = self._wanted if self._kind == "velocity" else (self._wanted - at) / self._approach
            velocity, limited = self._limiter.follow(wanted, at)
            self.interventions[LIMITED] += limited
        else:
            velocity = self._limiter.stop()
        self._setpoint = at + velocity * self._seconds
        return Order(velocity, self._setpoint, self.fault, limited)

    def _note(self, signal: Signal, now: float, stamp: float) -> None:
        # A stamp from the future would keep a dead signal alive. A stamp older than the last one is no news.
        self._seen[signal] = max(self._seen.get(signal, -np.inf), min(stamp, now))

    def _silent(self, now: float) -> str | None:
        """Which signal has been silent for too long, or that the arm is too far behind its commands."""
        for signal, deadline in self._deadlines.items():
            if signal == "command" and signal not in self._seen:
                continue  # without any command yet, the arm holds still
            if now - self._seen.get(signal, -np.inf) > deadline:
                return _SILENT[signal]
        if self._kind == "position" and self.fault is None:
            lag = self._away(self._measured)
            if lag > self._step:
                return f"the arm is {lag:.3g} behind its commands"
        return None

    def _away(self, position: Vector) -> float:
        """How far from the commanded position, along the axis where it is most."""
        return 0.0 if self._setpoint is None else float(np.abs(position - self._setpoint).max())

    def _checked(self, values: Sequence[float], what: str) -> Vector | None:
        vector = np.asarray(values, np.float64)
        if vector.shape != self._measured.shape:
            self.stop(f"{what} of {vector.size} numbers, not {self._measured.size}")
        elif not np.isfinite(vector).all():
            self.stop(f"{what} with a number that is none")
        else:
            return vector
        return None
