"""Motion within limits: a safety filter that always has a stop ready.

A step towards the wanted velocity is taken only if a stop from the end of that step keeps all limits. If none
does, the arm takes the next step of the stop found before. So every step is followed by a stop within the
limits, by induction. A stop's velocity is a cubic in time, from present velocity and acceleration to rest.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sail.errors import SailError

Vector = NDArray[np.float64]

# Durations of the stops that are tried, as shares of the longest. The longest is the gentlest.
_SHARES = (1.0, 0.7, 0.45)
# Relative. A stop that just keeps the limits must also keep them a cycle later, after rounding.
_SLACK = 1e-9


class LimitsError(SailError):
    """Limits that contradict each other, or that no motion keeps."""


@dataclass(frozen=True)
class MotionLimits:
    """The limits of a motion in n axes.

    low, high: the range of each axis, (n,). groups: axes that are limited together, by their Euclidean norm,
    as those of a linear velocity are; each joint is a group of its own. speed, acceleration, jerk: each
    group's most, in the axes' unit a second, second squared and second cubed. stop_seconds: the longest stop.
    Raises LimitsError.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    groups: tuple[tuple[int, ...], ...]
    speed: tuple[float, ...]
    acceleration: tuple[float, ...]
    jerk: tuple[float, ...]
    stop_seconds: float = 0.2

    def __post_init__(self) -> None:
        axes = sorted(axis for group in self.groups for axis in group)
        if axes != list(range(len(self.low))) or len(self.low) != len(self.high):
            raise LimitsError(f"{len(self.low)} low and {len(self.high)} high limits for axes {axes}")
        for axis, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            if not low < high:
                raise LimitsError(f"the range of axis {axis} is empty: {low} to {high}")
        rates = {"speed": self.speed, "acceleration": self.acceleration, "jerk": self.jerk}
        for name, values in rates.items():
            if len(values) != len(self.groups) or not all(0.0 < value < np.inf for value in values):
                raise LimitsError(f"{name} has to be {len(self.groups)} positive numbers, not {values}")
        # From full speed the cubic over T seconds reaches accelerations of 1.5 v / T and jerks of 6 v / T².
        for speed, acceleration, jerk in zip(self.speed, self.acceleration, self.jerk, strict=True):
            seconds = self.stop_seconds
            if 1.5 * speed > acceleration * seconds or 6.0 * speed > jerk * seconds**2:
                raise LimitsError(
                    f"from {speed} a second no stop within {seconds} s keeps acceleration {acceleration} and "
                    f"jerk {jerk}: allow {1.5 * speed / seconds:.3g} and {6 * speed / seconds**2:.3g}, or "
                    "less speed"
                )


class Step(NamedTuple):
    """velocity: (n,), to be sent. limited: the wanted velocity is too fast or leads out of the range. A step
    that accelerates towards an allowed velocity is not limited."""

    velocity: Vector
    limited: bool


class MotionLimiter:
    """Makes velocities within the limits of wanted ones, one a cycle of `seconds`. Raises LimitsError."""

    def __init__(self, limits: MotionLimits, seconds: float) -> None:
        if not 0.0 < 4 * seconds <= limits.stop_seconds:
            raise LimitsError(
                f"a cycle of {seconds} s is too long for a stop within {limits.stop_seconds} s: four fit in"
            )
        self._limits, self._seconds = limits, seconds
        self._low, self._high = np.array(limits.low), np.array(limits.high)
        # (groups, n): from the squares of a vector's entries to the squares of its groups' norms.
        self._belongs = np.zeros((len(limits.groups), len(limits.low)))
        for number, group in enumerate(limits.groups):
            self._belongs[number, list(group)] = 1.0
        rates = (limits.speed, limits.acceleration, limits.jerk)
        self._most = tuple(np.array(values) for values in rates)
        # Two cycles are left for rest after the stop: the jerk at its end is checked, too.
        longest = int(limits.stop_seconds / seconds + _SLACK) - 2
        counts = sorted({max(2, round(share * longest)) for share in _SHARES}, reverse=True)
        self._stops = [_cubic(count, seconds) for count in counts]
        self._rest = np.zeros((2, len(limits.low)))
        self._plan: list[Vector] = []
        self.velocity = np.zeros(len(limits.low))
        self._acceleration = np.zeros(len(limits.low))

    @property
    def at_rest(self) -> bool:
        """Whether nothing moves, and no stop is under way."""
        return not self._plan and not self.velocity.any() and not self._acceleration.any()

    def follow(self, wanted: Vector, at: Vector) -> Step:
        """The next velocity towards the wanted one, (n,). at: where the arm is, (n,). Both are finite."""
        aim = self._shortened(wanted, self._most[0])
        candidate = self._towards(aim)
        plan = self._stop_after(candidate, at)
        if plan is None:
            return Step(self.stop(), True)
        self._plan = plan
        self._take(candidate)
        return Step(candidate, bool((aim != wanted).any()))

    def stop(self) -> Vector:
        """The next velocity of the last stop found, (n,). The arm is at rest within `stop_seconds`."""
        velocity = self._plan.pop(0) if self._plan else np.zeros_like(self.velocity)
        self._take(velocity)
        return velocity

    def _take(self, velocity: Vector) -> None:
        self._acceleration = (velocity - self.velocity) / self._seconds
        self.velocity = velocity

    def _norms(self, vectors: Vector) -> Vector:
        """The groups' norms, (..., groups), of vectors (..., n)."""
        norms: Vector = np.sqrt(np.square(vectors) @ self._belongs.T)
        return norms

    def _shortened(self, vector: Vector, most: Vector) -> Vector:
        """The vector with each group's norm at most as given."""
        share = np.minimum(1.0, most / np.maximum(self._norms(vector), 1e-300))
        shortened: Vector = vector * (share @ self._belongs)
        return shortened

    def _towards(self, aim: Vector) -> Vector:
        """The next velocity, with an acceleration that can end before the velocity overshoots the aim."""
        _, acceleration, jerk = self._most
        missing = aim - self.velocity
        seconds = self._seconds
        gentle = np.sqrt(2.0 * jerk * self._norms(missing)) - 0.5 * jerk * seconds
        most = np.minimum(acceleration, np.maximum(gentle, 0.1 * jerk * seconds))
        wanted = self._shortened(missing / seconds, most)
        change = self._shortened(wanted - self._acceleration, jerk * seconds * (1.0 - 1e-6))
        step: Vector = self.velocity + (self._acceleration + change) * seconds
        return step

    def _stop_after(self, candidate: Vector, at: Vector) -> list[Vector] | None:
        """The velocities of a stop after the candidate that keeps all limits, or None."""
        acceleration = (candidate - self.velocity) / self._seconds
        for basis in self._stops:
            stop = basis @ np.stack([candidate, acceleration])
            if self._allowed(np.concatenate([self.velocity[None], candidate[None], stop, self._rest]), at):
                return list(stop)
        return None

    def _allowed(self, velocities: Vector, at: Vector) -> bool:
        """Whether velocities (the first is the present one) keep all limits. at: where the arm is."""
        speed, acceleration, jerk = (most * (1.0 + _SLACK) for most in self._most)
        accelerations = np.diff(velocities, axis=0) / self._seconds
        jerks = np.diff(np.concatenate([self._acceleration[None], accelerations]), axis=0) / self._seconds
        ahead = velocities[1:]
        if (self._norms(ahead) > speed).any() or (self._norms(accelerations) > acceleration).any():
            return False
        if (self._norms(jerks) > jerk).any():
            return False
        # An arm that somebody has brought outside may go back in, but no further out.
        places = at + np.cumsum(ahead, axis=0) * self._seconds
        low, high = np.minimum(self._low, at) - _SLACK, np.maximum(self._high, at) + _SLACK
        return bool(((places >= low) & (places <= high)).all())


def _cubic(count: int, seconds: float) -> Vector:
    """The matrix, (count, 2), from velocity and acceleration to a stop's velocities (Hermite's cubic)."""
    s = np.arange(1, count + 1) / count
    basis: Vector = np.stack(
        [2.0 * s**3 - 3.0 * s**2 + 1.0, count * seconds * (s**3 - 2.0 * s**2 + s)], axis=1
    )
    return basis
