"""The probes against planners, inverse dynamics and experts whose answers are known."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from sail.config.resolution import load_config
from sail.config.suites import prompt_of_run
from sail.loop.agent import Agent
from sail.loop.probes import PerfectPlanActor, name_cause, plan_error, plan_spread, text_effect
from sail.types import Episode, Float32, UInt8
from sail_envs.suite import TaskSuite, find_suite
from sail_models.interfaces import Plan, Sampling


class _Planner:
    """Every pixel moves by `prompts[prompt]` grey levels, and by 2 more from noise seed 4 on."""

    def __init__(self, prompts: dict[str, int]) -> None:
        self.prompts = prompts

    def plan(self, frames: UInt8, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling) -> Plan:
        change = [
            self.prompts[p] + (2 if self.prompts[p] and s >= 4 else 0)
            for p, s in zip(prompts, seeds, strict=True)
        ]
        moved = frames[:, None] + np.array(change, np.uint8)[:, None, None, None, None]
        return Plan(np.repeat(moved, 8, 1), np.ones(len(moved), np.float32))


class _Agent:
    def __init__(self, prompts: dict[str, int]) -> None:
        self.video_planner = _Planner(prompts)


def _effect(prompts: dict[str, int]) -> Any:
    frames = np.zeros((4, 8, 8, 3), np.uint8)
    return text_effect(cast(Agent, _Agent(prompts)), load_config(), "scene", frames, "a", "b")


def test_changes_are_shares_of_the_motion() -> None:
    effect = _effect({"a": 10, "b": 30})  # the motion is 20 grey levels on average
    assert effect.text_change == pytest.approx(20 / 20)
    assert effect.noise_change == pytest.approx(2 / 20)
    assert effect.ratio == pytest.approx(10)


def test_a_plan_that_stands_still_is_no_division_by_zero() -> None:
    effect = _effect({"a": 0, "b": 0})
    assert (effect.text_change, effect.noise_change, effect.ratio) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("moved,spread", [(10, 2 / 11), (0, 0.0)])
def test_the_spread_of_plans_is_what_noise_alone_changes(moved: int, spread: float) -> None:
    config = load_config()
    agent = cast(Agent, _Agent({prompt_of_run(config): moved}))
    found = plan_spread(agent, config, np.zeros((4, 8, 8, 3), np.uint8))
    assert found == pytest.approx(spread)


LENGTH = 40


def _demonstration() -> Episode:
    """Frame t is t grey levels bright; the arm moves 5 mm to the right a step."""
    positions = np.zeros((LENGTH + 1, 4), np.float32)
    positions[:, 0] = 0.005 * np.arange(LENGTH + 1)
    return Episode(
        frames=np.tile(np.arange(LENGTH + 1, dtype=np.uint8)[:, None, None, None], (1, 8, 8, 3)),
        proprioception=positions,
        actions=np.tile(np.array([0.5, 0, 0, 0], np.float32), (LENGTH, 1)),
        task="reach",
        prompt="reach the red marker",
        seed=7,
        success=True,
        source="expert",
        iteration=0,
    )


class _InverseDynamics:
    """Half speed to the right for as many steps as the goal is brighter than the frame."""

    def __init__(self) -> None:
        self.goals: list[int] = []

    def act(self, frames: UInt8, goals: UInt8, arms: Float32) -> Float32:
        self.goals += [int(goal[0, 0, 0]) for goal in goals]
        actions = np.zeros((len(frames), 8, 4), np.float32)
        for chunk, frame, goal in zip(actions, frames, goals, strict=True):
            chunk[: int(goal[0, 0, 0]) - int(frame[0, 0, 0]), 0] = 0.5
        return actions


def test_a_perfect_plan_is_the_experts_frames_a_chunk_apart_and_ends_with_its_last() -> None:
    model = _InverseDynamics()
    actor = PerfectPlanActor(cast(Any, model), {7: _demonstration()}, 8)
    actor.start(3, seed=7)
    observation = {"frame": np.zeros((8, 8, 3), np.uint8), "proprioception": np.zeros(4, np.float32)}
    for _ in range(7):
        actor.act({3: observation})
    assert model.goals == [8, 16, 24, 32, 40, 40, 40]
    goal = actor.goal(3)
    assert goal is not None and int(goal[0, 0, 0]) == LENGTH


class _Late:
    """Imagines the demonstration's future, every frame `late` control steps too early in it."""

    def __init__(self, late: int) -> None:
        self.late = late
        self.frames = 8

    def plan(self, frames: UInt8, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling) -> Plan:
        ahead = 8 * np.arange(1, 9) - self.late
        now = frames[:, None].astype(np.int64)
        frames = np.minimum(now + ahead[None, :, None, None, None], LENGTH).astype(np.uint8)
        return Plan(frames, np.ones(len(frames), np.float32))


@pytest.mark.parametrize(("late", "millimetres"), [(0, 0.0), (3, 15.0)])
def test_the_plans_error_is_told_apart_from_inverse_dynamics_own(late: int, millimetres: float) -> None:
    planner = _Late(late)
    agent = cast(Agent, type("A", (), {"frame_skip": 8}))
    agent.planner = agent.video_planner = cast(Any, planner)  # type: ignore[misc]
    agent.inverse_dynamics = cast(Any, _InverseDynamics())  # type: ignore[misc]
    error = plan_error(agent, load_config("smoke", None, ["task=reach"]), {7: _demonstration()})
    assert error.windows == 2  # from frames 0 and 16
    assert error.end_effector_true == pytest.approx(0.0, abs=1e-6)
    assert error.end_effector == pytest.approx(millimetres / 1000, abs=1e-6)
    assert error.pixel == pytest.approx(0.0 if late == 0 else np.mean([3] * 5 + [0] * 3 + [3] * 3 + [0] * 5))


class _Turning:
    """Half a step to the right and a full turn, wherever the goal is."""

    def __init__(self, suite: TaskSuite) -> None:
        self.action = np.ones(len(suite.embodiment.actions), np.float32)
        self.action[suite.embodiment.displacement] = 0.0
        self.action[suite.embodiment.displacement[:1]] = 0.5

    def act(self, frames: UInt8, goals: UInt8, arms: Float32) -> Float32:
        return np.tile(self.action, (len(frames), 4, 1))


@pytest.mark.parametrize(("name", "metres"), [("BLIND_WRIST", 0.02), ("PLANAR", None)])
def test_an_arm_that_is_not_displaced_has_no_error_in_metres(name: str, metres: float | None) -> None:
    suite = find_suite(f"point_arms:{name}")
    numbers = len(suite.embodiment.actions)
    still = replace(_demonstration(), actions=np.zeros((LENGTH, numbers), np.float32))
    agent = cast(Agent, type("A", (), {"frame_skip": 4}))
    agent.planner = agent.video_planner = cast(Any, _Late(0))  # type: ignore[misc]
    agent.inverse_dynamics = cast(Any, _Turning(suite))  # type: ignore[misc]
    config = load_config("smoke", None, [f"suite=point_arms:{name}", "task=do"])
    error = plan_error(agent, config, {7: still})
    assert error.end_effector == error.end_effector_true
    assert error.end_effector is metres is None or error.end_effector == pytest.approx(metres)


@pytest.mark.parametrize(
    ("planner", "perfect", "words"),
    [
        (0.95, 1.0, "little"),
        (0.2, 0.9, "success is lost in the plans (70%), less in following them (10%)"),
        (0.2, 0.4, "success is lost in following the plans (60%), less in the plans (20%)"),
        (0.6, 0.5, "in following the plans (50%)"),
    ],
)
def test_a_low_success_names_its_cause(planner: float, perfect: float, words: str) -> None:
    assert words in name_cause(planner, perfect)
