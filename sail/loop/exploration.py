"""Exploration while collecting: noise on actions, random waypoints, and the waypoints of earlier
successes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sail.config.schema import ExplorationConfig
from sail.embodiment import Embodiment
from sail.loop.results import Way
from sail.types import Episode, Float32
from sail_envs.suite import TaskSuite

NO_EXPLORATION = ExplorationConfig()
# Ornstein-Uhlenbeck noise: share of the noise that stays from one control step to the next.
NOISE_MEMORY = 0.9
# Chunks on the way to one waypoint, at most.
WAYPOINT_CHUNKS = 5
# Objects stand on the table: a waypoint's height is a uniform share to this power.
LOW = 3
# A success is repeated from its last steps: a waypoint every two chunks, and one more straight on.
REPEATED_STEPS, REPEATED_EVERY = 32, 16
# By how much a repetition is shifted, in metres: things are not where they were.
SHIFT = 0.02
# From this success rate on the plans mostly work.
MOSTLY_WORKS = 0.6


def adapted(exploration: ExplorationConfig, success_rate: float) -> ExplorationConfig:
    """The exploration after an evaluation with this success rate.

    The better the evaluation, the fewer episodes go by random waypoints. Noise shrinks likewise until plans
    mostly work, and is then full again: a planner that still learns a task learns most from nearly
    undisturbed plans; one that can do the task learns nothing from them, and forgets.
    """
    left = (1.0 - success_rate) ** 2
    fewer = replace(exploration, random_fraction=exploration.random_fraction * left)
    if success_rate >= MOSTLY_WORKS:
        return fewer
    return replace(fewer, action_noise=exploration.action_noise * left)


class Unplanned(Protocol):
    """Acts without a plan."""

    def chunk(self, arm: Float32) -> Float32:
        """Actions float32 (K, A), at full speed at most. arm: proprioception float32 (P,)."""
        ...


class Wanderer:
    """Moves one arm straight to random points of the workspace, most of them low, with the gripper open or
    closed at random."""

    def __init__(self, suite: TaskSuite, rng: np.random.Generator) -> None:
        assert suite.workspace is not None
        self._workspace, self._embodiment, self._rng = suite.workspace, suite.embodiment, rng
        self._target: NDArray[np.float64] = np.zeros(3)
        self._left = 0

    def chunk(self, arm: Float32) -> Float32:
        """Towards the waypoint; the next one when it is reached or after 5 chunks. See Unplanned."""
        if self._left == 0 or _near(self._target, arm, self._embodiment):
            low, high = np.array(self._workspace.low), np.array(self._workspace.high)
            self._target = low + (high - low) * self._rng.random(3) ** (1, 1, LOW)
            self._left = WAYPOINT_CHUNKS
        self._left -= 1
        return _towards(self._target, self._rng.choice([-1.0, 1.0]), arm, self._embodiment)


class Repeater:
    """Moves one arm along the last waypoints of one success after another, shifted a little each time: things
    are not where they were."""

    def __init__(self, suite: TaskSuite, successes: Sequence[Episode], rng: np.random.Generator) -> None:
        self._embodiment, self._successes, self._rng = suite.embodiment, successes, rng
        self._waypoints: list[NDArray[np.float64]] = []
        self._left = 0

    def chunk(self, arm: Float32) -> Float32:
        """Towards the next waypoint; see Wanderer and Unplanned."""
        while self._waypoints and (self._left == 0 or _near(self._waypoints[0][:3], arm, self._embodiment)):
            self._waypoints.pop(0)
            self._left = WAYPOINT_CHUNKS
        if not self._waypoints:
            self._waypoints = self._draw()
            self._left = WAYPOINT_CHUNKS
        self._left -= 1
        target = self._waypoints[0]
        return _towards(target[:3], float(target[3]), arm, self._embodiment)

    def _draw(self) -> list[NDArray[np.float64]]:
        """Position and gripper command of each waypoint."""
        episode = self._successes[int(self._rng.integers(len(self._successes)))]
        shift, last = self._rng.normal(size=3) * SHIFT, len(episode)
        steps = [max(0, last - before) for before in range(REPEATED_STEPS, -1, -REPEATED_EVERY)]
        commands = [np.sign(episode.actions[min(step, last - 1), 3]) for step in steps]
        places = [episode.proprioception[step, :3].astype(np.float64) + shift for step in steps]
        beyond = 2 * places[-1] - places[-2]
        return [np.append(*one) for one in zip([*places, beyond], [*commands, commands[-1]], strict=True)]


def _near(target: NDArray[np.float64], arm: Float32, embodiment: Embodiment) -> bool:
    return bool(np.abs(target - arm[:3]).max() < 2 * embodiment.step_length)


def _towards(target: NDArray[np.float64], gripper: float, arm: Float32, embodiment: Embodiment) -> Float32:
    steps = embodiment.frame_skip
    motion = np.clip((target - arm[:3]) / (embodiment.step_length * steps), -1.0, 1.0)
    return np.tile(np.append(motion, gripper).astype(np.float32), (steps, 1))


@dataclass
class _Slot:
    rng: np.random.Generator
    noise_scale: float
    unplanned: Unplanned | None
    noise: Float32


class Explorer:
    """Explores in all slots of a rollout.

    Each episode has a generator of its own, which its actor draws from too. salt: makes the draws of one use
    of a seed differ from another's. successes: episodes that may be repeated. ways: seed -> how its episode
    came about.
    """

    def __init__(
        self, exploration: ExplorationConfig, suite: TaskSuite, salt: int, successes: Sequence[Episode] = ()
    ) -> None:
        self._exploration, self._suite, self._salt = exploration, suite, salt
        self._successes, self._size = successes, len(suite.embodiment.actions)
        self._slots: dict[int, _Slot] = {}
        self.ways: dict[int, Way] = {}

    def start(self, slot: int, seed: int) -> None:
        """Draw what this episode explores."""
        rng, exploration = np.random.default_rng([self._salt, seed]), self._exploration
        # The first number is not used. It is drawn so that a seed gives the episodes of results/.
        drawn, way = rng.random(2)[1], Way.PLANNED
        unplanned: Unplanned | None = None
        if self._successes and drawn < exploration.random_fraction * exploration.repeat_fraction:
            unplanned, way = Repeater(self._suite, self._successes, rng), Way.REPEATED
        elif drawn < exploration.random_fraction:
            unplanned, way = Wanderer(self._suite, rng), Way.RANDOM
        noise_scale = exploration.action_noise if rng.random() < exploration.noisy_fraction else 0.0
        if way is Way.PLANNED and noise_scale:
            way = Way.NOISY
        self._slots[slot] = _Slot(rng, noise_scale, unplanned, np.zeros(self._size, np.float32))
        self.ways[seed] = way

    def rng(self, slot: int) -> np.random.Generator:
        """The episode's generator."""
        return self._slots[slot].rng

    def unplanned(self, slot: int) -> Unplanned | None:
        """The episode's actor where the episode follows no plan, else None."""
        return self._slots[slot].unplanned

    def vary(self, slot: int, chunk: Float32) -> Float32:
        """The chunk float32 (K, A) with the episode's noise."""
        state = self._slots[slot]
        if state.noise_scale == 0.0:
            return chunk
        noisy = chunk.copy()
        for action in noisy:
            kick = state.rng.normal(size=self._size) * state.noise_scale * np.sqrt(1.0 - NOISE_MEMORY**2)
            state.noise = (NOISE_MEMORY * state.noise + kick).astype(np.float32)
            action += state.noise
        return np.clip(noisy, -1.0, 1.0)
