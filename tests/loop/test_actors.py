"""Who acts in which slot: plans are followed and used up, and who wanders plans nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from sail.config.resolution import load_config
from sail.config.schema import ExplorationConfig
from sail.config.suites import suite_of_run
from sail.loop.actors import PlanLengthError, PlannerActor
from sail.loop.exploration import Explorer
from sail.types import Float32, UInt8
from sail_models.interfaces import Plan, Sampling

from helpers import assert_one_line

FRAMES = 3


@dataclass
class Recording:
    """Plans frames that count on from the one they begin at; acts by the difference to its goal."""

    identity: str = "recording"
    planned_frames: int = FRAMES
    planned_from: list[int] = field(default_factory=list)

    @property
    def video_planner(self) -> "Recording":
        return self

    @property
    def inverse_dynamics(self) -> "Recording":
        return self

    def plan(
        self,
        frames: UInt8,
        prompts: Sequence[str],
        seeds: Sequence[int],
        sampling: Sampling,
        guidance: Float32 | None = None,
        keep: int | None = None,
    ) -> Plan:
        assert guidance is None and keep is not None and set(prompts) == {"press the handle down"}
        self.planned_from += frames[:, 0, 0, 0].tolist()
        ahead = np.arange(1, FRAMES + 1, dtype=np.uint8)[:, None, None, None]
        return Plan(frames[:, None] + ahead[None], np.ones(len(frames), np.float32))

    def act(
        self, current: UInt8, goal: UInt8, proprioception: Float32, seeds: Sequence[int] | None = None
    ) -> Float32:
        difference = (goal.astype(np.float32) - current.astype(np.float32))[:, 0, 0, 0]
        return np.tile(difference[:, None, None] / 100.0, (1, 8, 4)).astype(np.float32)


def seen(number: int) -> dict[str, object]:
    return {"frame": np.full((2, 2, 3), number, np.uint8), "proprioception": np.zeros(4, np.float32)}


def actor(
    agent: Recording, replan_every: int = 2, following: str = "servo", **exploration: float
) -> PlannerActor:
    planner = (f"planner.replan_every={replan_every}", f"planner.following={following}")
    config = load_config("smoke", None, ["task=handle-press", *planner])
    return PlannerActor(
        agent, config, Explorer(ExplorationConfig(**exploration), suite_of_run(config), salt=0)
    )


def test_a_plan_is_followed_until_it_is_used_up() -> None:
    agent = Recording()
    acting = actor(agent)
    for slot in (0, 1):
        acting.start(slot, seed=slot)
    first = acting.act({0: seen(10), 1: seen(20)})
    assert agent.planned_from == [10, 20] and first[0][0, 0] == pytest.approx(0.01)
    second = acting.act({0: seen(10), 1: seen(21)})  # the first arm has not moved
    assert agent.planned_from == [10, 20]
    assert second[0][0, 0] == pytest.approx(0.02) and second[1][0, 0] == pytest.approx(0.01)
    acting.act({0: seen(12), 1: seen(22)})
    assert agent.planned_from == [10, 20, 12, 22]
    acting.start(1, seed=5)  # another episode: the old plan is not its
    acting.act({1: seen(50)})
    assert agent.planned_from[-1] == 50


def test_pairs_are_of_planned_frames_alone() -> None:
    acting = actor(Recording(), following="pair")
    acting.start(0, seed=0)
    acting.act({0: seen(10)})
    assert acting.act({0: seen(99)})[0][0, 0] == pytest.approx(0.01)


def test_who_wanders_plans_nothing() -> None:
    agent = Recording()
    acting = actor(agent, random_fraction=1.0)
    acting.start(0, seed=0)
    for _ in range(20):
        chunk = acting.act({0: seen(10)})[0]
        assert chunk.shape == (8, 4) and acting.goal(0) is None
    assert agent.planned_from == []


def test_slots_that_wander_and_slots_that_plan_go_side_by_side() -> None:
    agent = Recording()
    acting = actor(agent, random_fraction=0.5)
    for slot in range(20):
        acting.start(slot, seed=slot)
    chunks = acting.act({slot: seen(slot) for slot in range(20)})
    planning = [slot for slot in range(20) if acting.goal(slot) is not None]
    assert list(chunks) == list(range(20)) and agent.planned_from == planning and 4 < len(planning) < 16
    assert all((np.abs(chunks[slot] - 0.01).max() < 1e-6) == (slot in planning) for slot in range(20))


def test_more_frames_than_are_planned_cannot_be_followed() -> None:
    with pytest.raises(PlanLengthError) as error:
        actor(Recording(), replan_every=FRAMES + 1)
    assert_one_line(error, "planner.replan_every is 4", "plan 3 frames")
