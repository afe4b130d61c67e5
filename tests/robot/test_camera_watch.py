"""A black camera and a frozen one are told from a quiet scene."""

import numpy as np

from sail_robot.camera_watch import CameraWatch

SCENE = np.random.default_rng(0).integers(0, 255, 3 * 640 * 480).astype(np.uint8)


def test_a_scene_is_no_fault_and_darkness_is_one() -> None:
    assert CameraWatch().fault(SCENE, [0.0]) is None
    assert CameraWatch().fault(np.full(3 * 64 * 64, 3, np.uint8), [0.0]) == "the camera is black"
    assert CameraWatch().fault(np.zeros(0, np.uint8), [0.0]) == "the camera is black"


def test_a_picture_that_stays_while_the_arm_moves_is_frozen() -> None:
    watch = CameraWatch()
    for at in (0.0, 0.01, 0.02):
        assert watch.fault(SCENE, [0.3, at]) is None
    assert watch.fault(SCENE, [0.3, 0.04]) == "the camera is frozen"
    # It stands still then, and says so again if the arm is let go and moves on.
    assert watch.fault(SCENE, [0.3, 0.06]) is None
    assert watch.fault(SCENE, [0.3, 0.08]) == "the camera is frozen"


def test_an_arm_that_is_elsewhere_at_once_has_not_moved() -> None:
    watch = CameraWatch()
    for at in (0.0, 0.1, 0.1, -0.2, -0.2):  # put there; or its joint states were silent for a while
        assert watch.fault(SCENE, [0.3, at]) is None
    assert watch.fault(SCENE, []) is None and watch.fault(SCENE, [0.3, 0.0]) is None
    assert watch.fault(SCENE, [0.3, 0.02]) is None
    assert watch.fault(SCENE, [0.3, 0.04]) == "the camera is frozen"


def test_a_quiet_scene_is_not_frozen_and_a_new_picture_begins_anew() -> None:
    watch, other = CameraWatch(), SCENE[::-1].copy()
    for _ in range(100):
        assert watch.fault(SCENE, [0.3, 0.0]) is None
    for step in range(100):
        assert watch.fault(other if step % 2 else SCENE, [0.3, 0.02 * step]) is None
