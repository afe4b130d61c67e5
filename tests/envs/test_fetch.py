"""Fetch: its embodiment is what its arm does, its pictures show its tasks, its experts do them."""

import numpy as np
import pytest

from sail.data.demonstrations import Job, _run_job
from sail_envs.environment import TaskEnv
from sail_envs.fetch.fetch_simulation import simulate_fetch
from sail_envs.fetch.fetch_tasks import FETCH, STEP_LENGTH
from sail_envs.suite import find_suite, suite_of

TASKS = list(FETCH.tasks)


def test_it_is_found_by_name_and_by_task() -> None:
    assert find_suite("fetch").tasks == FETCH.tasks
    assert suite_of("fetch-push").name == "fetch"
    assert {*FETCH.seen, *FETCH.unseen} == set(TASKS)


def test_an_action_moves_the_hand_as_the_embodiment_says() -> None:
    simulation = simulate_fetch("fetch-reach")
    for axis in range(3):
        for sign in (-1.0, 1.0):
            simulation.reset(0)
            action = np.zeros(4, np.float32)
            action[axis] = sign
            simulation.step(action)
            before = simulation.proprioception()
            simulation.step(action)
            moved = simulation.proprioception() - before
            assert moved[axis] == pytest.approx(sign * STEP_LENGTH, rel=0.1)
            assert np.abs(np.delete(moved[:3], axis)).max() < 0.1 * STEP_LENGTH
    assert simulation.environment.unwrapped.dt == pytest.approx(FETCH.embodiment.control_seconds)  # type: ignore[attr-defined]


def test_the_gripper_opens_below_zero_and_closes_above() -> None:
    simulation = simulate_fetch("fetch-pick-and-place")
    simulation.reset(0)
    openings = []
    for effort in (-1.0, 1.0):
        for _ in range(10):
            simulation.step(np.array([0, 0, 0, effort], np.float32))
        openings.append(float(simulation.proprioception()[3]))
    gripper = FETCH.embodiment.proprioception[3]
    assert openings[0] == pytest.approx(gripper.high, abs=0.005)
    assert openings[1] == pytest.approx(gripper.low, abs=0.005)


@pytest.mark.parametrize("task", TASKS)
def test_a_seed_gives_the_same_bytes_whatever_was_drawn_or_done_before(task: str) -> None:
    env = TaskEnv(task, "fetch")
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (6, 4)).astype(np.float32)

    def run(seed: int, drawn: bool) -> bytes:
        env.reset(seed=seed)
        for action in actions:
            env.simulation.step(action)
            if drawn:
                env.frame()
        return env.frame().tobytes() + env.proprioception().tobytes() + env.simulation.state().tobytes()

    first, other, again, undrawn = run(1, True), run(2, True), run(1, True), run(1, False)
    assert first == again == undrawn != other


@pytest.mark.parametrize("task", TASKS)
def test_goal_and_thing_are_in_view(task: str) -> None:
    env = TaskEnv(task, "fetch")
    seen = []
    for seed in range(8):
        frame = env.reset(seed=seed)[0]["frame"].astype(int)
        seen.append(((frame[..., 0] > 110) & (frame[..., 1:] < 70).all(-1)).sum())
        assert 0 < (env.arm() == 255).mean() < 0.5
    # The hand may hide a goal, and the robot has a red button.
    assert np.median(seen) >= 8
    place = env.simulation.things()
    assert place.shape == (1, 3) and 0.35 < place[0, 2] < 0.9


@pytest.mark.parametrize(
    ("task", "least"),
    [("fetch-reach", 12), ("fetch-push", 12), ("fetch-pick-and-place", 12), ("fetch-slide", 9)],
)
def test_the_expert_does_the_task(task: str, least: int) -> None:
    simulation, act = simulate_fetch(task), FETCH.expert(task) if FETCH.expert else None
    assert act is not None
    done = 0
    for seed in range(500, 512):
        simulation.reset(seed)
        for _ in range(100):
            action = act(simulation)
            assert action.dtype == np.float32 and np.abs(action).max() <= 1.0
            simulation.step(action)
            if simulation.outcome() == "success":
                done += 1
                break
    assert done >= least


def test_a_disturbed_demonstration_succeeds() -> None:
    episode = _run_job(Job("fetch-push", "expert", 0, horizon=100, suite="fetch"))
    assert episode.success and episode.frames.shape[1:] == (96, 96, 3)
    assert episode.actions.shape[1] == episode.proprioception.shape[1] == 4
