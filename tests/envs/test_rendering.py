import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from sail_envs import rendering
from sail_envs.cameras import CAMERAS
from sail_envs.environment import TaskEnv
from sail_envs.rendering import RenderingError, choose_backend, close_shared_renderer


def python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own that finds our packages as this one does."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | variables
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_a_process_ends_silently_with_environments_still_alive() -> None:
    ended = python(
        """
        from sail_envs.environment import TaskEnv
        environments = [TaskEnv("reach"), TaskEnv("door-open", height=32, width=32)]
        for env in environments:
            env.reset(seed=0)
        """
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_a_back_end_that_does_not_work_is_one_clear_line() -> None:
    ended = python(
        """
        from sail.errors import SailError
        from sail_envs.environment import TaskEnv
        try:
            TaskEnv("reach").reset(seed=0)
        except SailError as error:
            print(error)
        """,
        MUJOCO_GL="egl",
        MUJOCO_EGL_DEVICE_ID="99",
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count("\n") == 1
    assert "MUJOCO_GL='egl'" in ended.stdout
    assert "libosmesa6" in ended.stdout


def test_the_first_back_end_that_works_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "")  # set, so that what is chosen does not outlive the test
    monkeypatch.setenv("PYOPENGL_PLATFORM", "egl")
    monkeypatch.setattr(rendering, "_works", lambda name, variables: name == "osmesa")
    assert choose_backend() == "osmesa"
    assert os.environ["MUJOCO_GL"] == os.environ["PYOPENGL_PLATFORM"] == "osmesa"


def test_no_back_end_at_all_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(rendering, "_works", lambda name, variables: False)
    with pytest.raises(RenderingError, match="install one of Debian's packages libegl1"):
        choose_backend()


@pytest.mark.parametrize("camera", CAMERAS)
def test_what_is_left_out_of_the_scene_was_out_of_view(camera: str, monkeypatch: pytest.MonkeyPatch) -> None:
    env = TaskEnv("coffee-push", camera=camera)
    frames = [env.reset(seed=0)[0]["frame"]]
    action = np.array([0.7, 0.3, 0.6, 1], np.float32)
    frames += [env.step(action)[0]["frame"] for _ in range(12)]
    nothing = np.zeros(env.simulation.model.ngeom, bool)
    monkeypatch.setattr(rendering, "_out_of_view", lambda *_: nothing)
    everything_drawn = [env.reset(seed=0)[0]["frame"]]
    everything_drawn += [env.step(action)[0]["frame"] for _ in range(12)]
    np.testing.assert_array_equal(frames, everything_drawn)


def test_much_of_the_arm_is_left_out_of_the_workspace_camera() -> None:
    env = TaskEnv("reach")
    env.reset(seed=0)
    model, data = env.simulation.model, env.simulation.data
    out = rendering._out_of_view(model, data, CAMERAS["workspace"], 1.0)
    bodies = {model.body(model.geom_bodyid[geom]).name for geom in np.flatnonzero(out)}
    assert "head" in bodies
    assert "hand" not in bodies and "leftpad" not in bodies


def test_drawing_leaves_the_model_as_it_was() -> None:
    env = TaskEnv("reach")
    env.reset(seed=0)
    model = env.simulation.model
    groups, fovy = model.geom_group.copy(), model.cam_fovy.copy()
    env.frame()
    np.testing.assert_array_equal(model.geom_group, groups)
    np.testing.assert_array_equal(model.cam_fovy, fovy)


@pytest.mark.parametrize(
    ("task", "camera"), [("reach", "workspace"), ("reach", "topview"), ("cups-red", "workspace")]
)
def test_where_the_arm_is_not_a_frame_stays_when_it_alone_moves(task: str, camera: str) -> None:
    env = TaskEnv(task, camera=camera)
    before, arm = env.reset(seed=0)[0]["frame"], env.arm()
    assert arm.shape == before.shape[:2] and arm.max() == 255 and 0.02 < (arm > 127).mean() < 0.5
    np.testing.assert_array_equal(env.frame(), before)  # drawing the arm leaves nothing behind
    for _ in range(12):
        env.step(np.array([-0.5, 0.2, 1.0, 1.0], np.float32))
    changed = (env.frame() != before).any(-1)
    assert changed.sum() > 40
    # A few specks at its edge are not counted as the arm, and the puck settles.
    assert (changed & (arm == 0) & (env.arm() == 0)).sum() < 0.03 * changed.sum()


def test_other_models_and_sizes_in_between_do_not_change_a_frame() -> None:
    env = TaskEnv("door-open")
    before = env.reset(seed=0)[0]["frame"]
    for other in (TaskEnv("hammer"), TaskEnv("door-open", height=100, width=100), TaskEnv("door-close")):
        other.reset(seed=1)
    np.testing.assert_array_equal(env.frame(), before)
    close_shared_renderer()
    np.testing.assert_array_equal(env.frame(), before)
