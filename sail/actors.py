"""What can act in a rollout: the planner with inverse dynamics, a policy, random waypoints."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sail.agent import PolicyAgent, sampling_of
from sail.config import ExplorationConfig, RunConfig
from sail.exploration import BURST_CHUNKS, NO_EXPLORATION, STEP_LENGTH, Explorer, towards
from sail.types import Float32, SailError, UInt8
from sail_envs.tasks import TASKS, family_of
from sail_models.sampling import Acting, Planning


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
class _Followed:
    """The frame planned from and the frames planned; cursor counts those that have been goals."""

    frames: UInt8
    cursor: int


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
        self._config, self._servo = config.planner, servo
        self._explorer = Explorer(exploration, config.task, salt)
        self._sampling = sampling_of(config, exploration.temperature)
        self._plans: dict[int, _Followed] = {}

    def start(self, slot: int, seed: int) -> None:
        """Forget the slot's plan and draw what this episode explores."""
        self._explorer.start(slot, seed)
        self._plans.pop(slot, None)

    def act(self, observations: Mapping[int, Mapping[str, Any]]) -> dict[int, Float32]:
        """Replan where a plan is used up, then one chunk towards each slot's next planned frame."""
        self._replan({slot: seen for slot, seen in observations.items() if self._used_up(slot)})
        order = list(observations)
        for slot in order:
            self._plans[slot].cursor += 1
        goals = np.stack([self._planned(slot, 0) for slot in order])
        if self._servo:
            frames = np.stack([observations[slot]["frame"] for slot in order])
        else:
            frames = np.stack([self._planned(slot, -1) for slot in order])
        arms = np.stack([observations[slot]["proprioception"] for slot in order])
        seeds = [int(self._explorer.rng(slot).integers(2**31)) for slot in order]
        chunks = self._agent.inverse_dynamics.act(frames, goals, arms, seeds)
        return {
            slot: self._explorer.vary(slot, chunk, arm)
            for slot, chunk, arm in zip(order, chunks, arms, strict=True)
        }

    def goal(self, slot: int) -> UInt8 | None:
        """The planned frame that the latest chunk was to reach."""
        return self._planned(slot, 0)

    def _used_up(self, slot: int) -> bool:
        plan = self._plans.get(slot)
        return plan is None or plan.cursor == self._config.replan_every

    def _replan(self, observations: Mapping[int, Mapping[str, Any]]) -> None:
        if not observations:
            return
        slots = list(observations)
        frames = np.stack([observation["frame"] for observation in observations.values()])
        guidance = [max(0.0, self._config.guidance + self._explorer.guidance(slot)) for slot in slots]
        plan = self._planner.plan(
            frames,
            [self._prompt] * len(slots),
            [int(self._explorer.rng(slot).integers(2**62)) for slot in slots],
            self._sampling,
            guidance=np.array(guidance, np.float32),
            keep=self._config.replan_every,
        )
        for slot, frame, imagined in zip(slots, frames, plan.frames, strict=True):
            self._plans[slot] = _Followed(np.concatenate([frame[None], imagined]), 0)

    def _planned(self, slot: int, offset: int) -> UInt8:
        """The frame the slot is on its way to (offset 0), or the one before it in the plan (-1)."""
        plan = self._plans[slot]
        frame: UInt8 = plan.frames[plan.cursor + offset]
        return frame


class PolicyActor:
    """Acts by a policy, which plans nothing: one chunk at a time from what is seen. See PlannerActor."""

    def __init__(
        self, agent: PolicyAgent, task: str, exploration: ExplorationConfig = NO_EXPLORATION, salt: int = 0
    ) -> None:
        self._policy, self._text = agent.policy, agent.text([TASKS[task]])
        self._explorer = Explorer(exploration, task, salt)

    def start(self, slot: int, seed: int) -> None:
        """Draw what this episode explores."""
        self._explorer.start(slot, seed)

    def act(self, observations: Mapping[int, Mapping[str, Any]]) -> dict[int, Float32]:
        """One chunk for each slot."""
        order = list(observations)
        frames = np.stack([observations[slot]["frame"] for slot in order])
        arms = np.stack([observations[slot]["proprioception"] for slot in order])
        seeds = [int(self._explorer.rng(slot).integers(2**31)) for slot in order]
        chunks = self._policy.act(frames, self._text.expand(len(order), -1, -1), arms, seeds)
        return {
            slot: self._explorer.vary(slot, chunk, arm)
            for slot, chunk, arm in zip(order, chunks, arms, strict=True)
        }

    def goal(self, slot: int) -> UInt8 | None:
        """There is no plan."""
        return None


def actor_of(
    agent: PlanningAgent | PolicyAgent,
    config: RunConfig,
    exploration: ExplorationConfig = NO_EXPLORATION,
    salt: int = 0,
    servo: bool = True,
) -> PlannerActor | PolicyActor:
    """What acts in rollouts for this agent; a policy follows no plan, so that `servo` is nothing to it."""
    if isinstance(agent, PolicyAgent):
        return PolicyActor(agent, config.task, exploration, salt)
    return PlannerActor(agent, config, exploration, salt, servo)


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
            chunks[slot] = towards(target, arm, rng)
        return chunks

    def goal(self, slot: int) -> UInt8 | None:
        """There is no plan."""
        return None
