"""An attempt becomes an episode that says what the hand did, in the numbers of the arm's embodiment."""

from dataclasses import replace

import numpy as np
import pytest

from sail.embodiment import Embodiment
from sail_envs.panda.panda_tasks import EMBODIMENT
from sail_robot.attempt import Attempt
from sail_robot.end_effector import EndEffector, actions_of, proprioception_of
from sail_robot.quaternions import turned

DOWN = [1.0, 0.0, 0.0, 0.0]
# 48x64 frames every 0.1 s, actions of 20 mm and 0.05 rad, four to the next planned frame.
TURNING = Embodiment(
    camera="lab/left",
    height=48,
    width=64,
    control_seconds=0.1,
    frame_skip=4,
    plan_frames=6,
    actions=actions_of(0.02, 0.05, gripper=True),
    proprioception=proprioception_of([0.3, -0.3, 0.0], [0.7, 0.3, 0.5], "6-D", gripper=True),
)


def attempt(steps: int, embodiment: Embodiment = EMBODIMENT) -> Attempt:
    """Half a step along x at a time, the gripper opening and closing."""
    one = Attempt(EndEffector(embodiment), "cups-green", "push the green cup forward", seed=3)
    for step in range(steps + 1):
        position = [0.4 + 0.5 * embodiment.step_length * step, 0.0, 0.2]
        frame = np.full((embodiment.height, embodiment.width, 3), step, np.uint8)
        one.add(frame, position, DOWN, float(step % 2))
    return one


@pytest.mark.parametrize("embodiment", [EMBODIMENT, TURNING], ids=["panda", "turning"])
def test_actions_lead_from_each_place_to_the_next(embodiment: Embodiment) -> None:
    episode = attempt(12, embodiment).episode(success=True, model="abc", iteration=2)
    assert len(episode) == 12 and len(episode.frames) == len(episode.proprioception) == 13
    assert episode.actions.shape[1:] == (len(embodiment.actions),)
    assert episode.proprioception.shape[1:] == (len(embodiment.proprioception),)
    np.testing.assert_allclose(episode.actions[:, 0], 0.5, atol=1e-3)
    np.testing.assert_allclose(episode.actions[:, 1:-1], 0.0, atol=1e-6)
    # The gripper: open is -1, closed is 1.
    np.testing.assert_array_equal(episode.actions[:, -1], [-1.0, 1.0] * 6)
    assert (episode.success, episode.model, episode.iteration, episode.source) == (True, "abc", 2, "self")


def test_actions_turn_the_hand_from_each_orientation_to_the_next() -> None:
    hand, rng = EndEffector(TURNING), np.random.default_rng(0)
    one, turns, orientation = Attempt(hand, "pour", "pour the tea", 0), [], np.array(DOWN)
    for _ in range(10):
        one.add(np.zeros((48, 64, 3), np.uint8), [0.4, 0.0, 0.2], list(orientation), 0.5)
        turns.append(rng.uniform(-1.0, 1.0, 3))
        orientation = turned(orientation, 0.05 * turns[-1])
    episode = one.episode(True, "", 0)
    np.testing.assert_allclose(episode.actions[:, 3:6], turns[:-1], atol=1e-5)
    # Two columns of the orientation's matrix; the hand points down at first.
    np.testing.assert_allclose(episode.proprioception[0, 3:9], [1, 0, 0, 0, -1, 0], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(episode.proprioception[:, 3:6], axis=1), 1.0, atol=1e-6)


def test_what_somebody_else_did_is_a_demonstration() -> None:
    assert replace(attempt(12), task="pour", source="teleop").episode(True, "", 0).source == "teleop"


def test_a_hand_that_is_carried_off_is_no_action_beyond_one() -> None:
    one = attempt(3)
    one.add(np.zeros((64, 64, 3), np.uint8), [0.9, 0.0, 0.2], DOWN, 0.5)
    assert np.abs(one.episode(False, "", 0).actions).max() == 1.0


@pytest.mark.parametrize("embodiment", [EMBODIMENT, TURNING], ids=["panda", "turning"])
def test_what_is_over_before_the_next_planned_frame_is_no_attempt(embodiment: Embodiment) -> None:
    skip = embodiment.frame_skip
    assert not attempt(skip - 1, embodiment).enough and attempt(skip, embodiment).enough


def test_what_was_seen_before_it_began_is_of_another_table() -> None:
    one = Attempt(EndEffector(EMBODIMENT), "cups-green", "push the green cup forward", 0, begun=10.0)
    old, new = (np.full((64, 64, 3), grey, np.uint8) for grey in (0, 200))
    one.see(old, 9.9)
    one.feel([0.5, 0.0, 0.1], DOWN, 9.95)
    one.step(0.0)
    assert not one.frames  # it waits for what is true now
    one.feel([0.4, 0.1, 0.2], DOWN, 10.0)
    one.step(0.0)
    assert not one.frames
    one.see(new, 10.05)
    one.see(old, 9.99)  # late
    one.feel([np.nan, 0.0, 0.0], DOWN, 10.1)  # a driver's fault
    one.step(0.25)
    assert [frame.max() for frame in one.frames] == [200]
    np.testing.assert_allclose(one.episode(False, "", 0).proprioception, [[0.4, 0.1, 0.2, 0.25]])


def test_a_pose_without_an_orientation_counts_where_none_is_felt() -> None:
    for embodiment, counts in ((EMBODIMENT, True), (TURNING, False)):
        one = Attempt(EndEffector(embodiment), "pour", "pour the tea", 0)
        one.see(np.zeros((1, 1, 3), np.uint8), 0.0)
        one.feel([0.4, 0.0, 0.2], [0.0, 0.0, 0.0, 0.0], 0.0)
        one.step(0.5)
        assert bool(one.frames) == counts
