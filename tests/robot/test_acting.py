"""The follower goes to the planned frame that is due; the decider acts chunk by chunk on the newest frame."""

from collections.abc import Sequence

import numpy as np
import pytest

from sail.types import Float32, UInt8
from sail_models.interfaces import PromptError
from sail_robot.acting import Decider, Follower, TimedPlan

FRAME, ARM = np.zeros((4, 4, 3), np.uint8), np.zeros(4, np.float32)
STEP, SKIP = 0.05, 8


class TellingDynamics:
    """Inverse dynamics whose actions say which frame was the goal."""

    def __init__(self) -> None:
        self.goals: list[int] = []

    def act(self, current: UInt8, goal: UInt8, proprioception: Float32) -> Float32:
        self.goals.append(int(goal[0, 0, 0, 0]))
        chunk = np.zeros((1, SKIP, 4), np.float32)
        chunk[0, :, 0], chunk[0, :, 1] = self.goals[-1], np.arange(SKIP)
        return chunk


def plan(number: int, made: float, frames: int = 8) -> TimedPlan:
    """Frame i of a plan is 10 times its number and i."""
    shown = np.zeros((frames, 4, 4, 3), np.uint8)
    shown[:] = (10 * number + np.arange(frames))[:, None, None, None]
    return TimedPlan(shown, made)


def run(follower: Follower, begin: float, steps: int) -> list[Float32 | None]:
    return [follower.act(begin + STEP * i, FRAME, ARM) for i in range(steps)]


def test_a_chunk_is_played_at_the_control_rate_and_then_the_next_frame_is_due() -> None:
    telling = TellingDynamics()
    follower = Follower(telling, STEP, SKIP)
    follower.take(plan(1, made=10.0))
    actions = run(follower, 10.0, 3 * SKIP)
    assert telling.goals == [10, 11, 12]
    assert [float(action[1]) for action in actions if action is not None] == [*range(SKIP)] * 3


def test_frames_that_are_past_when_a_plan_arrives_are_skipped() -> None:
    telling = TellingDynamics()
    follower = Follower(telling, STEP, SKIP)
    follower.take(plan(1, made=10.0))
    run(follower, 11.0, 1)  # 2.5 planned frames later
    assert telling.goals == [12]


def test_a_plan_is_kept_to_before_a_newer_one_takes_over() -> None:
    telling = TellingDynamics()
    follower = Follower(telling, STEP, SKIP, at_least=3)
    follower.take(plan(1, made=0.0))
    run(follower, 0.0, SKIP)
    follower.take(plan(2, made=0.4))
    run(follower, 0.4, 3 * SKIP)
    assert telling.goals == [10, 11, 12, 22]


def test_where_no_plan_says_what_to_do_there_is_no_action() -> None:
    follower = Follower(TellingDynamics(), STEP, SKIP)
    assert follower.act(0.0, FRAME, ARM) is None
    follower.take(plan(1, made=0.0, frames=2))
    assert follower.act(0.0, FRAME, ARM) is not None
    assert follower.act(5.0, FRAME, ARM) is None


def test_a_missed_step_is_not_made_up_for() -> None:
    follower = Follower(TellingDynamics(), STEP, SKIP)
    follower.take(plan(1, made=0.0))
    follower.act(0.0, FRAME, ARM)
    late = follower.act(0.21, FRAME, ARM)
    assert late is not None and late[1] == 4


def test_an_old_plan_is_not_taken() -> None:
    telling = TellingDynamics()
    follower = Follower(telling, STEP, SKIP)
    follower.forget(1.0)
    follower.take(plan(1, made=0.9))
    assert follower.act(1.0, FRAME, ARM) is None
    follower.take(plan(2, made=1.1))
    follower.take(plan(1, made=1.05))
    run(follower, 1.1, 1)
    assert telling.goals == [20]


class TellingPolicy:
    """A policy whose actions say what was seen, and their place in the chunk."""

    identity = "telling"

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def decide(
        self, frames: UInt8, prompts: Sequence[str], proprioception: Float32, seeds: Sequence[int]
    ) -> Float32:
        assert frames.shape == (1, 4, 4, 3) and proprioception.shape == (1, 4)
        self.asked.append((prompts[0], seeds[0]))
        chunk = np.zeros((1, SKIP, 4), np.float32)
        chunk[0, :, 0], chunk[0, :, 1] = frames[0, 0, 0, 0], np.arange(SKIP)
        return chunk


def played_by(decider: Decider, begin: float, steps: int) -> list[tuple[float, float]]:
    actions = [decider.act(begin + STEP * i, FRAME + i, ARM) for i in range(steps)]
    return [(float(action[0]), float(action[1])) for action in actions if action is not None]


def test_a_chunk_is_of_what_was_seen_when_it_began() -> None:
    telling = TellingPolicy()
    played = played_by(Decider(telling, "push it", STEP), 10.0, 2 * SKIP)
    assert played == [(0, i) for i in range(SKIP)] + [(SKIP, i) for i in range(SKIP)]
    assert [prompt for prompt, _ in telling.asked] == ["push it"] * 2
    assert len({seed for _, seed in telling.asked}) == 2  # not the same noise again and again


def test_another_prompt_counts_from_the_next_chunk_on_and_an_attempt_begins_anew() -> None:
    telling = TellingPolicy()
    decider = Decider(telling, "push it", STEP)
    played_by(decider, 0.0, 3)
    decider.ask("pull it")
    assert played_by(decider, 3 * STEP, 1) == [(0, 3)]
    decider.forget(4 * STEP)
    assert played_by(decider, 4 * STEP, 1) == [(0, 0)]
    assert [prompt for prompt, _ in telling.asked] == ["push it", "pull it"]
    with pytest.raises(PromptError):
        decider.ask("  ")
    with pytest.raises(PromptError):
        Decider(telling, "", STEP)
