"""What can act in a rollout: the planner with inverse dynamics, a perfect plan, random waypoints."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sail.agent import sampling_of
from sail.config import ExplorationConfig, RunConfig
from sail.types import ACTION_SIZE, FRAME_SKIP, Float32, SailError, UInt8
from sail_envs.tasks import TASKS, family_of
from sail_models.sampling import Acting, Planning

NO_EXPLORATION = ExplorationConfig()
# One control step moves the end effector by at most this, in metres.
STEP_LENGTH = 0.01
# Ornstein-Uhlenbeck noise: share of the noise that stays from one control step to the next.
NOISE_MEMORY = 0.9
BURST_CHUNKS = 5


class PlanLengthError(SailError):
    """More planned frames are to be followed than are planned."""


class PlanningAgent(Protocol):
    """What plans and acts: `Agent`, or an exported one. planned_frames: of one plan."""

    @property
    def video_planner(self) -> Planning: ...
    @property
    def inverse_dynamics(self) -> Acting: ...
    @property
    def planned_frames(self) -> int: ...
    @property
    def identity(self) -> str: ...


@dataclass
class _Slot:
    rng: np.random.Generator
    guidance: float
    noise: Float32 = field(default_factory=lambda: np.zeros(ACTION_SIZE, np.float32))
    burst: int = 0
    # The frame planned from and the frames planned; cursor counts those that have been goals.
    plan: UInt8 = field(default_factory=lambda: np.zeros((0, 0, 0, 3), np.uint8))
    cursor: int = 0


class PlannerActor:
    """Plans, follows `replan_every` planned frames with inverse dynamics, plans again.

    Following is `servo`: the camera's current frame against the next planned frame. With `servo=False` it
    is `pair`, as in the paper: a planned frame against the one after it. `exploration` varies what is tried;
    `salt` makes the noise of one use of a seed differ from another's. Raises PlanLengthError.
    """

    def __init__(
        self,
        agent: PlanningAgent,
        config: RunConfig,
        exploration: ExplorationConfig = NO_EXPLORATION,
        salt: int = 0,
        servo: bool = True,
    ) -> None:
        if config.planner.replan_every > agent.planned_frames:
            raise PlanLengthError(
                f"planner.replan_every is {config.planner.replan_every}: "
                f"these weights plan {agent.planned_frames} frames, choose at most that"
            )
        self._agent, self._planner, self._prompt = agent, agent.video_planner, TASKS[config.task]
        self._family = family_of(config.task)
        self._config, self._exploration, self._salt, self._servo = config.planner, exploration, salt, servo
        self._sampling = sampling_of(config, exploration.temperature)
        self._slots: dict[int, _Slot] = {}

    def start(self, slot: int, seed: int) -> None:
        """Forget the slot's plan and draw what this episode explores."""
        rng = np.random.default_rng([self._salt, seed])
        exploration = self._exploration
        spread = exploration.guidance_spread
        guidance = max(0.0, self._config.guidance + float(rng.uniform(-spread, spread)))
        burst = BURST_CHUNKS if rng.random() < exploration.waypoint_fraction else 0
        self._slots[slot] = _Slot(rng, guidance, burst=burst)

    def act(self, observations: Mapping[int, Mapping[str, Any]]) -> dict[int, Float32]:
        """Replan where a plan is used up, then one chunk towards each slot's next planned frame."""
        used_up = self._config.replan_every
        self._replan({s: o for s, o in observations.items() if self._slots[s].cursor % used_up == 0})
        order = list(observations)
        for slot in order:
            self._slots[slot].cursor += 1
        goals = np.stack([self._planned(slot, 0) for slot in order])
        if self._servo:
            frames = np.stack([observations[slot]["frame"] for slot in order])
        else:
            frames = np.stack([self._planned(slot, -1) for slot in order])
        arms = np.stack([observations[slot]["proprioception"] for slot in order])
        seeds = [int(self._slots[slot].rng.integers(2**31)) for slot in order]
        chunks = self._agent.inverse_dynamics.act(frames, goals, arms, seeds)
        return {
            slot: self._explore(self._slots[slot], chunk, arm)
            for slot, chunk, arm in zip(order, chunks, arms, strict=True)
        }

    def goal(self, slot: int) -> UInt8 | None:
        """The planned frame that the latest chunk was to reach."""
        return self._planned(slot, 0)

    def _replan(self, observations: Mapping[int, Mapping[str, Any]]) -> None:
        if not observations:
            return
        slots = [self._slots[slot] for slot in observations]
        frames = np.stack([observation["frame"] for observation in observations.values()])
        plan = self._planner.plan(
            frames,
            [self._prompt] * len(slots),
            [int(slot.rng.integers(2**62)) for slot in slots],
            self._sampling,
            guidance=np.array([slot.guidance for slot in slots], np.float32),
            keep=self._config.replan_every,
        )
        for slot, frame, imagined in zip(slots, frames, plan.frames, strict=True):
            slot.plan, slot.cursor = np.concatenate([frame[None], imagined]), 0

    def _planned(self, slot: int, offset: int) -> UInt8:
        """The frame the slot is on its way to (offset 0), or the one before it in the plan (-1)."""
        state = self._slots[slot]
        frame: UInt8 = state.plan[state.cursor + offset]
        return frame

    def _explore(self, slot: _Slot, chunk: Float32, arm: Float32) -> Float32:
        if slot.burst > 0:
            slot.burst -= 1
            return _towards(slot.rng.uniform(self._family.low, self._family.high), arm, slot.rng)
        scale = self._exploration.action_noise
        if scale == 0.0:
            return chunk
        noisy = chunk.copy()
        for action in noisy:
            kick = slot.rng.normal(size=ACTION_SIZE) * scale * np.sqrt(1.0 - NOISE_MEMORY**2)
            slot.noise = (NOISE_MEMORY * slot.noise + kick).astype(np.float32)
            action += slot.noise
        return np.clip(noisy, -1.0, 1.0)


class WaypointActor:
    """Straight lines to random points of the workspace, the gripper open or closed: what chance alone
    solves."""

    def __init__(self, task: str, salt: int = 0) -> None:
        self._family, self._salt = family_of(task), salt
        self._rngs: dict[int, np.random.Generator] = {}
        self._targets: dict[int, tuple[NDArray[np.float64], int]] = {}

    def start(self, slot: int, seed: int) -> None:
        """Begin anew with the episode's own generator."""
        self._rngs[slot] = np.random.default_rng([self._salt, seed])
        self._targets.pop(slot, None)

    def act(self, observations: Mapping[int, Mapping[str, Any]]) -> dict[int, Float32]:
        """One chunk towards each slot's waypoint; a new one when it is reached or after 5 chunks."""
        chunks = {}
        for slot, observation in observations.items():
            arm, rng = observation["proprioception"], self._rngs[slot]
            target, left = self._targets.get(slot, (np.zeros(3), 0))
            if left == 0 or np.abs(target - arm[:3]).max() < 2 * STEP_LENGTH:
                target, left = rng.uniform(self._family.low, self._family.high), BURST_CHUNKS
            self._targets[slot] = (target, left - 1)
            chunks[slot] = _towards(target, arm, rng)
        return chunks

    def goal(self, slot: int) -> UInt8 | None:
        """There is no plan."""
        return None


def _towards(target: NDArray[np.float64], arm: Float32, rng: np.random.Generator) -> Float32:
    """A chunk that moves straight to a point float64 (3,) in metres, at full speed at most."""
    motion = np.clip((target - arm[:3]) / (STEP_LENGTH * FRAME_SKIP), -1.0, 1.0)
    action = np.append(motion, rng.choice([-1.0, 1.0])).astype(np.float32)
    return np.tile(action, (FRAME_SKIP, 1))
