"""The orientation of an end effector: felt or added up, and the actions that turn it."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sail.embodiment import Embodiment, scaling
from sail.types import Float32
from sail_envs.rotations import axis_angle_of, matrix_of, six_of

Float64 = NDArray[np.float64]

# The largest random turn away from the first orientation, in radians.
LARGEST_TURN = np.pi / 2


class Orientation:
    """Follows the orientation of one arm's end effector. Nothing turns one without a turn in its actions.

    now: float64 (3, 3), as proprioception says; where it says nothing, what the turns so far add up to.
    """

    def __init__(self, embodiment: Embodiment) -> None:
        self._turn = _Turn(embodiment)
        self._felt = embodiment.orientation
        self._first: Float64 | None = None
        self.now: Float64 = np.eye(3)

    def see(self, arm: Float32) -> None:
        """arm: proprioception float32 (P,)."""
        if self._felt:
            self.now = matrix_of(arm[self._felt])
        if self._first is None:
            self._first = self.now

    def drawn(self, rng: Generator) -> Float64:
        """A random orientation float64 (3, 3): up to a quarter turn, about any axis, away from the first one.
        Where nothing turns, nothing is drawn."""
        first = self.now if self._first is None else self._first
        if not self._turn.numbers:
            return first
        axis, angle = rng.normal(size=3), rng.uniform(0.0, LARGEST_TURN)
        return matrix_of(angle * axis / np.linalg.norm(axis)) @ first

    def towards(self, target: Float64, within: int, steps: int) -> Float64:
        """The turn in each of the next `steps` actions, float64 (n,) in -1..1, that leads to `target` (3, 3)
        within so many control steps, as far as the range allows."""
        if not self._turn.numbers:
            return np.zeros(0)
        turn = self._turn.scaled(axis_angle_of(target @ self.now.T) / within)
        if not self._felt:
            self.now = np.linalg.matrix_power(self._turn.made(turn), steps) @ self.now
        return turn


def orientations_of(embodiment: Embodiment, proprioception: Float32, actions: Float32) -> Float64:
    """The orientations float64 (T+1, 3, 3) along an episode with proprioception float32 (T+1, P) and actions
    float32 (T, A), as `Orientation` follows them."""
    if embodiment.orientation:
        return matrix_of(proprioception[:, embodiment.orientation])
    turn, found = _Turn(embodiment), [np.eye(3)]
    for action in actions:
        found.append(turn.made(action[turn.numbers].astype(np.float64)) @ found[-1])
    return np.stack(found)


class _Turn:
    """The numbers of an action that turn, between -1..1 and rotations. numbers: their places."""

    def __init__(self, embodiment: Embodiment) -> None:
        self.numbers = embodiment.turn
        self._centre, self._scale = scaling(embodiment.actions, self.numbers)

    def scaled(self, vector: Float64) -> Float64:
        """The numbers float64 (n,) in -1..1 that turn by an axis-angle vector (3,), or nearly so."""
        asked = vector if len(self.numbers) == 3 else six_of(matrix_of(vector))
        scaled: Float64 = np.clip((asked - self._centre) / self._scale, -1.0, 1.0)
        return scaled

    def made(self, scaled: Float64) -> Float64:
        """The rotation float64 (3, 3) that numbers in -1..1 make."""
        return matrix_of(self._centre + self._scale * scaled) if self.numbers else np.eye(3)
