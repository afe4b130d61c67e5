"""What collecting tries beside what is planned: other guidance, noise on actions, random waypoints."""

from dataclasses import dataclass, field, replace

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
# Chunks on the way to one waypoint, at most; a burst is one.
WAYPOINT_CHUNKS = 5
_FOR_EVER = 1_000_000


def adapted(exploration: ExplorationConfig, success_rate: float) -> ExplorationConfig:
    """What is explored where the last evaluation had this success rate: less by chance the better it was."""
    return replace(exploration, random_fraction=exploration.random_fraction * (1.0 - success_rate))


class Wanderer:
    """One arm on straight lines to random points of the workspace, the gripper open or closed: what chance
    alone does."""

    def __init__(self, task: str, rng: np.random.Generator) -> None:
        self._family, self._rng = family_of(task), rng
        self._target: NDArray[np.float64] = np.zeros(3)
        self._left = 0

    def chunk(self, arm: Float32) -> Float32:
        """Actions float32 (8, 4) towards the waypoint, at full speed at most; the next one when it is reached
        or after 5 chunks. arm: proprioception float32 (4,)."""
        if self._left == 0 or np.abs(self._target - arm[:3]).max() < 2 * STEP_LENGTH:
            self._target = self._rng.uniform(self._family.low, self._family.high)
            self._left = WAYPOINT_CHUNKS
        self._left -= 1
        motion = np.clip((self._target - arm[:3]) / (STEP_LENGTH * FRAME_SKIP), -1.0, 1.0)
        action = np.append(motion, self._rng.choice([-1.0, 1.0])).astype(np.float32)
        return np.tile(action, (FRAME_SKIP, 1))


@dataclass
class _Slot:
    rng: np.random.Generator
    guidance: float
    wanderer: Wanderer
    wanders: int
    noise: Float32 = field(default_factory=lambda: np.zeros(ACTION_SIZE, np.float32))


class Explorer:
    """One for all slots of a rollout. Each episode draws from a generator of its own, which its actor draws
    from, too; `salt` makes the draws of one use of a seed differ from another's."""

    def __init__(self, exploration: ExplorationConfig, task: str, salt: int) -> None:
        self._exploration, self._task, self._salt = exploration, task, salt
        self._slots: dict[int, _Slot] = {}

    def start(self, slot: int, seed: int) -> None:
        """Draw what this episode explores."""
        rng, exploration = np.random.default_rng([self._salt, seed]), self._exploration
        guidance = float(rng.uniform(-exploration.guidance_spread, exploration.guidance_spread))
        drawn, wanders = rng.random(), 0
        if drawn < exploration.random_fraction:
            wanders = _FOR_EVER
        elif drawn < exploration.random_fraction + exploration.waypoint_fraction:
            wanders = WAYPOINT_CHUNKS
        self._slots[slot] = _Slot(rng, guidance, Wanderer(self._task, rng), wanders)

    def rng(self, slot: int) -> np.random.Generator:
        """The episode's generator."""
        return self._slots[slot].rng

    def guidance(self, slot: int) -> float:
        """By how much this episode's guidance differs."""
        return self._slots[slot].guidance

    def wanders(self, slot: int) -> bool:
        """Whether the next chunk is a random waypoint's, whatever is planned."""
        return self._slots[slot].wanders > 0

    def wander(self, slot: int, arm: Float32) -> Float32:
        """That chunk, float32 (8, 4)."""
        state = self._slots[slot]
        state.wanders -= 1
        return state.wanderer.chunk(arm)

    def vary(self, slot: int, chunk: Float32) -> Float32:
        """What is done instead of a chunk float32 (8, 4)."""
        state, scale = self._slots[slot], self._exploration.action_noise
        if scale == 0.0:
            return chunk
        noisy = chunk.copy()
        for action in noisy:
            kick = state.rng.normal(size=ACTION_SIZE) * scale * np.sqrt(1.0 - NOISE_MEMORY**2)
            state.noise = (NOISE_MEMORY * state.noise + kick).astype(np.float32)
            action += state.noise
        return np.clip(noisy, -1.0, 1.0)
