"""An attempt becomes an episode that says what the hand did."""

import numpy as np

from sail_envs.panda.arm import STEP_LENGTH
from sail_robot.attempt import FEWEST, Attempt


def attempt(steps: int) -> Attempt:
    one = Attempt("cups-green", "push the green cup forward", seed=3)
    for step in range(steps + 1):
        arm = np.array([0.4 + 0.5 * STEP_LENGTH * step, 0.0, 0.2, step % 2], np.float32)
        one.add(np.full((64, 64, 3), step, np.uint8), arm)
    return one


def test_actions_lead_from_each_place_to_the_next() -> None:
    episode = attempt(12).episode(success=True, model="abc", iteration=2)
    assert len(episode) == 12 and len(episode.frames) == len(episode.proprioception) == 13
    np.testing.assert_allclose(episode.actions[:, 0], 0.5, atol=1e-3)
    np.testing.assert_allclose(episode.actions[:, 1:3], 0.0, atol=1e-6)
    # The gripper: open is -1, closed is 1.
    np.testing.assert_array_equal(episode.actions[:, 3], [-1.0, 1.0] * 6)
    assert (episode.success, episode.model, episode.iteration, episode.source) == (True, "abc", 2, "self")


def test_what_somebody_else_did_is_a_demonstration() -> None:
    one = Attempt("pour", "pour the tea", 0, "teleop", attempt(12).frames, attempt(12).arms)
    assert one.episode(True, "", 0).source == "teleop"


def test_a_hand_that_is_carried_off_is_no_action_beyond_one() -> None:
    one = attempt(3)
    one.add(np.zeros((64, 64, 3), np.uint8), np.array([0.9, 0.0, 0.2, 0.5], np.float32))
    assert np.abs(one.episode(False, "", 0).actions).max() == 1.0


def test_what_is_over_at_once_is_no_attempt() -> None:
    assert not attempt(FEWEST - 1).enough and attempt(FEWEST).enough


def test_what_was_seen_before_it_began_is_of_another_table() -> None:
    one = Attempt("cups-green", "push the green cup forward", 0, begun=10.0)
    old, new = (np.full((64, 64, 3), grey, np.uint8) for grey in (0, 200))
    one.see(old, 9.9)
    one.feel([0.5, 0.0, 0.1], 9.95)
    one.step(0.0)
    assert not one.frames  # it waits for what is true now
    one.feel([0.4, 0.1, 0.2], 10.0)
    one.step(0.0)
    assert not one.frames
    one.see(new, 10.05)
    one.see(old, 9.99)  # late
    one.step(0.25)
    assert [frame.max() for frame in one.frames] == [200]
    np.testing.assert_allclose(one.arms, [[0.4, 0.1, 0.2, 0.25]])
