import warnings
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import sail_envs
from sail.errors import SailError
from sail.types import Episode
from sail_envs.cameras import CAMERAS
from sail_envs.environment import ActionError, SettingError, TaskEnv
from sail_envs.experts import Scripted, expert, random_actions, record_episode
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_envs.suite import UnknownNameError

assert sail_envs  # imported for what it registers

# Doors, free objects, tools, goals that only a site marks, and an object whose weld MetaWorld rewrites.
SAMPLE = ("door-open", "reach", "hammer", "stick-pull", "plate-slide-back", "lever-pull", "basketball")
UP = np.array([0, 0, 1, 0], np.float32)


def rollout(env: TaskEnv, seed: int, steps: int) -> list[bytes]:
    """Everything that an episode of seeded random actions shows, as bytes."""
    policy = random_actions(np.random.default_rng(seed))
    observation, _ = env.reset(seed=seed)
    seen = [observation["frame"].tobytes() + observation["proprioception"].tobytes()]
    for _ in range(steps):
        observation, reward, *_ = env.step(policy(env))
        seen.append(observation["frame"].tobytes() + observation["proprioception"].tobytes())
        seen.append(np.float64(reward).tobytes() + env.simulation.state().tobytes())
    return seen


def run(env: TaskEnv, policy: Scripted) -> dict[str, Any]:
    terminated = truncated = False
    info: dict[str, Any] = {}
    while not (terminated or truncated):
        _, _, terminated, truncated, info = env.step(policy(env))
    return info | {"terminated": terminated, "truncated": truncated}


@pytest.mark.parametrize("task", SAMPLE)
def test_a_seed_is_an_episode_whatever_ran_before(task: str) -> None:
    env = TaskEnv(task, horizon=60)
    first = rollout(env, 5, 12)
    rollout(env, 6, 30)
    env.reset(seed=7)
    run(env, expert(env))
    assert rollout(env, 5, 12) == first
    assert rollout(TaskEnv(task), 5, 12) == first


@pytest.mark.parametrize("task", SAMPLE)
def test_seeds_place_things_differently(task: str) -> None:
    env = TaskEnv(task)
    placed = set()
    for seed in range(4):
        env.reset(seed=seed)
        placed.add(env.simulation.state()[4:18].tobytes() + env.simulation.state()[36:].tobytes())
    assert len(placed) == 4


@pytest.mark.parametrize("task", ["window-close", "drawer-open", "faucet-open", "reach-wall"])
def test_the_first_frame_shows_things_where_they_are(task: str) -> None:
    simulation: Any = TaskEnv(task).simulation
    simulation.reset(5)
    shown = simulation.data.geom_xpos.copy(), simulation.data.site_xpos.copy()
    mujoco.mj_forward(simulation.model, simulation.data)
    assert np.allclose(shown[0], simulation.data.geom_xpos)
    assert np.allclose(shown[1], simulation.data.site_xpos)


def test_resets_without_a_seed_follow_from_the_last_seed() -> None:
    def episodes(env: TaskEnv) -> list[bytes]:
        states = []
        for seed in (3, None, None):
            env.reset(seed=seed)
            states.append(env.simulation.state().tobytes())
        return states

    first = episodes(TaskEnv("drawer-open"))
    assert len(set(first)) == 3
    assert episodes(TaskEnv("drawer-open")) == first


@pytest.mark.parametrize(
    "task",
    [pytest.param(task, marks=() if task in SAMPLE else pytest.mark.slow) for task in METAWORLD.tasks],
)
def test_gymnasiums_checker_passes(task: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(f"sail/MetaWorld-{task}-v0", render_mode="rgb_array")
        # The check of render modes makes the environment twice more.
        check_env(env.unwrapped, skip_render_check=task not in SAMPLE)


def test_every_task_of_metaworld_is_there_and_the_split_is_one() -> None:
    from metaworld.policies import ENV_POLICY_MAP

    assert {f"{task}-v3" for task in METAWORLD.tasks} == set(ENV_POLICY_MAP)
    assert len(set(METAWORLD.tasks.values())) == len(METAWORLD.tasks) == 50
    assert set(METAWORLD.seen) | set(METAWORLD.unseen) <= set(METAWORLD.tasks)
    assert not set(METAWORLD.seen) & set(METAWORLD.unseen)
    assert (len(METAWORLD.seen), len(METAWORLD.unseen)) == (8, 12)


@pytest.mark.parametrize("task", ["reach", "door-open", "button-press-topdown", "drawer-close", "pick-place"])
def test_experts_solve_tasks(task: str) -> None:
    assert demonstrated(task).success


@pytest.mark.parametrize("name", ["workspace", "corner", "corner2", "corner3", "corner4"])
def test_up_is_up_and_nothing_is_mirrored(name: str) -> None:
    """The cyan finger is where a pinhole camera that looks from that place, turned or not, sees it."""
    size = 160
    env = TaskEnv("reach", camera=name, height=size, width=size)
    env.reset(seed=0)
    rows = []
    for _ in range(2):
        frame = env.frame().astype(int)
        cyan = np.argwhere((frame[..., 0] < 100) & (frame[..., 1] > 150) & (frame[..., 2] > 150))
        assert len(cyan) >= 4
        np.testing.assert_allclose(cyan.mean(0), projected(env, "leftpad", size), atol=2)
        rows.append(cyan[:, 0].mean())
        for _ in range(6):
            env.step(UP)
    assert rows[1] < rows[0] - 1


def demonstrated(task: str) -> Episode:
    """The expert on seed 0."""
    env = TaskEnv(task)
    return record_episode(env, expert(env), 0, "expert")


def projected(env: TaskEnv, body: str, size: int) -> tuple[float, float]:
    """Row and column of a body in an image whose top is where the world's z axis points."""
    data, model = env.simulation.data, env.simulation.model
    camera = CAMERAS[env.camera]
    at = model.camera(camera.mujoco_name).id
    rotation = data.cam_xmat[at].reshape(3, 3)
    x, y, z = rotation.T @ (data.body(body).xpos - data.cam_xpos[at])
    half = np.tan(np.radians(camera.fovy or model.cam_fovy[at]) / 2)
    upright = np.sign(rotation[2, 1])  # is the camera's own up the world's?
    horizontal, vertical = upright * np.array([x, y]) / -z / half
    return (1 - vertical) * size / 2, (1 + horizontal) * size / 2


def test_a_chunk_a_held_action_and_single_steps_are_the_same() -> None:
    chunked = TaskEnv("push", frame_skip=4, chunk=True, record=True)
    held, single = TaskEnv("push", frame_skip=4), TaskEnv("push")
    for env in (chunked, held, single):
        env.reset(seed=2)
    action = np.array([0.3, -0.5, -0.2, 1.0], np.float32)
    singles = [single.step(action) for _ in range(4)]
    observation, reward, _, _, info = chunked.step(np.tile(action, (4, 1)))
    held_observation, held_reward, _, _, held_info = held.step(action)
    for seen in (observation, held_observation):
        np.testing.assert_array_equal(seen["frame"], singles[-1][0]["frame"])
        np.testing.assert_array_equal(seen["proprioception"], singles[-1][0]["proprioception"])
    assert reward == held_reward == pytest.approx(sum(one[1] for one in singles))
    assert info["steps"] == held_info["steps"] == 4
    np.testing.assert_array_equal(info["frames"], [one[0]["frame"] for one in singles])
    np.testing.assert_array_equal(info["proprioceptions"], [one[0]["proprioception"] for one in singles])
    np.testing.assert_array_equal(info["actions"], np.tile(action, (4, 1)))
    # A chunk's actions are made in their order.
    steps = np.random.default_rng(0).uniform(-1, 1, (4, 4)).astype(np.float32)
    last = chunked.step(steps)[0]
    for one in steps:
        expected = single.step(one)[0]
    np.testing.assert_array_equal(last["frame"], expected["frame"])


def test_actions_beyond_the_space_are_clipped_and_recorded_as_made() -> None:
    env = TaskEnv("reach", record=True)
    env.reset(seed=0)
    info = env.step(np.array([5, -5, 0, 2], np.float32))[4]
    np.testing.assert_array_equal(info["actions"], [[1, -1, 0, 1]])


def test_it_stops_at_success_within_a_chunk() -> None:
    """With the expert's actions replayed eight at a time, the episode ends at the same control step."""
    episode = demonstrated("door-close")
    assert episode.success
    length = len(episode)
    env = TaskEnv("door-close", frame_skip=8, chunk=True, record=True)
    env.reset(seed=0)
    padded = np.concatenate([episode.actions, np.zeros((8, 4), np.float32)])
    for start in range(0, length, 8):
        _, _, terminated, truncated, info = env.step(padded[start : start + 8])
        assert terminated == (start + 8 >= length)
    assert info["steps"] == length
    assert len(info["frames"]) == len(info["actions"]) == (length - 1) % 8 + 1
    assert info["success"] and not truncated
    np.testing.assert_array_equal(info["frames"][-1], episode.frames[-1])


@pytest.mark.parametrize("chunk", [1, 8])
def test_an_episode_goes_on_for_what_it_holds(chunk: int) -> None:
    """Held for 10 control steps, an episode begins as the unheld one does and ends 10 steps later."""
    unheld = demonstrated("door-close")
    env = TaskEnv("door-close", frame_skip=chunk, chunk=True, hold=10)
    for _ in range(2):  # the count begins again with each episode
        env.reset(seed=0)
        made, terminated = 0, False
        while not terminated:
            actions = unheld.actions[made : made + chunk]
            rest = np.zeros((chunk - len(actions), 4), np.float32)
            _, _, terminated, truncated, info = env.step(np.concatenate([actions, rest]))
            made += chunk
        assert (info["steps"], info["success"], truncated) == (len(unheld) + 10, True, False)


def test_success_is_remembered_when_it_does_not_stop_there() -> None:
    env = TaskEnv("door-close", horizon=150, hold=None)
    env.reset(seed=0)
    info = run(env, expert(env))
    assert (info["success"], info["terminated"], info["truncated"]) == (True, False, True)
    assert info["steps"] == 150
    assert env.reset(seed=0)[1]["success"] is False


def test_the_horizon_counts_control_steps() -> None:
    env = TaskEnv("reach", frame_skip=8, chunk=True, horizon=10, record=True)
    env.reset(seed=0)
    assert env.step(np.zeros((8, 4), np.float32))[2:4] == (False, False)
    _, _, terminated, truncated, info = env.step(np.zeros((8, 4), np.float32))
    assert (terminated, truncated, info["steps"], len(info["frames"])) == (False, True, 10, 2)


@pytest.mark.parametrize(
    ("arguments", "error", "nearest"),
    [
        ({"task": "door-opne"}, UnknownNameError, "'door-open'"),
        ({"task": "door-open-v3"}, UnknownNameError, "'door-open'"),
        ({"task": "reach", "camera": "corner5"}, UnknownNameError, "'corner"),
        ({"task": "reach", "camera": "worksapce"}, UnknownNameError, "'workspace'"),
        ({"task": "reach", "frame_skip": 0}, SettingError, "frame_skip is 0"),
        ({"task": "reach", "width": -1}, SettingError, "width is -1"),
        ({"task": "reach", "horizon": 0}, SettingError, "horizon is 0"),
        ({"task": "reach", "hold": -1}, SettingError, "hold is -1"),
    ],
)
def test_a_bad_setting_is_one_line(arguments: dict[str, Any], error: type[SailError], nearest: str) -> None:
    with pytest.raises(error) as raised:
        TaskEnv(**arguments)
    assert nearest in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("action", [np.zeros(3), np.zeros((8, 4)), np.array([0, np.nan, 0, 0])])
def test_a_bad_action_is_one_line(action: Any) -> None:
    env = TaskEnv("reach")
    env.reset(seed=0)
    with pytest.raises(ActionError) as raised:
        env.step(action)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("task,seconds", [("reach", 0.0125), ("cups-red", 0.05)])
def test_rendered_frames_follow_one_another_in_real_time(task: str, seconds: float) -> None:
    env = TaskEnv(task, frame_skip=4)
    env.reset(seed=0)
    before = env.simulation.data.time
    env.step(np.zeros(4, np.float32))
    assert env.simulation.data.time - before == pytest.approx(4 * seconds)
    assert env.metadata["render_fps"] == pytest.approx(1 / (4 * seconds))


def test_render_shows_the_camera() -> None:
    env = gymnasium.make(
        "sail/MetaWorld-reach-v0", render_mode="rgb_array", height=48, width=48, camera="topview"
    )
    observation, _ = env.reset(seed=0)
    np.testing.assert_array_equal(env.render(), observation["frame"])
