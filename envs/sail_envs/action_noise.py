"""Correlated noise on actions: what disturbs an arm, and what moves an arm that goes to no points."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sail.embodiment import Embodiment
from sail.types import Float32
from sail_envs.rotations import six_of

Float64 = NDArray[np.float64]

# The share of the noise that stays from one control step to the next.
NOISE_MEMORY = 0.9
# Chunks on the way to one random action, at most.
WALK_CHUNKS = 5
# Noise on a number that says where something is to be, as a share of the noise on one that says how it is to
# change: the first is the whole range away at once, the second within many control steps.
TARGET_SHARE = 0.2


def noise_scales(embodiment: Embodiment) -> Float64:
    """By what to multiply noise on each number of an action: float64 (A,)."""
    scales = np.ones(len(embodiment.actions))
    scales[embodiment.targets] = TARGET_SHARE
    return scales


class CorrelatedNoise:
    """Ornstein-Uhlenbeck noise on actions. size: its standard deviation, as a share of half of a number's
    range."""

    def __init__(self, embodiment: Embodiment, size: float, rng: Generator) -> None:
        self._size, self._scales, self._rng = size, noise_scales(embodiment), rng
        self._noise: Float32 = np.zeros(len(embodiment.actions), np.float32)

    def added(self, chunk: Float32) -> Float32:
        """The chunk float32 (K, A) with the noise of the next K control steps, in -1..1."""
        noisy = chunk.copy()
        for action in noisy:
            drawn = self._rng.normal(size=len(action))
            kick = drawn * self._size * np.sqrt(1.0 - NOISE_MEMORY**2) * self._scales
            self._noise = (NOISE_MEMORY * self._noise + kick).astype(np.float32)
            action += self._noise
        return np.clip(noisy, -1.0, 1.0)


class ActionWalk:
    """A random walk of an action's numbers, over all of -1..1.

    The numbers go straight from one random point to the next, each within 1 to 5 chunks. A gripper opens or
    closes at once. numbers: their places in an action, all where None. Without numbers nothing is drawn.
    """

    def __init__(self, embodiment: Embodiment, rng: Generator, numbers: Sequence[int] | None = None) -> None:
        self._numbers = list(range(len(embodiment.actions)) if numbers is None else numbers)
        self._switches = np.isin(self._numbers, embodiment.grippers)
        self._embodiment, self._rng = embodiment, rng
        self._now: Float64 | None = None
        self._aim, self._left = np.zeros(len(self._numbers)), 0

    def step(self, arm: Float32) -> Float64:
        """The numbers of the next action: float64 (n,) in -1..1. arm: proprioception float32 (P,)."""
        if not self._numbers:
            return np.zeros(0)
        if self._now is None:
            self._now = at_rest(self._embodiment, arm)[self._numbers]
        if self._left == 0:
            drawn = self._rng.uniform(-1.0, 1.0, len(self._numbers))
            self._aim = np.where(self._switches, np.copysign(1.0, drawn), drawn)
            chunks = int(self._rng.integers(1, WALK_CHUNKS, endpoint=True))
            self._left = chunks * self._embodiment.frame_skip
        self._now = self._now + (self._aim - self._now) / self._left
        self._left -= 1
        return np.where(self._switches, self._aim, self._now)

    def chunk(self, arm: Float32) -> Float32:
        """The next chunk: float32 (K, n)."""
        return np.stack([self.step(arm) for _ in range(self._embodiment.frame_skip)]).astype(np.float32)


def at_rest(embodiment: Embodiment, arm: Float32) -> Float64:
    """The action float64 (A,) in -1..1 that leaves an arm where it is.

    arm: proprioception float32 (P,). A number that says where something is to be is looked up there by its
    kind and name. What is not found, grippers and numbers of kind other are in the middle of their ranges.
    """
    action, felt = np.zeros(len(embodiment.actions)), embodiment.proprioception
    now = {(one.kind, one.name): float(value) for one, value in zip(felt, arm, strict=True)}
    same_6d = iter(np.resize(six_of(np.eye(3)), len(action)))
    for place, one in enumerate(embodiment.actions):
        value = now.get((one.kind, one.name), one.centre) if place in embodiment.targets else one.centre
        if place in embodiment.changes:
            value = next(same_6d) if one.kind == "delta_rotation" and one.unit != "rad" else 0.0
        action[place] = np.clip((value - one.centre) / one.scale, -1.0, 1.0)
    return action
