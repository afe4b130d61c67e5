"""The Panda with its wrist, on the bottles: how the hand turns, what is upright, what a seed decides."""

from functools import cache

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from numpy.typing import NDArray

import sail_envs
from sail.types import Float32
from sail_envs.colours import COLOURS
from sail_envs.environment import TaskEnv
from sail_envs.panda.arm import CONTROL_SECONDS, OPEN, STEP_ANGLE, STEP_LENGTH
from sail_envs.panda.bottles import COUNT, PandaBottles
from sail_envs.panda.panda_tasks import BOTTLES, WRIST
from sail_envs.suite import UnknownNameError, find_suite

HORIZON = 300
COLOURS_OF_ALL = PandaBottles.objects.colours


@cache
def made(colour: str) -> PandaBottles:
    """Compiled once: a reset undoes whatever another test has done."""
    return PandaBottles(colour)


def run(simulation: PandaBottles, number: int, turning: bool = True) -> int:
    """Let the expert work on a bottle until something is done; the control steps that it took."""
    low, high = np.array([(one.low, one.high) for one in WRIST.proprioception]).T
    for step in range(HORIZON):
        if simulation.outcome() != "no_motion":
            return step
        action = simulation.expert(number)
        assert action.shape == (7,) and action.dtype == np.float32 and np.abs(action).max() <= 1.0
        if not turning:
            action[3:6] = 0.0
        simulation.step(action)
        arm = simulation.proprioception()
        assert (arm >= low - 0.02).all() and (arm <= high + 0.02).all()
    return HORIZON


def scene(simulation: PandaBottles) -> bytes:
    """Everything that a seed decides, and the frame."""
    model, data = simulation.model, simulation.data
    moving = (data.qpos, data.qvel, data.ctrl, simulation.state(), simulation.proprioception())
    drawn = (model.geom_rgba, model.light_pos, model.light_diffuse, model.cam_pos)
    return b"".join(field.tobytes() for field in (*moving, *drawn, simulation.frame("workspace", 32, 32)))


def turned(axis: int, angle: float) -> Float32:
    """An action that turns the hand about one of the world's axes, in radians a control step."""
    action = np.zeros(7, np.float32)
    action[3 + axis], action[6] = angle / STEP_ANGLE, -1.0
    return action


def angles(after: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation vector, in radians, between two rotation matrices less than half a turn apart."""
    turn = after @ before.T
    skew = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]]) / 2
    sine = float(np.linalg.norm(skew))
    vector: NDArray[np.float64] = skew / sine * np.arctan2(sine, (np.trace(turn) - 1) / 2)
    return vector


@pytest.mark.parametrize("colour", COLOURS_OF_ALL)
def test_the_expert_turns_the_named_bottle_upright(colour: str) -> None:
    simulation = made(colour)
    for seed in range(3):
        simulation.reset(seed)
        assert simulation.colour_of(simulation.named) == colour
        assert abs(simulation.progress(simulation.named)) < 1e-6
        assert run(simulation, simulation.named) < 150
        assert simulation.outcome() == "success"
        neck = simulation.axis(simulation.named)
        assert np.degrees(np.arccos(neck[2])) <= 15.0


def test_without_turning_the_hand_nothing_stands_up() -> None:
    simulation = made("red")
    for seed in range(3):
        simulation.reset(seed)
        run(simulation, simulation.named, turning=False)
        assert simulation.outcome() != "success"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_another_bottle_is_told_apart(seed: int) -> None:
    simulation = made("orange")
    simulation.reset(seed)
    run(simulation, (simulation.named + 1) % COUNT)
    assert simulation.outcome() == "wrong_object"


def test_a_held_bottle_stays_in_the_hand() -> None:
    simulation = made("blue")
    simulation.reset(1)
    run(simulation, simulation.named)
    hand = simulation.arm.rotation
    before = hand.T @ simulation.axis(simulation.named)
    for _ in range(60):
        simulation.step(np.array([0, 0, 0, 0, 0, 0, 1], np.float32))
    assert simulation.held(simulation.named)
    after = simulation.arm.rotation.T @ simulation.axis(simulation.named)
    assert before @ after > np.cos(np.radians(5.0))
    for _ in range(30):
        simulation.step(np.array([0, 0, 0, 0, 0, 0, -1], np.float32))
    assert not simulation.held(simulation.named)


def test_standing_still_is_no_motion() -> None:
    simulation = made("orange")
    simulation.reset(0)
    begun = simulation.things()
    for _ in range(40):
        simulation.step(np.array([0, 0, 0, 0, 0, 0, -1], np.float32))
    assert simulation.outcome() == "no_motion"
    np.testing.assert_allclose(simulation.things(), begun, atol=1e-3)


def test_a_seed_decides_the_whole_episode() -> None:
    simulation, fresh = made("red"), PandaBottles("red")
    actions = np.random.default_rng(0).uniform(-1, 1, (30, 7)).astype(np.float32)
    simulation.reset(6)
    first = scene(simulation)
    run(simulation, 0)
    simulation.reset(5)
    assert scene(simulation) != first
    fresh.reset(5)
    for action in actions:
        assert scene(simulation) == scene(fresh)
        simulation.step(action)
        fresh.step(action)
    assert scene(simulation) == scene(fresh)


def test_scenes_of_seen_colours_show_no_unseen_one() -> None:
    simulation, shown = made("red"), set()
    for seed in range(30):
        simulation.reset(seed)
        shown |= {simulation.colour_of(number) for number in range(COUNT)}
    assert shown == set(PandaBottles.objects.seen)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_hand_turns_as_it_is_told(axis: int, sign: float) -> None:
    simulation = made("orange")
    simulation.reset(1)
    simulation.arm.place(np.array([0.5, 0.0, 0.3]), simulation.turned)
    before, place = simulation.arm.rotation, simulation.arm.position
    for _ in range(10):
        simulation.step(turned(axis, sign * STEP_ANGLE))
    for _ in range(10):
        simulation.step(turned(axis, 0.0))
    expected = np.zeros(3)
    expected[axis] = sign * 10 * STEP_ANGLE
    np.testing.assert_allclose(angles(simulation.arm.rotation, before), expected, atol=0.03)
    np.testing.assert_allclose(simulation.arm.position, place, atol=0.005)


def test_a_blocked_wrist_turns_back_at_once() -> None:
    # A whole turn cannot be made. A target that went on would have come round by then.
    simulation = made("orange")
    simulation.reset(1)
    simulation.arm.place(np.array([0.5, 0.0, 0.3]), simulation.turned)
    for _ in range(110):
        simulation.step(turned(0, STEP_ANGLE))
    blocked = simulation.arm.rotation
    for _ in range(12):
        simulation.step(turned(0, -STEP_ANGLE))
    back = angles(simulation.arm.rotation, blocked)
    assert -12 * STEP_ANGLE - 0.1 < back[0] < -6 * STEP_ANGLE


def test_the_hand_begins_across_the_bottles() -> None:
    simulation = made("orange")
    for turn in (0.0, simulation.turned, 0.5):
        simulation.arm.place(np.array([0.5, 0.0, 0.3]), turn)
        expected = np.array([[np.cos(turn), np.sin(turn), 0], [np.sin(turn), -np.cos(turn), 0], [0, 0, -1]])
        np.testing.assert_allclose(simulation.arm.rotation, expected, atol=0.01)


def test_the_embodiment_says_what_the_simulation_does() -> None:
    assert find_suite("bottles").embodiment == BOTTLES.embodiment == WRIST
    assert WRIST.control_seconds == CONTROL_SECONDS
    highs = [one.high for one in WRIST.actions]
    assert highs == [STEP_LENGTH] * 3 + [STEP_ANGLE] * 3 + [1.0]
    assert [one.low for one in WRIST.actions] == [-high for high in highs]
    simulation = made("orange")
    simulation.reset(2)
    for _ in range(20):
        simulation.step(turned(0, STEP_ANGLE))
    arm = simulation.proprioception()
    assert arm.shape == (len(WRIST.proprioception),) and arm.dtype == np.float32
    np.testing.assert_allclose(arm[:3], simulation.arm.position, atol=1e-6)
    first, second = arm[3:6], arm[6:9]
    third = np.cross(first, second)
    np.testing.assert_allclose(np.column_stack([first, second, third]), simulation.arm.rotation, atol=1e-6)
    fingers = [simulation.data.joint(f"robot:panda0_finger_joint{number}").qpos[0] for number in (1, 2)]
    assert arm[9] == pytest.approx(np.mean(fingers) / OPEN, abs=1e-6)


def test_frames_are_the_right_way_up() -> None:
    """Each bottle's colour is where the camera's geometry puts it."""
    simulation, size = made("red"), 64
    for seed in range(3):
        simulation.reset(seed)
        frame = simulation.frame("workspace", size, size)
        camera = simulation.data.camera("workspace")
        focal = size / 2 / np.tan(np.radians(simulation.model.camera("workspace").fovy[0]) / 2)
        for number, thing in enumerate(simulation.things()):
            x, y, z = camera.xmat.reshape(3, 3).T @ (thing - camera.xpos)
            row, column = size / 2 - focal * y / -z, size / 2 + focal * x / -z
            seen = frame[round(row - 0.5), round(column - 0.5)].astype(float)
            colour = np.array(COLOURS[simulation.colour_of(number)])
            assert seen @ colour / np.linalg.norm(seen) / np.linalg.norm(colour) > 0.95


def test_the_hand_and_its_rotation_are_seen() -> None:
    simulation = made("red")
    simulation.reset(1)
    run(simulation, simulation.named)
    upright = simulation.frame("workspace", 64, 64).astype(float)
    assert simulation.arm_mask("workspace", 64, 64).mean() > 10
    for _ in range(5):
        simulation.step(turned(0, -STEP_ANGLE))
    tilted = simulation.frame("workspace", 64, 64).astype(float)
    # Less than a chunk's rotation changes more than a hundred pixels plainly.
    assert (np.abs(upright - tilted).max(axis=2) > 40).sum() > 100


def test_gymnasium_makes_it() -> None:
    assert sail_envs
    env = gymnasium.make("sail/PandaBottles-v0", colour="purple")
    check_env(env.unwrapped, skip_render_check=True)
    assert isinstance(env.unwrapped, TaskEnv)
    assert env.unwrapped.prompt == "turn the purple bottle upright"
    frame = env.reset(seed=3)[0]["frame"]
    np.testing.assert_array_equal(env.reset(seed=3)[0]["frame"], frame)
    with pytest.raises(UnknownNameError, match="the nearest is 'bottles-"):
        gymnasium.make("sail/PandaBottles-v0", colour="beige")
