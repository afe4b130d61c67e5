from copy import copy
from dataclasses import replace

import numpy as np
import pytest

from sail_envs.environment import TaskEnv
from sail_envs.experts import (
    Push,
    Scripted,
    expert,
    mixed_with_random,
    random_actions,
    random_push,
    record_episode,
    with_noise,
)
from sail_envs.play import play, waypoints
from sail_envs.suite import SuiteError


@pytest.fixture(scope="module")
def env() -> TaskEnv:
    return TaskEnv("drawer-close", height=8, width=8, horizon=120, hold=None)


def actions(env: TaskEnv, policy: Scripted, seed: int = 0) -> np.ndarray:
    return record_episode(env, policy, seed, "play").actions


def test_actions_are_what_the_environment_takes(env: TaskEnv) -> None:
    rng = np.random.default_rng(0)
    policies = [
        expert(env),
        random_actions(rng),
        waypoints(rng),
        play(rng),
        mixed_with_random(expert(env), rng, 0.5),
        with_noise(expert(env), rng),
    ]
    env.reset(seed=0)
    for policy in policies:
        for _ in range(5):
            action = policy(env)
            assert env.action_space.contains(action)
            env.step(action)


@pytest.mark.parametrize("make", [random_actions, waypoints, play])
def test_a_generator_decides_everything(make: object, env: TaskEnv) -> None:
    assert callable(make)
    first, again, other = (actions(env, make(np.random.default_rng(seed))) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("share", [0.0, 0.7, 1.0])
def test_the_share_of_random_actions(share: float, env: TaskEnv) -> None:
    marker = np.full(4, 0.5, np.float32)
    policy = mixed_with_random(lambda _: marker, np.random.default_rng(0), share)
    random = [(policy(env) != marker).any() for _ in range(2000)]
    assert np.mean(random) == pytest.approx(share, abs=0.03)


def test_noisy_pushed_experts_vary_and_mostly_still_succeed() -> None:
    env = TaskEnv("drawer-close", height=8, width=8)
    episodes = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        push = random_push(rng)
        policy = with_noise(expert(env), rng)
        episodes.append(record_episode(env, policy, 0, "expert", push))
    assert sum(episode.success for episode in episodes) >= 5
    assert len({episode.actions.tobytes() for episode in episodes}) == 6
    starts = {episode.proprioception[0].tobytes() for episode in episodes}
    assert 2 <= len(starts) < 6  # some are pushed, some are not


def test_pushes_are_as_long_and_as_frequent_as_they_say() -> None:
    rng = np.random.default_rng(0)
    steps = np.array([random_push(rng).steps for _ in range(2000)])
    assert (steps >= 0).all() and steps.max() == 24
    assert (steps > 0).mean() == pytest.approx(0.6 * 24 / 25, abs=0.04)
    assert not any(random_push(rng, level=0.0).steps for _ in range(100))


def test_a_push_comes_before_what_is_recorded(env: TaskEnv) -> None:
    push = Push(np.array([1.0, 0.0, 0.5]), steps=10)
    idle = np.zeros(4, np.float32)
    plain, pushed = (record_episode(env, lambda _: idle.copy(), 0, "play", p) for p in (None, push))
    moved = pushed.proprioception[0, :3] - plain.proprioception[0, :3]
    assert moved[0] > 0.05 and moved[2] > 0.02
    assert len(plain) - len(pushed) == 10  # they count towards the horizon
    assert not pushed.actions.any()


def test_an_unperturbed_expert_is_the_expert(env: TaskEnv) -> None:
    plain = actions(env, expert(env))
    level_0 = actions(env, with_noise(expert(env), np.random.default_rng(0), level=0.0))
    np.testing.assert_array_equal(plain, level_0)


def test_an_episode_is_recorded_at_every_control_step() -> None:
    env = TaskEnv("door-close", height=16, width=16)
    episode = record_episode(env, expert(env), 3, "expert")
    steps = len(episode)
    assert episode.success and steps < 200
    assert episode.frames.shape == (steps + 1, 16, 16, 3)
    assert episode.proprioception.shape == (steps + 1, 4)
    assert episode.actions.shape == (steps, 4)
    assert (episode.task, episode.prompt, episode.seed) == ("door-close", "close the door", 3)
    observation, _ = env.reset(seed=3)
    np.testing.assert_array_equal(episode.frames[0], observation["frame"])
    for action in episode.actions[:5]:
        observation, *_ = env.step(action)
    np.testing.assert_array_equal(episode.frames[5], observation["frame"])
    np.testing.assert_array_equal(episode.proprioception[5], observation["proprioception"])


def test_a_suite_without_experts_says_where_demonstrations_come_from(env: TaskEnv) -> None:
    alone = copy(env)
    alone.suite = replace(env.suite, expert=None)
    with pytest.raises(SuiteError, match="suite metaworld has no experts: take demonstrations from a store"):
        expert(alone)
