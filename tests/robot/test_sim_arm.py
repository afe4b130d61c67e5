"""The simulated arm does what it is told, as long as it is told, and its camera fails as it is told to."""

import numpy as np
import pytest

from sail_envs.suite import UnknownNameError
from sail_robot.sim_arm import COMMAND_TIMEOUT, CameraFaults, SimArm, SimulatedTaskError

TICK = 0.01


def arm(faults: CameraFaults = CameraFaults()) -> SimArm:  # noqa: B008 (it is frozen)
    return SimArm("cups-green", seed=0, height=24, width=32, tick=TICK, faults=faults)


def run(one: SimArm, seconds: float) -> None:
    for _ in range(round(seconds / TICK)):
        one.advance()


def test_a_velocity_moves_the_hand_and_ends_without_commands() -> None:
    one = arm()
    start = one.hand[0]
    for _ in range(100):
        one.move(np.array([0.0, 0.1, 0.0, 0.0, 0.0, 0.0]))
        one.advance()
    moved = one.hand[0] - start
    np.testing.assert_allclose(moved, [0.0, 0.1, 0.0], atol=0.012)
    run(one, COMMAND_TIMEOUT + 0.2)
    still = one.hand[0]
    run(one, 0.5)
    np.testing.assert_allclose(one.hand[0], still, atol=1e-3)


def test_positions_and_angles_are_gone_to() -> None:
    one = arm()
    goal = one.hand[0] + np.array([0.0, -0.06, 0.02])
    for _ in range(100):
        one.go_to(goal, one.hand[1])
        one.advance()
    np.testing.assert_allclose(one.hand[0], goal, atol=0.01)
    angles = one.joints[:7] + np.array([0.1, 0, 0, 0, 0, 0, 0])
    one.turn_to(angles)
    run(one, 1.0)
    np.testing.assert_allclose(one.joints[:7], angles, atol=0.02)


def test_the_gripper_goes_where_it_is_sent() -> None:
    one = arm()
    one.grip(0.0)
    run(one, 1.0)
    assert one.joints[7] < 0.01
    one.grip(0.04)
    run(one, 1.0)
    assert one.joints[7] > 0.03


def test_frames_come_late_or_not_at_all() -> None:
    late = arm()
    late.photograph()
    assert late.fetch(0.1) is None
    run(late, 0.1)
    fetched = late.fetch(0.1)
    assert fetched is not None and fetched[0] == 0.0 and fetched[1].shape == (24, 32, 3)
    blind = arm(CameraFaults(dropped=1.0))
    blind.photograph()
    run(blind, 0.1)
    assert blind.fetch() is None


def test_noise_changes_every_frame() -> None:
    noisy, frames = arm(CameraFaults(noise=5.0)), []
    for _ in range(2):
        noisy.photograph()
        fetched = noisy.fetch()
        assert fetched is not None
        frames.append(fetched[1])
    assert (frames[0] != frames[1]).mean() > 0.5


def test_the_same_seed_lays_the_same_table_and_time_goes_on() -> None:
    one = arm()
    first = one._env.frame()
    run(one, 0.3)
    one.reset(0)
    np.testing.assert_array_equal(one._env.frame(), first)
    assert one.now == pytest.approx(0.3) and one.outcome == "no_motion"


def test_another_arms_task_is_refused() -> None:
    with pytest.raises(SimulatedTaskError, match=r"'door-open' \(suite metaworld\) is another arm's"):
        SimArm("door-open", 0, 32, 32, TICK, CameraFaults())
    with pytest.raises(UnknownNameError, match="unknown task 'pour'"):
        SimArm("pour", 0, 32, 32, TICK, CameraFaults())
