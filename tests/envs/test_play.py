import numpy as np
import pytest

from sail_envs.environment import TaskEnv
from sail_envs.experts import record_episode
from sail_envs.play import play, waypoints
from sail_envs.suite import suite_of


@pytest.fixture(scope="module")
def env() -> TaskEnv:
    return TaskEnv("drawer-close", height=8, width=8, horizon=120, hold=None)


def test_waypoints_cover_the_workspace(env: TaskEnv) -> None:
    visited = np.concatenate(
        [
            record_episode(env, waypoints(np.random.default_rng(seed)), seed, "play").proprioception[:, :3]
            for seed in range(6)
        ]
    )
    low, high = suite_of(env.task).workspace
    assert (np.ptp(visited, axis=0) > 0.5 * np.subtract(high, low)).all()


@pytest.mark.slow
def test_play_touches_things_more_than_waypoints(env: TaskEnv) -> None:
    def mean_distance_moved(make: object) -> float:
        assert callable(make)
        moved = []
        for seed in range(5):
            env.reset(seed=seed)
            start = env.simulation.state()[4:7]
            policy = make(np.random.default_rng(seed))
            for _ in range(120):
                env.step(policy(env))
            moved.append(np.linalg.norm(env.simulation.state()[4:7] - start))
        return float(np.mean(moved))

    assert mean_distance_moved(play) > 0.01
    assert mean_distance_moved(play) > mean_distance_moved(waypoints)


def test_play_knows_nothing_of_the_goal() -> None:
    """Where only the goal differs, play does the same."""
    env = TaskEnv("reach", height=8, width=8, horizon=60)
    env.reset(seed=0)
    policy, state = play(np.random.default_rng(0)), env.simulation.state().copy()
    before = policy(env)
    env._state = state.copy()
    env._state[36:] += 0.1
    np.testing.assert_array_equal(play(np.random.default_rng(0))(env), before)


def test_play_aims_no_lower_than_the_floor() -> None:
    def lowest(name: str) -> float:
        env = TaskEnv("do", f"point_arms:{name}", horizon=400, hold=None)
        heights = record_episode(env, play(np.random.default_rng(0)), 0, "play").proprioception[:, 2]
        return float(heights[100:].min())

    assert lowest("FLOORED") > 0.2 > 0.1 > lowest("BURIED")
