"""Experts' noise, pushes and play with arms of two to twelve numbers, in small simulations."""

from dataclasses import replace

import numpy as np
import pytest

from sail.training.judged_attempts import AttemptJob, make_attempt
from sail.types import Episode
from sail_envs.action_noise import TARGET_SHARE
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
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_envs.orientation import LARGEST_TURN
from sail_envs.play import play, waypoints
from sail_envs.rotations import axis_angle_of
from sail_envs.suite import SuiteError, TaskSuite

from helpers import assert_one_line
from point_arms import BLIND_WRIST, CARTESIAN, MOBILE, PLANAR, REACHED, WORKSPACE, WRIST

SUITES = {"PLANAR": PLANAR, "WRIST": WRIST, "BLIND_WRIST": BLIND_WRIST, "MOBILE": MOBILE}
every_suite = pytest.mark.parametrize("name", SUITES)
ALL = {**SUITES, "CARTESIAN": CARTESIAN, "REACHED": REACHED}


def environment(name: str, horizon: int = 100) -> TaskEnv:
    return TaskEnv("do", f"point_arms:{name}", horizon=horizon, hold=None)


def recorded(name: str, policy: Scripted, push: Push | None = None, horizon: int = 100) -> Episode:
    episode = record_episode(environment(name, horizon), policy, 0, "play", push)
    numbers = len(ALL[name].embodiment.actions)
    assert episode.actions.shape[1] == numbers and episode.actions.dtype == np.float32
    assert np.abs(episode.actions).max() <= 1.0
    return episode


@every_suite
@pytest.mark.parametrize("make", [random_actions, waypoints, play])
def test_a_generator_decides_everything(make: object, name: str) -> None:
    assert callable(make)
    first, again, other = (recorded(name, make(np.random.default_rng(seed))).actions for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@every_suite
def test_random_actions_are_uniform(name: str) -> None:
    actions = recorded(name, random_actions(np.random.default_rng(0)), horizon=2000).actions
    assert actions.mean(0) == pytest.approx(np.zeros(actions.shape[1]), abs=0.06)
    assert actions.std(0) == pytest.approx(np.full(actions.shape[1], np.sqrt(1 / 3)), abs=0.03)


def test_an_expert_s_noise_leaves_grippers_alone_and_is_small_on_joints_to_be_reached() -> None:
    arm = MOBILE.embodiment
    plain, noisy = (
        recorded("MOBILE", policy, horizon=3000).actions.astype(np.float64)
        for policy in (
            expert(environment("MOBILE")),
            with_noise(lambda env: np.float32([0] * 11 + [1]), np.random.default_rng(0)),
        )
    )
    assert (noisy[:, arm.grippers] == 1.0).all() and (plain[:, arm.grippers] == 1.0).all()
    # Noise of which 0.8 stays and 0.15 comes anew: 0.15 / √(1 - 0.64) in all.
    spread, expected = noisy[50:].std(0), np.full(12, 0.25)
    expected[arm.targets] *= TARGET_SHARE
    assert spread[:-1] == pytest.approx(expected[:-1], rel=0.15)
    correlation = (noisy[1:, :-1] * noisy[:-1, :-1]).mean(0) / noisy[:, :-1].var(0)
    assert correlation == pytest.approx(np.full(11, 0.8), abs=0.06)


@pytest.mark.parametrize("name", ["PLANAR", "MOBILE", "CARTESIAN"])
def test_noisy_pushed_experts_still_succeed(name: str) -> None:
    done = 0
    for seed in range(6):
        rng, env = np.random.default_rng(seed), environment(name, 200)
        push = random_push(rng)
        done += record_episode(env, with_noise(expert(env), rng), seed, "expert", push).success
    assert done >= 5


def after_idling(name: str, push: Push | None) -> dict[str, float]:
    env = environment(name)
    idle = np.zeros(len(env.embodiment.actions), np.float32)
    episode = record_episode(env, lambda _: idle.copy(), 0, "play", push)
    assert len(episode) == (90 if push else 100)  # a push counts towards the horizon
    assert not episode.actions.any()
    return dict(env.simulation.values)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        ("PLANAR", {"joint0": 0.5, "joint1": -0.25}),
        ("WRIST", {"x": 0.1, "y": -0.05, "z": 0.025}),
        ("BLIND_WRIST", {"x": 0.1, "y": -0.05, "z": 0.025}),
        ("MOBILE", {"forward": 0.25, "sideways": -0.125, "around": 0.0625}),
    ],
)
def test_a_push_moves_the_hand_or_the_first_numbers(name: str, moved: dict[str, float]) -> None:
    plain, pushed = (after_idling(name, push) for push in (None, Push(np.array([1.0, -0.5, 0.25]), 10)))
    assert {key: pushed[key] - plain[key] for key in plain} == pytest.approx(
        {**dict.fromkeys(plain, 0.0), **moved}, abs=1e-6
    )


def test_a_push_of_joints_to_be_reached_is_a_small_step_aside() -> None:
    asked = np.array([0.9, 0.9, 0.9, 0.9, 1.0], np.float32)
    push = Push(np.array([1.0, -1.0, 0.5]), 1)
    began = recorded("REACHED", lambda _: asked.copy(), push).proprioception[0] / 3.0
    np.testing.assert_allclose(began[:4], [1.0, 0.9 - TARGET_SHARE, 0.9 + TARGET_SHARE / 2, 0.9], atol=1e-6)


def test_play_of_a_hand_that_turns_visits_the_workspace_and_turns() -> None:
    for name in ("WRIST", "BLIND_WRIST"):
        env = environment(name, 2000)
        places, angles = [], []
        policy = waypoints(np.random.default_rng(0))
        env.reset(seed=0)
        first = env.simulation.orientation  # type: ignore[attr-defined]
        for _ in range(2000):
            env.step(policy(env))
            places.append(env.simulation.place)  # type: ignore[attr-defined]
            turned = env.simulation.orientation @ first.T  # type: ignore[attr-defined]
            angles.append(np.linalg.norm(axis_angle_of(turned)))
        assert (np.ptp(places, axis=0) > 0.6 * np.subtract(WORKSPACE.high, WORKSPACE.low)).all()
        assert 0.7 * LARGEST_TURN < max(angles) < LARGEST_TURN + 0.35 and min(angles[200:]) < 0.5
        steps = np.abs(np.diff(angles))
        assert steps.mean() > 0.001 and steps.max() < 0.25


def test_play_touches_things_and_where_there_are_none_it_only_moves() -> None:
    touched = 0
    for seed in range(10):
        env = environment("WRIST", 150)
        record_episode(env, play(np.random.default_rng(seed)), seed, "play")
        touched += env.simulation.moved  # type: ignore[attr-defined]
    assert touched >= 5
    for name in ("PLANAR", "MOBILE"):
        actions = recorded(name, play(np.random.default_rng(0)), horizon=2000).actions
        assert len(environment(name).simulation.things()) == 0
        assert (actions.std(0) > 0.35).all() and (np.abs(actions).max(0) > 0.95).all()
        after = (actions[1:] * actions[:-1]).mean(0) / (actions**2).mean(0)
        assert (after[:2] > 0.7).all()


def test_suboptimal_experts_are_random_at_the_asked_share() -> None:
    env, rng = environment("MOBILE"), np.random.default_rng(0)
    env.reset(seed=0)
    shown = expert(env)(env)
    policy = mixed_with_random(expert(env), rng, 0.7)
    random = [(policy(env) != shown).any() for _ in range(1000)]
    assert np.mean(random) == pytest.approx(0.7, abs=0.05)


@pytest.mark.parametrize("name", ["PLANAR", "MOBILE", "CARTESIAN"])
def test_attempts_that_teach_a_verifier_are_made_with_any_arm(name: str) -> None:
    for index in range(5):
        made = make_attempt(AttemptJob("do", f"point_arms:{name}", index))
        assert made.frames.shape[0] == len(made.done) == len(made.moved) == 56
        assert (made.moved > 0).any() <= (name == "CARTESIAN")


@pytest.mark.parametrize("part", ["workspace", "directions"])
@pytest.mark.parametrize("suite", [PLANAR, MOBILE], ids=["planar", "mobile"])
def test_points_for_an_arm_that_goes_to_none_are_refused(suite: TaskSuite, part: str) -> None:
    with pytest.raises(SuiteError) as error:
        replace(suite, **{part: WORKSPACE if part == "workspace" else METAWORLD.directions})
    assert_one_line(error, f"suite {suite.name}", f"{part} is given", "name x, y and z", f"leave {part} out")
