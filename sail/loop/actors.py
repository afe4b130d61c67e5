"""The actors of rollouts: a planner with inverse dynamics, a policy, random motion."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sail.config.schema import RunConfig
from sail.config.suites import prompt_of_run, suite_of_run
from sail.embodiment import Embodiment, check_fit
from sail.errors import SailError
from sail.loop.agent import sampling_of
from sail.loop.exploration import NO_EXPLORATION, Explorer, Unplanned, wandering
from sail.types import Float32, UInt8
from sail_envs.suite import TaskSuite
from sail_models.interfaces import Acting, Deciding, Planning


class PlanLengthError(SailError):
    """More planned frames are to be followed than are planned."""


class PlanningAgent(Protocol):
    """Plans and acts: an `Agent`, or an exported one. planned_frames: frames of one plan."""

    @property
    def video_planner(self) -> Planning: ...
    @property
    def inverse_dynamics(self) -> Acting: ...
    @property
    def planned_frames(self) -> int: ...
    @property
    def identity(self) -> str: ...
    @property
    def embodiment(self) -> Embodiment: ...


@dataclass
class _Followed:
    """The frame planned from and the frames planned; cursor counts those that have been goals."""

    frames: UInt8
    cursor: int


def check_plan_length(agent: PlanningAgent, config: RunConfig) -> None:
    """Raise PlanLengthError where more frames are to be followed than are planned."""
    if config.planner.replan_every > agent.planned_frames:
        raise PlanLengthError(
            f"planner.replan_every is {config.planner.replan_every}: "
            f"these weights plan {agent.planned_frames} frames, choose at most that"
        )


class PlannerActor:
    """Plans, follows `replan_every` planned frames with inverse dynamics, plans again.

    Following is by `planner.following`: the camera's current frame against the next planned frame (servo), or
    a planned frame against the one after it (pair), as in the paper. The explorer varies what is tried.
    Raises PlanLengthError.
    """

    def __init__(self, agent: PlanningAgent, config: RunConfig, explorer: Explorer) -> None:
        check_plan_length(agent, config)
        self._agent, self._planner, self._prompt = agent, agent.video_planner, prompt_of_run(config)
        self._config = config.planner
        self._explorer = explorer
        self._sampling = sampling_of(config)
        self._plans: dict[int, _Followed] = {}

    def start(self, slot: int, seed: int) -> None:
        """Forget the slot's plan and draw what this episode explores."""
        self._explorer.start(slot, seed)
        self._plans.pop(slot, None)

    def act(self, observations: Mapping[int, Mapping[str, Any]]) -> dict[int, Float32]:
        """Replan where a plan is used up, then one chunk towards each slot's next planned frame."""
        return _with_unplanned(self._explorer, observations, self._follow)

    def goal(self, slot: int) -> UInt8 | None:
        """The planned frame that the latest chunk was to reach, if it followed a plan."""
        return self._planned(slot, 0) if slot in self._plans else None

    def _follow(self, observations: Mapping[int, Mapping[str, Any]]) -> Float32:
        self._replan({slot: seen for slot, seen in observations.items() if self._used_up(slot)})
        order = list(observations)
        for slot in order:
            self._plans[slot].cursor += 1
        goals = np.stack([self._planned(slot, 0) for slot in order])
        if self._config.following == "servo":
            frames = np.stack([observations[slot]["frame"] for slot in order])
        else:
            frames = np.stack([self._planned(slot, -1) for slot in order])
        arms = np.stack([observations[slot]["proprioception"] for slot in order])
        seeds = [int(self._explorer.rng(slot).integers(2**31)) for slot in order]
        return self._agent.inverse_dynamics.act(frames, goals, arms, seeds)

    def _used_up(self, slot: int) -> bool:
        plan = self._plans.get(slot)
        return plan is None or plan.cursor == self._config.replan_every

    def _replan(self, observations: Mapping[int, Mapping[str, Any]]) -> None:
        if not observations:
            return
        slots = list(observations)
        frames = np.stack([observation["frame"] for observation in observations.values()])
        plan = self._planner.plan(
            frames,
            [self._prompt] * len(slots),
            [int(self._explorer.rng(slot).integers(2**62)) for slot in slots],
            self._sampling,
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

    def __init__(self, policy: Deciding, prompt: str, explorer: Explorer) -> None:
        self._policy, self._prompt, self._explorer = policy, prompt, explorer

    def start(self, slot: int, seed: int) -> None:
        """Draw what this episode explores."""
        self._explorer.start(slot, seed)

    def act(self, observations: Mapping[int, Mapping[str, Any]]) -> dict[int, Float32]:
        """One chunk for each slot."""
        return _with_unplanned(self._explorer, observations, self._decide)

    def goal(self, slot: int) -> UInt8 | None:
        """There is no plan."""
        return None

    def _decide(self, observations: Mapping[int, Mapping[str, Any]]) -> Float32:
        order = list(observations)
        frames = np.stack([observations[slot]["frame"] for slot in order])
        arms = np.stack([observations[slot]["proprioception"] for slot in order])
        seeds = [int(self._explorer.rng(slot).integers(2**31)) for slot in order]
        return self._policy.decide(frames, [self._prompt] * len(order), arms, seeds)


def _with_unplanned(
    explorer: Explorer,
    observations: Mapping[int, Mapping[str, Any]],
    decide: Callable[[Mapping[int, Mapping[str, Any]]], Float32],
) -> dict[int, Float32]:
    """Action chunks by slot: the explorer's own where the episode follows no plan, else `decide`'s,
    varied."""
    unplanned = {slot: explorer.unplanned(slot) for slot in observations}
    others = {slot: seen for slot, seen in observations.items() if unplanned[slot] is None}
    decided = dict(zip(others, decide(others), strict=True)) if others else {}
    return {
        slot: explorer.vary(slot, decided[slot])
        if acts is None
        else acts.chunk(observations[slot]["proprioception"])
        for slot, acts in unplanned.items()
    }


def actor_of(
    agent: PlanningAgent | Deciding, config: RunConfig, explorer: Explorer | None = None
) -> PlannerActor | PolicyActor:
    """The actor of an agent; without an explorer nothing is varied. Raises EmbodimentError where the suite's
    arm or camera is not the agent's."""
    check_suite(agent, suite_of_run(config))
    explorer = explorer or Explorer(NO_EXPLORATION, suite_of_run(config), salt=0)
    if isinstance(agent, Deciding):
        return PolicyActor(agent, prompt_of_run(config), explorer)
    return PlannerActor(agent, config, explorer)


def check_suite(agent: PlanningAgent | Deciding, suite: TaskSuite) -> None:
    """Raise EmbodimentError where the suite's arm or camera is another one than the agent's."""
    cure = "name weights that were trained for this suite (base=), or a suite that fits the weights (suite=)"
    check_fit(agent.embodiment, "the weights", suite.embodiment, f"suite {suite.name}", cure)


class RandomActor:
    """Random motion alone (`wandering`): the control that shows what chance solves."""

    def __init__(self, suite: TaskSuite, salt: int = 0) -> None:
        self._suite, self._salt = suite, salt
        self._wandering: dict[int, Unplanned] = {}

    def start(self, slot: int, seed: int) -> None:
        """Begin anew with the episode's own generator."""
        self._wandering[slot] = wandering(self._suite, np.random.default_rng([self._salt, seed]))

    def act(self, observations: Mapping[int, Mapping[str, Any]]) -> dict[int, Float32]:
        """One chunk for each slot."""
        return {
            slot: self._wandering[slot].chunk(seen["proprioception"]) for slot, seen in observations.items()
        }

    def goal(self, slot: int) -> UInt8 | None:
        """There is no plan."""
        return None
