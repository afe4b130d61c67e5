"""What collecting tries beside what is planned: other guidance, noise on actions, bursts to random points."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sail.config import ExplorationConfig
from sail.types import ACTION_SIZE, FRAME_SKIP, Float32
from sail_envs.tasks import family_of

NO_EXPLORATION = ExplorationConfig()
# One control step moves the end effector by at most this, in metres.
STEP_LENGTH = 0.01
# Ornstein-Uhlenbeck noise: share of the noise that stays from one control step to the next.
NOISE_MEMORY = 0.9
BURST_CHUNKS = 5


@dataclass
class _Slot:
    rng: np.random.Generator
    guidance: float
    burst: int
    noise: Float32 = field(default_factory=lambda: np.zeros(ACTION_SIZE, np.float32))


class Explorer:
    """One for all slots of a rollout. Each episode draws from a generator of its own, which its actor draws
    from, too; `salt` makes the draws of one use of a seed differ from another's."""

    def __init__(self, exploration: ExplorationConfig, task: str, salt: int) -> None:
        self._exploration, self._family, self._salt = exploration, family_of(task), salt
        self._slots: dict[int, _Slot] = {}

    def start(self, slot: int, seed: int) -> None:
        """Draw what this episode explores."""
        rng = np.random.default_rng([self._salt, seed])
        spread = self._exploration.guidance_spread
        guidance = float(rng.uniform(-spread, spread))
        burst = BURST_CHUNKS if rng.random() < self._exploration.waypoint_fraction else 0
        self._slots[slot] = _Slot(rng, guidance, burst)

    def rng(self, slot: int) -> np.random.Generator:
        """The episode's generator."""
        return self._slots[slot].rng

    def guidance(self, slot: int) -> float:
        """By how much this episode's guidance differs."""
        return self._slots[slot].guidance

    def vary(self, slot: int, chunk: Float32, arm: Float32) -> Float32:
        """What is done instead of a chunk float32 (8, 4), the arm's proprioception being `arm`."""
        state = self._slots[slot]
        if state.burst > 0:
            state.burst -= 1
            return towards(state.rng.uniform(self._family.low, self._family.high), arm, state.rng)
        scale = self._exploration.action_noise
        if scale == 0.0:
            return chunk
        noisy = chunk.copy()
        for action in noisy:
            kick = state.rng.normal(size=ACTION_SIZE) * scale * np.sqrt(1.0 - NOISE_MEMORY**2)
            state.noise = (NOISE_MEMORY * state.noise + kick).astype(np.float32)
            action += state.noise
        return np.clip(noisy, -1.0, 1.0)


def towards(target: NDArray[np.float64], arm: Float32, rng: np.random.Generator) -> Float32:
    """A chunk that moves straight to a point float64 (3,) in metres, at full speed at most."""
    motion = np.clip((target - arm[:3]) / (STEP_LENGTH * FRAME_SKIP), -1.0, 1.0)
    action = np.append(motion, rng.choice([-1.0, 1.0])).astype(np.float32)
    return np.tile(action, (FRAME_SKIP, 1))
