"""An embodiment's numbers become the hand's motion and come from its state, and other weights are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sail.embodiment import Dimension, Embodiment, read_embodiment
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_envs.panda.panda_tasks import EMBODIMENT, WRIST
from sail_models.saving import find_base
from sail_robot.end_effector import EndEffector, MismatchError, check_weights, proprioception_of
from sail_robot.quaternions import turn_between, turned
from sail_robot.robot_file import read_robot

from arms import PANDA, TURNING, robot_file
from helpers import assert_one_line

DOWN = [1.0, 0.0, 0.0, 0.0]


@pytest.fixture
def turning(tmp_path: Path) -> Embodiment:
    return read_robot(robot_file(tmp_path, TURNING)).embodiment


def test_an_action_of_the_panda_is_a_displacement_and_a_grip() -> None:
    hand = EndEffector(EMBODIMENT)
    moved, opening = hand.motion(np.array([1.0, -0.5, 0.0, -1.0], np.float32))
    np.testing.assert_array_equal(moved, [0.01, -0.005, 0, 0, 0, 0])
    assert opening == 1.0
    felt = hand.proprioception([0.4, 0.1, 0.2], [0.0] * 4, 0.25)  # no orientation is needed
    assert felt.dtype == np.float32
    np.testing.assert_array_equal(felt, np.array([0.4, 0.1, 0.2, 0.25], np.float32))


@pytest.mark.parametrize("orientation", ["none", "axis-angle", "6-D"])
@pytest.mark.parametrize("joint", ["none", "panda_finger_joint1"])
def test_what_an_action_does_is_read_as_that_action(orientation: str, joint: str, tmp_path: Path) -> None:
    changes = {**TURNING, "embodiment.orientation": orientation, "gripper.joint": joint}
    arm = read_robot(robot_file(tmp_path, changes)).embodiment
    hand, rng = EndEffector(arm), np.random.default_rng(0)
    actions = rng.uniform(-1.0, 1.0, (20, len(arm.actions))).astype(np.float32)
    positions, orientations, openings = [np.array([0.4, 0.0, 0.3])], [np.array(DOWN)], [1.0]
    for action in actions:
        moved, opening = hand.motion(action)
        assert (opening is None) == (joint == "none")
        positions.append(positions[-1] + moved[:3])
        orientations.append(turned(orientations[-1], moved[3:]))
        openings.append(0.0 if opening is None else opening)
    np.testing.assert_allclose(hand.actions(positions, orientations, openings), actions, atol=1e-5)
    felt = hand.proprioception(positions, orientations, openings)
    assert felt.shape == (21, len(arm.proprioception)) and felt.dtype == np.float32
    one = hand.proprioception(positions[3], orientations[3], openings[3])
    np.testing.assert_array_equal(one, felt[3])


def test_a_largest_turn_is_the_embodiments(turning: Embodiment) -> None:
    hand = EndEffector(turning)
    moved, _ = hand.motion(np.array([0, 0, 0, 0, 0, 1, 0], np.float32))
    after = turned(DOWN, moved[3:])
    np.testing.assert_allclose(turn_between(DOWN, after), [0, 0, 0.05], atol=1e-12)


def test_the_shipped_weights_are_the_pandas() -> None:
    check_weights(read_embodiment(find_base("panda")), "base 'panda'", read_robot(PANDA).embodiment)


def test_weights_of_the_simulated_bottles_fit_a_robot_file_that_turns_as_they_do(tmp_path: Path) -> None:
    changes = {
        "embodiment.camera": WRIST.camera,
        "embodiment.turn": "0.06 rad",
        "embodiment.orientation": "6-D",
    }
    check_weights(WRIST, "it", read_robot(robot_file(tmp_path, changes)).embodiment)


def test_a_plans_length_and_the_ranges_that_networks_see_may_differ(turning: Embodiment) -> None:
    felt = proprioception_of([0.0, -1.0, 0.0], [1.0, 1.0, 1.0], "6-D", gripper=True)
    check_weights(replace(turning, plan_frames=16, proprioception=felt), "it", turning)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"camera": "lab/left"}, ("camera is lab/left in it, panda/workspace in the robot file",)),
        ({"height": 48}, ("height is 48 in it, 64 in the robot file",)),
        ({"control_seconds": 0.1}, ("control_seconds is 0.1 in it, 0.05 in the robot file",)),
        ({"frame_skip": 4}, ("frame_skip is 4 in it, 8 in the robot file",)),
        ({"actions": EMBODIMENT.actions[:3]}, ("actions is x (delta_position, -0.01 to 0.01 m)",)),
        ({"proprioception": EMBODIMENT.proprioception[:3]}, ("proprioception is x (position, -0.3 to",)),
    ],
)
def test_weights_of_another_embodiment_are_told_with_the_cure(
    change: dict[str, object], words: tuple[str, ...]
) -> None:
    with pytest.raises(MismatchError) as error:
        check_weights(replace(EMBODIMENT, **change), "it", EMBODIMENT)  # type: ignore[arg-type]
    assert_one_line(error, *words, "take weights that were trained for this arm (base)")


def test_other_turns_are_refused(turning: Embodiment) -> None:
    wider = tuple(
        replace(one, low=-0.1, high=0.1) if one.kind == "delta_rotation" else one for one in turning.actions
    )
    with pytest.raises(MismatchError) as error:
        check_weights(replace(turning, actions=wider), "it", turning)
    assert_one_line(error, "turn_x (delta_rotation, -0.1 to 0.1 rad)", "-0.05 to 0.05 rad")


@pytest.mark.parametrize("kind", ["joint_position", "joint_velocity", "base_velocity", "position", "other"])
def test_weights_of_an_arm_that_no_node_drives_are_refused(kind: str) -> None:
    odd = Dimension("odd", kind, "rad", -1.0, 1.0)  # type: ignore[arg-type]
    with pytest.raises(MismatchError) as error:
        check_weights(replace(EMBODIMENT, actions=(*EMBODIMENT.actions, odd)), "it", EMBODIMENT)
    assert_one_line(error, f"it has the number odd of kind {kind}", "take weights that move a hand (base)")
    joint = Dimension("elbow", "joint_position", "rad", -1.0, 1.0)
    with pytest.raises(MismatchError, match="number elbow of kind joint_position"):
        check_weights(replace(EMBODIMENT, proprioception=(joint,)), "it", EMBODIMENT)


def test_metaworlds_weights_are_another_cameras() -> None:
    with pytest.raises(MismatchError, match="camera is metaworld/workspace"):
        check_weights(METAWORLD.embodiment, "base 'base'", EMBODIMENT)
