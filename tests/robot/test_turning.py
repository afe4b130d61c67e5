"""Actions that turn the hand: every kind of command carries the turn, and the guard limits it."""

from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest

from sail_envs.panda.arm import arm_scene, compile_model
from sail_robot.guard import Guard
from sail_robot.outputs import ArmState, JointTrajectoryOutput, OutputError, PoseOutput, TwistOutput
from sail_robot.quaternions import turn_between, turned
from sail_robot.robot_file import Robot, read_robot
from sail_robot.sim_arm import CameraFaults, SimArm

from arms import TURNING, robot_file

DOWN, HAND = [1.0, 0.0, 0.0, 0.0], [0.5, 0.0, 0.3]
ANGLES = [0.0, 0.3, 0.0, -2.2, 0.0, 1.0, 0.0]
CYCLE = 0.02


@pytest.fixture
def robot(tmp_path: Path) -> Robot:
    return read_robot(robot_file(tmp_path, TURNING))


class Chain:
    """Controller, guard and an arm that does what it is ordered, with commands of `pose`."""

    def __init__(self, robot: Robot) -> None:
        self.controller, self.output = PoseOutput(robot), PoseOutput(robot)
        self.controller.prepare("")
        kind, frame = self.output.kind, robot.frame
        watch = replace(robot.watch, plan=None)
        self.guard = Guard(self.output.limits, watch, CYCLE, frame, kind, self.output.step)
        self.frame, self.period = frame, robot.embodiment.control_seconds
        self.cycles, self.stuck = 0, False
        self.orientations = [np.array(DOWN)]

    @property
    def now(self) -> float:
        return self.cycles * CYCLE

    @property
    def arm(self) -> ArmState:
        return ArmState(HAND, self.orientations[-1].tolist(), ANGLES)

    def cycle(self, command: object = None) -> None:
        """A cycle of the guard, after a command where there is one."""
        self.cycles += 1
        self.guard.saw("camera", self.now, self.now)
        measured = self.output.measured(HAND, self.orientations[-1].tolist(), ANGLES)
        self.guard.measured(self.now, self.now, measured)
        if command is not None:
            self.guard.command(self.now, self.frame, self.output.wanted(command))  # type: ignore[arg-type]
        order = self.guard.cycle(self.now)
        if order.position is not None:
            ordered = np.array(self.output.ordered(order, DOWN)[3:])
            self.orientations.append(self.orientations[-1] if self.stuck else ordered)

    def act(self, turn: list[float] | None) -> None:
        """A control step of the controller, and the guard's cycles in it."""
        motion = None if turn is None else np.array([0.0, 0.0, 0.0, *turn])
        command = self.controller.command(motion, self.period, self.arm)
        for number in range(round(self.period / CYCLE)):
            self.cycle(command if number == 0 else None)

    def speeds(self) -> np.ndarray:
        """The hand's angular velocities, (n, 3) in rad/s."""
        ways = np.array(self.orientations)
        return turn_between(ways[:-1], ways[1:]) / CYCLE


def test_a_twist_turns_as_fast_as_the_action_says(robot: Robot) -> None:
    motion = np.array([0.0, 0.02, 0.0, 0.0, 0.0, 0.05])
    assert TwistOutput(robot).command(motion, 0.1, ArmState()) == pytest.approx([0, 0.2, 0, 0, 0, 0.5])


def test_a_pose_turns_once_round_and_further_no_faster_than_it_may(robot: Robot) -> None:
    chain = Chain(robot)
    chain.cycle()
    for _ in range(330):  # 0.02 rad each, 6.6 rad together
        chain.act([0.0, 0.016, 0.012])
    assert chain.guard.fault is None
    turned_by = chain.speeds().sum(0) * CYCLE
    np.testing.assert_allclose(turned_by, [0.0, 330 * 0.016, 330 * 0.012], atol=0.03)
    assert np.linalg.norm(chain.speeds(), axis=1).max() <= robot.hand.speed[1] * (1 + 1e-6)
    accelerations = np.linalg.norm(np.diff(chain.speeds(), axis=0), axis=1) / CYCLE
    assert accelerations.max() <= robot.hand.acceleration[1] * 1.01


def test_standstill_keeps_the_orientation_where_it_was_led(robot: Robot) -> None:
    chain = Chain(robot)
    chain.cycle()
    chain.act([0.04, 0.0, 0.0])
    for _ in range(10):
        chain.act(None)
    np.testing.assert_allclose(turn_between(DOWN, chain.orientations[-1]), [0.04, 0, 0], atol=2e-3)
    assert np.abs(chain.speeds()[-5:]).max() < 0.02


def test_a_leap_of_the_orientation_is_a_fault_that_stops_the_turning(robot: Robot) -> None:
    chain = Chain(robot)
    chain.cycle()
    for _ in range(10):
        chain.act([0.0, 0.0, 0.02])
    assert np.linalg.norm(chain.speeds()[-1]) > 0.1
    chain.cycle([*HAND, *turned(chain.orientations[-1], [0.0, 0.4, 0.0])])
    assert chain.guard.fault is not None and "away, more than" in chain.guard.fault
    for _ in range(round(robot.hand.stop_seconds / CYCLE)):
        chain.cycle()
    assert np.abs(chain.speeds()[-1]).max() < 1e-9
    rest = chain.orientations[-1]
    chain.cycle()
    np.testing.assert_allclose(chain.orientations[-1], rest, atol=1e-12)


@pytest.mark.parametrize("wrong", [[0.0] * 4, [np.nan] * 4, [2.0, 0.0, 0.0, 0.0]])
def test_what_is_no_orientation_is_a_fault(wrong: list[float], robot: Robot) -> None:
    chain = Chain(robot)
    chain.cycle()
    assert chain.guard.fault is None
    chain.cycle([*HAND, *wrong])
    assert chain.guard.fault == "command with a number that is none"
    deaf = PoseOutput(robot)
    assert np.isnan(deaf.measured(HAND, wrong, ANGLES)[3:]).all()  # from the first pose on


def test_an_arm_that_does_not_turn_with_its_commands_is_a_fault(robot: Robot) -> None:
    chain = Chain(robot)
    chain.cycle()
    chain.stuck = True
    for _ in range(30):
        chain.act([0.0, 0.0, 0.05])
    assert chain.guard.fault is None  # the controller leads it no further than it may lag
    chain = Chain(robot)
    chain.cycle()
    chain.stuck = True
    for number in range(60):
        chain.cycle([*HAND, *turned(DOWN, [0.0, 0.0, 0.004 * number])])
    assert chain.guard.fault is not None and "behind its commands" in chain.guard.fault


def test_an_action_that_the_guard_would_take_for_a_leap_is_refused(tmp_path: Path) -> None:
    for key, value in (("hand.step", "30 mm"), ("hand.turning_step", "0.09 rad")):
        robot = read_robot(robot_file(tmp_path, {**TURNING, key: value}))
        with pytest.raises(OutputError, match=f"{key} is less than twice what one action moves"):
            PoseOutput(robot).prepare("")


def test_joints_turn_the_hand(robot: Robot) -> None:
    joints = JointTrajectoryOutput(robot)
    joints.prepare("simulated")
    model = compile_model(arm_scene())
    data = mujoco.MjData(model)
    places = [model.joint(f"robot:panda0_joint{number}").qposadr[0] for number in range(1, 8)]

    def pose(angles: object) -> tuple[np.ndarray, np.ndarray]:
        data.qpos[places] = angles
        mujoco.mj_forward(model, data)
        quaternion = np.zeros(4)
        mujoco.mju_mat2Quat(quaternion, data.site("end_effector").xmat)
        return data.site("end_effector").xpos.copy(), np.roll(quaternion, -1)

    (place, before), led = pose(ANGLES), ANGLES
    for _ in range(8):
        arm = ArmState(HAND, DOWN, list(led))
        led = joints.command(np.array([0.0, 0.0, 0.0, 0.0, 0.02, 0.04]), 0.1, arm)  # type: ignore[assignment]
    there, after = pose(led)
    np.testing.assert_allclose(turn_between(before, after), [0.0, 0.16, 0.32], atol=0.03)
    np.testing.assert_allclose(there, place, atol=5e-3)


def test_the_simulated_hand_turns_by_velocities_and_to_poses() -> None:
    arm = SimArm("cups-green", 0, 24, 32, 0.01, CameraFaults())
    begun, place = arm.hand[1], arm.hand[0]
    for _ in range(100):
        arm.move(np.array([0.0, 0.0, 0.0, 0.0, 0.1, 0.4]))
        arm.advance()
    np.testing.assert_allclose(turn_between(begun, arm.hand[1]), [0.0, 0.1, 0.4], atol=0.06)
    np.testing.assert_allclose(arm.hand[0], place, atol=0.015)
    for _ in range(200):
        arm.go_to(place, begun)
        arm.advance()
    np.testing.assert_allclose(turn_between(begun, arm.hand[1]), 0.0, atol=0.03)
