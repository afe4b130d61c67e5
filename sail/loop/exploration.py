"""Exploration while collecting: noise on actions, random waypoints, and the waypoints of earlier successes.

An arm that goes to no points explores in its actions: it walks among them at random, and repeats those of
earlier successes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sail.config.schema import ExplorationConfig
from sail.embodiment import Embodiment, scaling
from sail.loop.results import Way
from sail.types import Episode, Float32
from sail_envs.action_noise import ActionWalk, CorrelatedNoise, at_rest
from sail_envs.orientation import Orientation, orientations_of
from sail_envs.suite import TaskSuite

NO_EXPLORATION = ExplorationConfig()
# Chunks on the way to one waypoint, at most.
WAYPOINT_CHUNKS = 5
# Objects stand on the table: a waypoint's height is a uniform share to this power.
LOW = 3
# A success is repeated from its last steps: a waypoint every two chunks, and one more straight on.
REPEATED_STEPS, REPEATED_EVERY = 32, 16
# By how much a repetition is shifted, in metres: things are not where they were.
SHIFT = 0.02
# The standard deviation of the noise on repeated actions, where nothing can be shifted.
REPEATED_NOISE = 0.1
# Metres: this near a waypoint is there, or within two control steps, where those are shorter.
NEAR = 0.02
# From this success rate on the plans mostly work.
MOSTLY_WORKS = 0.6


def adapted(exploration: ExplorationConfig, success_rate: float) -> ExplorationConfig:
    """The exploration after an evaluation with this success rate.

    The better the evaluation, the fewer episodes go at random. Noise shrinks likewise until plans
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
    """Moves one arm straight to random points of the workspace, most of them low, with the grippers open or
    closed at random.

    A hand that can turn does, to a random orientation at each point; numbers that neither move nor turn it
    walk at random (`ActionWalk`). suite: one with a workspace.
    """

    def __init__(self, suite: TaskSuite, rng: np.random.Generator) -> None:
        assert suite.workspace is not None
        self._workspace, self._embodiment, self._rng = suite.workspace, suite.embodiment, rng
        self._orientation = Orientation(suite.embodiment)
        self._walk = ActionWalk(suite.embodiment, rng, suite.embodiment.rest)
        self._target, self._aim = np.zeros(3), np.eye(3)
        self._left = 0

    def chunk(self, arm: Float32) -> Float32:
        """Towards the waypoint; the next one when it is reached or after 5 chunks. See Unplanned."""
        self._orientation.see(arm)
        if self._left == 0 or _near(self._target, arm, self._embodiment):
            low, high = np.array(self._workspace.low), np.array(self._workspace.high)
            self._target = low + (high - low) * self._rng.random(3) ** (1, 1, LOW)
            self._aim = self._orientation.drawn(self._rng)
            self._left = WAYPOINT_CHUNKS
        self._left -= 1
        embodiment = self._embodiment
        grippers = np.array([self._rng.choice([-1.0, 1.0]) for _ in embodiment.grippers])
        chunk = _towards(self._target, arm, embodiment)
        chunk[:, embodiment.grippers] = grippers
        chunk[:, embodiment.turn] = self._orientation.towards(self._aim, len(chunk), len(chunk))
        chunk[:, embodiment.rest] = self._walk.chunk(arm)
        return chunk


def wandering(suite: TaskSuite, rng: np.random.Generator) -> Unplanned:
    """Random motion in a suite: to random points where there is a workspace, else by correlated noise over
    the whole range of the actions."""
    if suite.workspace is None:
        return ActionWalk(suite.embodiment, rng)
    return Wanderer(suite, rng)


def control_name(suite: TaskSuite) -> str:
    """What reports call `wandering` in a suite."""
    return "random actions" if suite.workspace is None else "random waypoints"


@dataclass(frozen=True)
class _Waypoint:
    """place: float64 (3,), metres. orientation: float64 (3, 3). grippers: their commands, float32 (G,).
    actions: float32 (n, A), the success's on the way there."""

    place: NDArray[np.float64]
    orientation: NDArray[np.float64]
    grippers: Float32
    actions: Float32


class Repeater:
    """Moves one arm along the last waypoints of one success after another, shifted a little each time: things
    are not where they were. The success's orientations, grippers and other numbers go along."""

    def __init__(self, suite: TaskSuite, successes: Sequence[Episode], rng: np.random.Generator) -> None:
        self._embodiment, self._successes, self._rng = suite.embodiment, successes, rng
        self._orientation = Orientation(suite.embodiment)
        self._waypoints: list[_Waypoint] = []
        self._left = 0

    def chunk(self, arm: Float32) -> Float32:
        """Towards the next waypoint; see Wanderer and Unplanned."""
        self._orientation.see(arm)
        while self._waypoints and (self._left == 0 or _near(self._waypoints[0].place, arm, self._embodiment)):
            self._waypoints.pop(0)
            self._left = WAYPOINT_CHUNKS
        if not self._waypoints:
            self._waypoints = self._draw()
            self._left = WAYPOINT_CHUNKS
        made = WAYPOINT_CHUNKS - self._left
        self._left -= 1
        embodiment, there = self._embodiment, self._waypoints[0]
        chunk = _towards(there.place, arm, embodiment)
        chunk[:, embodiment.grippers] = there.grippers
        chunk[:, embodiment.turn] = self._orientation.towards(there.orientation, len(chunk), len(chunk))
        replayed = _replayed(there.actions, made * len(chunk), arm, embodiment)
        chunk[:, embodiment.rest] = replayed[:, embodiment.rest]
        return chunk

    def _draw(self) -> list[_Waypoint]:
        episode = self._successes[int(self._rng.integers(len(self._successes)))]
        shift, last = self._rng.normal(size=3) * SHIFT, len(episode)
        arm, actions = self._embodiment, episode.actions
        steps = [max(0, last - before) for before in range(REPEATED_STEPS, -1, -REPEATED_EVERY)]
        orientations = orientations_of(arm, episode.proprioception, actions)
        waypoints = [
            _Waypoint(
                episode.proprioception[step, arm.position].astype(np.float64) + shift,
                orientations[step],
                np.sign(actions[min(step, last - 1), arm.grippers]),
                actions[max(0, step - REPEATED_EVERY) : max(1, step)],
            )
            for step in steps
        ]
        end = waypoints[-1]
        beyond = 2 * end.place - waypoints[-2].place
        return [*waypoints, replace(end, place=beyond, actions=end.actions[-1:])]


class Replayer:
    """Makes the actions of one success after another again, with a little correlated noise: for an arm that
    goes to no points. The first success is made whole, because the arm stands where it began; of the others,
    the last steps."""

    def __init__(self, suite: TaskSuite, successes: Sequence[Episode], rng: np.random.Generator) -> None:
        self._embodiment, self._successes, self._rng = suite.embodiment, successes, rng
        self._noise = CorrelatedNoise(suite.embodiment, REPEATED_NOISE, rng)
        self._actions: Float32 | None = None
        self._made = 0

    def chunk(self, arm: Float32) -> Float32:
        """The success's next actions; see Unplanned."""
        if self._actions is None or self._made >= len(self._actions):
            actions = self._successes[int(self._rng.integers(len(self._successes)))].actions
            first = 0 if self._actions is None else -(REPEATED_STEPS + REPEATED_EVERY)
            self._actions, self._made = actions[first:], 0
        chunk = _replayed(self._actions, self._made, arm, self._embodiment)
        self._made += len(chunk)
        return self._noise.added(chunk)


def repeating(suite: TaskSuite, successes: Sequence[Episode], rng: np.random.Generator) -> Unplanned:
    """Repetitions of successes: along their last waypoints, or, by an arm that goes to no points, of their
    actions."""
    return (Repeater if suite.embodiment.reaches_points else Replayer)(suite, successes, rng)


def _near(target: NDArray[np.float64], arm: Float32, embodiment: Embodiment) -> bool:
    _, steps = scaling(embodiment.actions, embodiment.displacement)
    return bool((np.abs(target - arm[embodiment.position]) < np.minimum(2 * steps, NEAR)).all())


def _towards(target: NDArray[np.float64], arm: Float32, embodiment: Embodiment) -> Float32:
    """A chunk (K, A) that leads the end effector to `target` (3,), at full speed at most; all else is 0."""
    steps, (centre, scale) = embodiment.frame_skip, scaling(embodiment.actions, embodiment.displacement)
    way = target - arm[embodiment.position] - steps * centre
    chunk = np.zeros((steps, len(embodiment.actions)), np.float32)
    chunk[:, embodiment.displacement] = np.clip(way / (scale * steps), -1.0, 1.0)
    return chunk


def _replayed(actions: Float32, first: int, arm: Float32, embodiment: Embodiment) -> Float32:
    """The chunk float32 (K, A) of `actions` (n, A) from `first` on. After the last one nothing moves further:
    what says how something is to change leaves it as it is, other numbers stay."""
    steps = first + np.arange(embodiment.frame_skip)
    chunk = actions[np.minimum(steps, len(actions) - 1)]
    rest = at_rest(embodiment, arm)
    for place in embodiment.changes:
        chunk[steps >= len(actions), place] = rest[place]
    return chunk


@dataclass
class _Slot:
    rng: np.random.Generator
    unplanned: Unplanned | None
    noise: CorrelatedNoise | None


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
        self._successes = successes
        self._slots: dict[int, _Slot] = {}
        self.ways: dict[int, Way] = {}

    def start(self, slot: int, seed: int) -> None:
        """Draw what this episode explores."""
        rng, exploration = np.random.default_rng([self._salt, seed]), self._exploration
        # The first number is not used. It is drawn so that a seed gives the episodes of results/.
        drawn, way = rng.random(2)[1], Way.PLANNED
        unplanned: Unplanned | None = None
        if self._successes and drawn < exploration.random_fraction * exploration.repeat_fraction:
            unplanned, way = repeating(self._suite, self._successes, rng), Way.REPEATED
        elif drawn < exploration.random_fraction:
            unplanned, way = wandering(self._suite, rng), Way.RANDOM
        noisy = rng.random() < exploration.noisy_fraction and exploration.action_noise > 0.0
        if way is Way.PLANNED and noisy:
            way = Way.NOISY
        noise = CorrelatedNoise(self._suite.embodiment, exploration.action_noise, rng) if noisy else None
        self._slots[slot] = _Slot(rng, unplanned, noise)
        self.ways[seed] = way

    def rng(self, slot: int) -> np.random.Generator:
        """The episode's generator."""
        return self._slots[slot].rng

    def unplanned(self, slot: int) -> Unplanned | None:
        """The episode's actor where the episode follows no plan, else None."""
        return self._slots[slot].unplanned

    def vary(self, slot: int, chunk: Float32) -> Float32:
        """The chunk float32 (K, A) with the episode's noise."""
        noise = self._slots[slot].noise
        return chunk if noise is None else noise.added(chunk)
