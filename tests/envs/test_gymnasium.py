"""A suite of any Gymnasium environment: what it reads, how it acts and draws, and what it refuses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium import spaces

from sail.embodiment import Dimension
from sail_envs.cameras import Camera, FreeCamera
from sail_envs.environment import TaskEnv
from sail_envs.gymnasium import gymnasium_suite
from sail_envs.gymnasium_reading import action_of
from sail_envs.gymnasium_simulation import fitted, make_environment, views_of
from sail_envs.suite import SuiteError, TaskSuite
from sail_envs.vector import VectorEnv

from helpers import assert_one_line
from tiny_environments import DOTS, HIGH, LOW, Dots, Slider, dots_expert

REFERENCE = "tiny_environments:DOTS"


def dots(**changes: Any) -> TaskSuite:
    """The suite of dots with changed arguments of `gymnasium_suite`."""
    given: dict[str, Any] = {
        "name": "dots",
        "environments": {"near": "tiny_environments:TinyDots-v0"},
        "prompts": {"near": "move the dot"},
        "success": "told.there",
        "height": 32,
        "width": 32,
    }
    return gymnasium_suite(**{**given, **changes})


@pytest.fixture
def slider(tmp_path: Path) -> Callable[..., Any]:
    """Makes the MuJoCo environment."""
    path = tmp_path / "slider.xml"
    path.write_text(Slider.XML)
    return lambda **kwargs: Slider(str(path), **kwargs)


def test_the_embodiment_is_read_from_the_environment() -> None:
    assert DOTS.embodiment.actions == (
        Dimension("action0", "other", "1", -0.1, 0.1),
        Dimension("action1", "other", "1", -0.2, 0.1),
    )
    assert DOTS.embodiment.proprioception == tuple(
        Dimension(name, "other", "1", -1.0, 1.0) for name in ("dot0", "dot1")
    )
    assert (DOTS.embodiment.control_seconds, DOTS.embodiment.camera) == (0.05, "dots/render")


def test_an_environment_of_ones_own_runs_in_workers_until_its_success() -> None:
    env = TaskEnv("dots-near", REFERENCE)
    act, success, steps = dots_expert("dots-near"), [], 0
    for seed in range(5):
        env.reset(seed=seed)
        done = False
        while not done:
            observation, _, done, truncated, info = env.step(act(env.simulation))
            steps += 1
            assert not truncated  # the environment's own limit is 5 steps
        success.append(info["success"])
        assert observation["frame"].shape == (32, 32, 3)
    assert all(success) and steps > 25
    with VectorEnv("dots-near", 2, 1, REFERENCE) as several:
        frames = {index: one["frame"] for index, one in several.reset({0: 7, 1: 8}).items()}
    for index, seed in enumerate((7, 8)):
        assert np.array_equal(frames[index], env.reset(seed=seed)[0]["frame"])


def test_a_seed_gives_the_same_bytes_after_any_episode() -> None:
    simulation = DOTS.simulate("dots-near")
    bytes_of = []
    for seed in (3, 4, 3):
        simulation.reset(seed)
        simulation.step(np.array([0.5, -0.5], np.float32))
        bytes_of.append(simulation.frame("render", 30, 30).tobytes() + simulation.proprioception().tobytes())
    assert bytes_of[0] == bytes_of[2] != bytes_of[1]


def test_fresh_environments_forget_what_an_environment_keeps() -> None:
    def places(suite: TaskSuite) -> list[np.ndarray]:
        simulation = suite.simulate("near")
        found = []
        for _ in range(3):
            simulation.reset(1)
            found.append(simulation.proprioception())
        return found

    leaky, fresh = (
        dots(proprioception="dot", kwargs={"leaky": True}, fresh=fresh) for fresh in (False, True)
    )
    assert not np.array_equal(places(leaky)[0], places(leaky)[1])
    assert np.array_equal(*places(fresh)[:2]) and np.array_equal(*places(fresh)[1:])


def test_after_the_end_nothing_moves() -> None:
    simulation = dots(kwargs={"ends": True}).simulate("near")
    act = dots_expert("near")
    simulation.reset(0)
    while simulation.outcome() != "success":
        simulation.step(act(simulation))
    made, frame = simulation.environment.unwrapped.made, simulation.frame("render", 30, 30)  # type: ignore[attr-defined]
    assert simulation.step(np.ones(2, np.float32)) == 0.0
    assert simulation.environment.unwrapped.made == made  # type: ignore[attr-defined]
    assert simulation.outcome() == "success"
    assert np.array_equal(simulation.frame("render", 30, 30), frame)


def test_actions_map_to_the_bounds_or_as_told() -> None:
    box = spaces.Box(np.array([-1.0, 2.0]), np.array([3.0, 4.0]), dtype=np.float64)
    to_bounds, _ = action_of(None, box)
    assert np.array_equal(to_bounds(np.array([-1, 1], np.float32)), [-1, 4])
    assert np.array_equal(to_bounds(np.zeros(2, np.float32)), [1, 3])
    turned, numbers = action_of([(1, -1), (0, 8)], box)
    assert np.array_equal(turned(np.array([-1, 0.5], np.float32)), [1, 6])
    assert [number[1:] for number in numbers] == [(-1.0, 1.0), (0.0, 8.0)]
    suite = dots(actions=lambda numbers: numbers * 0.1, action_dimensions=[{"name": "a"}, {"name": "b"}])
    simulation = suite.simulate("near")
    simulation.reset(0)
    before = simulation.state()[:2]
    simulation.step(np.array([0.5, -0.5], np.float32))
    assert np.allclose(simulation.state()[:2] - before, [0.05, -0.05])


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("goal", [2, 3]),
        ({"goal": [1], "dot": None}, [3, 0, 1]),
        (lambda environment, observation: observation["dot"][:1], [0]),
        ((), []),
    ],
)
def test_proprioception_is_what_is_asked_for(wanted: Any, expected: list[int]) -> None:
    suite = dots(proprioception=wanted)
    simulation = suite.simulate("near")
    simulation.reset(5)
    assert np.allclose(simulation.proprioception(), simulation.state()[expected])
    assert len(suite.embodiment.proprioception) == len(expected)


@pytest.mark.parametrize("success", ["terminated", lambda env, seen, reward, terminated, info: terminated])
def test_success_is_told_by_the_end_or_a_function(success: Any) -> None:
    simulation = dots(success=success, kwargs={"ends": True}).simulate("near")
    act, outcomes = dots_expert("near"), []
    simulation.reset(0)
    for _ in range(30):
        simulation.step(act(simulation))
        outcomes.append(simulation.outcome())
    assert outcomes[0] == "failure" and outcomes[-1] == "success"


def test_a_picture_is_cut_in_the_middle_and_averaged() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 80, 3), np.uint8)
    small = fitted(picture, 20, 20)
    assert np.array_equal(small, np.round(picture[:, 20:60].reshape(20, 2, 20, 2, 3).mean((1, 3)) + 1e-9))
    assert np.array_equal(fitted(picture, 40, 80), picture)
    tall = fitted(picture, 40, 20)
    assert np.array_equal(tall, picture[:, 30:50])


def test_a_free_camera_stands_where_mujoco_puts_it(slider: Callable[..., Any]) -> None:
    env = slider()
    env.reset(seed=0)
    view = FreeCamera(lookat=(0.1, -0.2, 0.3), distance=2.5, azimuth=37.0, elevation=-23.0)
    scene, camera = mujoco.MjvScene(env.model, 100), mujoco.MjvCamera()
    camera.lookat[:], camera.distance = view.lookat, view.distance
    camera.azimuth, camera.elevation = view.azimuth, view.elevation
    mujoco.mjv_updateScene(
        env.model, env.data, mujoco.MjvOption(), None, camera, mujoco.mjtCatBit.mjCAT_ALL.value, scene
    )
    eye, axes = view.pose()
    # MuJoCo has two eyes, one beside the other.
    assert np.allclose(np.mean([one.pos for one in scene.camera], 0), eye, atol=1e-5)
    assert np.allclose(scene.camera[0].forward, -axes[:, 2], atol=1e-5)
    assert np.allclose(scene.camera[0].up, axes[:, 1], atol=1e-5)
    assert np.allclose(axes.T @ axes, np.eye(3)) and np.linalg.det(axes) == pytest.approx(1.0)


def test_a_mujoco_model_is_drawn_from_the_camera_asked_for(slider: Callable[..., Any]) -> None:
    def frame(camera: Any) -> np.ndarray:
        suite = gymnasium_suite(
            "slider", {"a": slider}, {"a": "push"}, "far", camera=camera, height=48, width=64
        )
        simulation = suite.simulate("a")
        simulation.reset(3)
        return simulation.frame(next(iter(simulation.cameras)), 48, 64)

    front, hanging = frame("front"), frame("hanging")
    assert front.shape == (48, 64, 3)
    assert np.abs(hanging[::-1, ::-1].astype(int) - front).max() <= 2
    assert np.array_equal(frame(Camera("hanging", turned=True)), hanging[::-1, ::-1])
    own = frame(None)
    assert np.array_equal(own, frame(views_of(slider())["free"]))
    red = lambda picture: int(((picture[..., 0] > 120) & (picture[..., 1] < 80)).sum())  # noqa: E731
    assert all(10 < red(picture) < 1000 for picture in (front, hanging, own))
    assert not np.array_equal(own, front)


def test_the_environments_own_view_is_its_renderers(slider: Callable[..., Any]) -> None:
    view = views_of(slider())["free"]
    assert isinstance(view, FreeCamera)
    assert (view.distance, view.azimuth, view.elevation) == (3.0, 45.0, -45.0)


class Plain(gymnasium.Env[np.ndarray, Any]):
    """An environment that nothing is asked of but spaces."""

    def __init__(
        self, action_space: Any = None, observation_space: Any = None, mode: str | None = "rgb_array"
    ):
        self.action_space = action_space or spaces.Box(-1, 1, (2,))
        self.observation_space = observation_space or spaces.Box(-1, 1, (3,))
        self.render_mode = mode

    def render(self) -> Any:
        return np.zeros((20, 20, 3), np.float32)

    def reset(self, **how: Any) -> Any:
        return np.zeros(3), {}

    def step(self, action: Any) -> Any:
        return np.zeros(3), 0.0, False, False, {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"environments": {"near": "TinyDotz-v0"}}, ["TinyDotz-v0", "mend its id"]),
        ({"environments": {"near": "no_such_module:A-v0"}}, ["no_such_module", "mend its id"]),
        ({"kwargs": {"nonsense": 1}}, ["nonsense", "kwargs"]),
        ({"environments": {"near": lambda: 3}}, ["int", "gymnasium.Env"]),
        ({"environments": {}, "prompts": {}}, ["no environments"]),
        ({"prompts": {}}, ["'near' has no prompt"]),
        ({"prompts": {"near": "a", "far": "b"}}, ["'far' has no environment"]),
        ({"prompts": {"near": " "}}, ["prompt", "' '"]),
        ({"prompts": {"near": 7}}, ["prompt", "7"]),
        ({"success": 5}, ["success is 5"]),
        ({"frame_skip": "4"}, ["frame_skip is '4'"]),
        ({"frame_skip": 2.5}, ["frame_skip is 2.5"]),
        ({"action_dimensions": [{"name": 5}, {}]}, ["name is 5"]),
        ({"action_dimensions": [{"unit": None}, {}]}, ["unit", "None"]),
        ({"actions": [(1, 1), (0, 1)]}, ["number 0 of an action"]),
        ({"seen": ["naer"]}, ["naer", "'near'"]),
        ({"environments": {"near": lambda: Plain(spaces.Discrete(4))}}, ["Discrete(4)", "continuous"]),
        (
            {"environments": {"near": lambda: Plain(spaces.Box(-np.inf, np.inf, (2,)))}},
            ["no bounds", "actions="],
        ),
        (
            {"environments": {"near": lambda: Plain(spaces.Box(-1, 1, (1,)))}, "control_seconds": 1.0},
            ["1 dim"],
        ),
        ({"environments": {"near": Plain}}, ["control_seconds"]),
        ({"environments": {"near": lambda: Plain(mode=None)}}, ["None", "rgb_array"]),
        ({"actions": [(0, 1)]}, ["actions", "2 numbers"]),
        ({"actions": [("a", 1), (0, 1)]}, ["actions", "numbers"]),
        ({"proprioception": [0]}, ["dot, goal"]),
        ({"proprioception": "dott"}, ["'dott'", "'dot'"]),
        ({"proprioception": {"dot": [2]}}, ["index 2", "2 numbers"]),
        ({"action_dimensions": [{"name": "a"}]}, ["1 numbers of 2"]),
        ({"action_dimensions": [{"nam": "a"}, {}]}, ["'nam'", "'name'"]),
        ({"action_dimensions": [{"low": "a"}, {}]}, ["low", "number"]),
        ({"action_dimensions": [{"low": 3.0}, {}]}, ["range"]),
        ({"camera": "front"}, ["no MuJoCo model"]),
        ({"height": 0}, ["height"]),
        ({"control_seconds": -1.0}, ["control_seconds"]),
    ],
)
def test_what_makes_no_suite_is_refused_in_one_line(changes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(SuiteError) as refused:
        dots(**changes)
    assert_one_line(refused, "suite dots", *words)


def test_an_unknown_camera_is_answered_with_the_nearest(slider: Callable[..., Any]) -> None:
    with pytest.raises(SuiteError) as refused:
        gymnasium_suite("slider", {"a": slider}, {"a": "push"}, "far", camera="frnt")
    assert_one_line(refused, "'frnt'", "'front'", "lookat")


def test_info_that_does_not_tell_success_is_refused_with_the_nearest_key() -> None:
    simulation = dots(success="tolt").simulate("near")
    simulation.reset(0)
    with pytest.raises(SuiteError) as refused:
        simulation.step(np.zeros(2, np.float32))
    assert_one_line(refused, "'tolt'", "'told'")


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((20, 20, 3), np.float32), ["float32"]),
        (np.zeros((20, 20, 4), np.uint8), ["(20, 20, 4)"]),
        ([np.zeros((20, 20, 3), np.uint8)], ["list"]),
        (None, ["NoneType"]),
        (np.zeros((20, 60, 3), np.uint8), ["20x60", "30x30", "smaller frame"]),
    ],
)
def test_a_render_that_is_no_picture_or_too_small_is_refused(picture: Any, words: list[str]) -> None:
    with pytest.raises(SuiteError) as refused:
        fitted(picture, 30, 30)
    assert_one_line(refused, *words)


def test_tasks_with_other_actions_are_no_suite() -> None:
    suite = dots(
        environments={"near": "tiny_environments:TinyDots-v0", "far": lambda: Plain(spaces.Box(-1, 1, (3,)))},
        prompts={"near": "a", "far": "b"},
    )
    with pytest.raises(SuiteError) as refused:
        suite.simulate("far")
    assert_one_line(refused, "'far'", "'near'", "one arm")


def test_time_limits_are_taken_off_wherever_they_are() -> None:
    limited = gymnasium.wrappers.TimeLimit(gymnasium.wrappers.TimeLimit(Dots("rgb_array"), 3), 2)
    outer: Any = gymnasium.wrappers.OrderEnforcing(limited)
    environment = make_environment(lambda: outer)
    environment.reset(seed=0)
    middle = (np.array(LOW, np.float32) + np.array(HIGH, np.float32)) / 2
    assert not any(environment.step(middle)[3] for _ in range(5))
    assert isinstance(environment, gymnasium.wrappers.OrderEnforcing)
