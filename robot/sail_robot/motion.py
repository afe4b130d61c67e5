"""Motion within limits, whatever is asked for: every command comes with a proven way to stop.

The way of a safety filter with a backup: a step towards what is wanted is taken only if from its end there
is a stop within all limits; else the next step of the stop that was found before is. So limits hold by
induction, not by trusting a rule of thumb. A stop is a cubic in the velocity, from the velocity and
acceleration that there are to rest.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sail.errors import SailError

Vector = NDArray[np.float64]

# Shares of the longest stop that are tried, the gentlest first.
_SHARES = (1.0, 0.7, 0.45)
# Rounding must not stand between a stop that is just within the limits and the same one a cycle later.
_SLACK = 1e-9


class LimitsError(SailError):
    """Limits that contradict each other, or that no arm could keep."""


@dataclass(frozen=True)
class MotionLimits:
    """What a motion in n axes has to keep.

    low, high: where it may go, (n,). groups: axes whose Euclidean norm counts as one quantity, say those of a
    linear velocity; each joint is its own. speed, acceleration, jerk: one number a group, in the axes' unit
    a second, a second squared, a second cubed. stop_seconds: how long a stop takes at most. Raises
    LimitsError.
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
    """velocity: (n,), what is to be sent. limited: what was wanted is not allowed, be it too fast or
    leading out; on the way to a wish that is, it is not."""

    velocity: Vector
    limited: bool


class MotionLimiter:
    """Turns wanted velocities into ones within the limits, one a cycle of `seconds`."""

    def __init__(self, limits: MotionLimits, seconds: float) -> None:
        if not 0.0 < 4 * seconds <= limits.stop_seconds:
            raise LimitsError(
                f"a cycle of {seconds} s is too long for a stop within {limits.stop_seconds} s: four fit in"
            )
        self._limits, self._seconds = limits, seconds
        self._low, self._high = np.array(limits.low), np.array(limits.high)
        # groups x axes: squares of a vector's entries to squares of its groups' norms.
        self._belongs = np.zeros((len(limits.groups), len(limits.low)))
        for number, group in enumerate(limits.groups):
            self._belongs[number, list(group)] = 1.0
        rates = (limits.speed, limits.acceleration, limits.jerk)
        self._most = tuple(np.array(values) for values in rates)
        # Two cycles of rest after the stop: what follows it has to be gentle, too.
        longest = int(limits.stop_seconds / seconds + _SLACK) - 2
        counts = sorted({max(2, round(share * longest)) for share in _SHARES}, reverse=True)
        self._stops = [_cubic(count, seconds) for count in counts]
        self._rest = np.zeros((2, len(limits.low)))
        self._plan: list[Vector] = []
        self.velocity = np.zeros(len(limits.low))
        self._acceleration = np.zeros(len(limits.low))

    @property
    def at_rest(self) -> bool:
        """Nothing moves, and nothing is about to."""
        return not self._plan and not self.velocity.any() and not self._acceleration.any()

    def follow(self, wanted: Vector, at: Vector) -> Step:
        """The next velocity towards the wanted one. at: where the arm is, (n,); both finite."""
        aim = self._shortened(wanted, self._most[0])
        candidate = self._towards(aim)
        plan = self._stop_after(candidate, at)
        if plan is None:
            return Step(self.stop(), True)
        self._plan = plan
        self._take(candidate)
        return Step(candidate, bool((aim != wanted).any()))

    def stop(self) -> Vector:
        """The next velocity of the stop that was found last: at rest within `stop_seconds`."""
        velocity = self._plan.pop(0) if self._plan else np.zeros_like(self.velocity)
        self._take(velocity)
        return velocity

    def _take(self, velocity: Vector) -> None:
        self._acceleration = (velocity - self.velocity) / self._seconds
        self.velocity = velocity

    def _norms(self, vectors: Vector) -> Vector:
        """(..., n) to the groups' norms (..., groups)."""
        norms: Vector = np.sqrt(np.square(vectors) @ self._belongs.T)
        return norms

    def _shortened(self, vector: Vector, most: Vector) -> Vector:
        """Each group's part at most so long."""
        share = np.minimum(1.0, most / np.maximum(self._norms(vector), 1e-300))
        shortened: Vector = vector * (share @ self._belongs)
        return shortened

    def _towards(self, aim: Vector) -> Vector:
        """A step whose acceleration can be taken back before it overshoots."""
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
        """Velocities from the candidate to rest, within all limits; None where there are none."""
        acceleration = (candidate - self.velocity) / self._seconds
        for basis in self._stops:
            stop = basis @ np.stack([candidate, acceleration])
            if self._allowed(np.concatenate([self.velocity[None], candidate[None], stop, self._rest]), at):
                return list(stop)
        return None

    def _allowed(self, velocities: Vector, at: Vector) -> bool:
        """Whether velocities (the first is the present one) keep all limits from here on."""
        speed, acceleration, jerk = (most * (1.0 + _SLACK) for most in self._most)
        accelerations = np.diff(velocities, axis=0) / self._seconds
        jerks = np.diff(np.concatenate([self._acceleration[None], accelerations]), axis=0) / self._seconds
        ahead = velocities[1:]
        if (self._norms(ahead) > speed).any() or (self._norms(accelerations) > acceleration).any():
            return False
        if (self._norms(jerks) > jerk).any():
            return False
        # Where the arm has been brought outside it may go back in, but no further out.
        places = at + np.cumsum(ahead, axis=0) * self._seconds
        low, high = np.minimum(self._low, at) - _SLACK, np.maximum(self._high, at) + _SLACK
        return bool(((places >= low) & (places <= high)).all())


def _cubic(count: int, seconds: float) -> Vector:
    """(count, 2): velocity and acceleration to the `count` velocities of a stop (Hermite's cubic)."""
    s = np.arange(1, count + 1) / count
    basis: Vector = np.stack(
        [2.0 * s**3 - 3.0 * s**2 + 1.0, count * seconds * (s**3 - 2.0 * s**2 + s)], axis=1
    )
    return basis
