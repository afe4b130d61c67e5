"""What exploring does to actions: the noise's own statistics, and waypoints within the workspace."""

from collections import Counter
from dataclasses import replace

import numpy as np

from sail.config.schema import ExplorationConfig
from sail.loop.exploration import (
    NO_EXPLORATION,
    SHIFT,
    WAYPOINT_CHUNKS,
    Explorer,
    Repeater,
    Wanderer,
    adapted,
)
from sail.loop.results import Way
from sail.types import Episode
from sail_envs.action_noise import NOISE_MEMORY
from sail_envs.metaworld.metaworld_tasks import METAWORLD as SUITE

TASK = "handle-press"
STEP_LENGTH = 0.01
SKIP = SUITE.embodiment.frame_skip
STILL = np.zeros((SKIP, 4), np.float32)
ARM = np.array([0.0, 0.6, 0.2, 1.0], np.float32)


def test_noise_on_actions_is_correlated_and_of_the_size_that_was_asked_for() -> None:
    explorer = Explorer(ExplorationConfig(action_noise=0.2), SUITE, salt=0)
    explorer.start(0, seed=1)
    noise = np.concatenate([explorer.vary(0, STILL) for _ in range(2000)])
    # Independent samples are about 20 times fewer than steps: 3 standard errors.
    assert abs(noise[200:].std() / 0.2 - 1.0) < 0.06
    after = (noise[1:] * noise[:-1]).mean() / noise.var()
    assert abs(after - NOISE_MEMORY) < 0.03
    assert np.abs(noise).max() <= 1.0


def test_without_exploration_nothing_changes() -> None:
    explorer = Explorer(NO_EXPLORATION, SUITE, salt=0)
    explorer.start(0, seed=1)
    assert explorer.vary(0, STILL) is STILL and explorer.unplanned(0) is None


def test_who_wanders_goes_to_one_point_of_the_workspace_after_another() -> None:
    workspace, wanderer = SUITE.workspace, Wanderer(SUITE, np.random.default_rng(0))
    arm, turns = ARM.copy(), 0
    for _ in range(40):
        before = arm[:3].copy()
        chunk = wanderer.chunk(arm)
        assert chunk.shape == (SKIP, 4) and np.abs(chunk).max() <= 1.0
        arm[:3] += STEP_LENGTH * chunk[:, :3].sum(0)
        low, high = np.minimum(workspace.low, before), np.maximum(workspace.high, before)
        assert ((low - 1e-6 <= arm[:3]) & (arm[:3] <= high + 1e-6)).all()
        turns += bool(np.abs(chunk[0, :3]).max() == 1.0)
    assert turns > 10  # it is on its way, not at one place


def test_most_waypoints_are_low() -> None:
    workspace, heights = SUITE.workspace, []
    for seed in range(200):
        wanderer, arm = Wanderer(SUITE, np.random.default_rng(seed)), ARM.copy()
        for _ in range(WAYPOINT_CHUNKS):
            arm[:3] += STEP_LENGTH * wanderer.chunk(arm)[:, :3].sum(0)
        heights.append((arm[2] - workspace.low[2]) / (workspace.high[2] - workspace.low[2]))
    # The median of a uniform share's cube is an eighth; the arm stops short of the waypoint by two steps.
    assert 0.05 < np.median(heights) < 0.25


def success(path: list[list[float]], gripper: list[float]) -> Episode:
    """An episode along these places, one a control step."""
    states = np.column_stack([np.array(path), np.zeros(len(path))]).astype(np.float32)
    actions = np.zeros((len(path) - 1, 4), np.float32)
    actions[:, 3] = gripper
    frames = np.zeros((len(path), 2, 2, 3), np.uint8)
    return Episode(frames, states, actions, True, "press", TASK, 0, 1, "self")


def test_a_repetition_goes_the_success_s_last_steps_and_straight_on() -> None:
    # Down for 40 control steps and then to the left for 16, closing the gripper for these.
    path = [[0.1, 0.6, 0.4 - 0.005 * min(step, 40)] for step in range(41)]
    path += [[0.1 - 0.01 * step, 0.6, 0.2] for step in range(1, 17)]
    done = success(path, [-1.0] * 40 + [1.0] * 16)
    ends, beyond = [], []
    for seed in range(100):
        repeater, arm = Repeater(SUITE, [done], np.random.default_rng(seed)), ARM.copy()
        seen = []
        for _ in range(4 * WAYPOINT_CHUNKS):
            chunk = repeater.chunk(arm)
            assert chunk.shape == (SKIP, 4) and np.abs(chunk).max() <= 1.0
            arm[:3] += STEP_LENGTH * chunk[:, :3].sum(0)
            seen.append(np.append(arm[:3], chunk[0, 3]))
        places = np.array(seen)
        closed = places[places[:, 3] > 0]
        ends.append(np.abs(closed[:, :3] - path[-1]).max(1).min())
        beyond.append(closed[:, 0].min())
    # Shifted by 2 cm in each direction, and "there" is within two steps of 1 cm.
    assert np.median(ends) < 2 * SHIFT + 2 * STEP_LENGTH
    assert np.median(beyond) < path[-1][0] - 0.05


def test_nothing_is_repeated_before_something_succeeded() -> None:
    config = ExplorationConfig(random_fraction=0.8, repeat_fraction=0.75)
    done = success([[0.0, 0.6, 0.2]] * 9, [1.0] * 8)
    for successes, expected in (((), (0.8, 0.0)), ((done,), (0.2, 0.6))):
        explorer = Explorer(config, SUITE, 0, successes)
        for seed in range(600):
            explorer.start(0, seed)
        ways = [explorer.ways[seed] for seed in range(600)]
        assert abs(ways.count(Way.RANDOM) / 600 - expected[0]) < 0.06
        assert abs(ways.count(Way.REPEATED) / 600 - expected[1]) < 0.06


def test_chance_and_noise_give_way_as_the_planner_succeeds_and_noise_comes_back() -> None:
    config = ExplorationConfig(random_fraction=0.5, action_noise=0.3, noisy_fraction=0.5)
    assert adapted(config, 0.0) == config
    half = adapted(config, 0.5)
    assert half == replace(config, random_fraction=0.5 / 4, action_noise=0.3 / 4)
    most = adapted(config, 0.75)
    assert most == replace(config, random_fraction=0.5 / 16)
    assert adapted(config, 1.0).random_fraction == 0.0
    explorer = Explorer(adapted(config, 1.0 - 0.6**0.5), SUITE, salt=0)
    wandering = 0
    for seed in range(600):
        explorer.start(0, seed)
        wandering += explorer.unplanned(0) is not None
    assert abs(wandering / 600 - 0.3) < 0.06


def test_the_share_that_is_noisy_is_and_the_rest_does_what_was_planned() -> None:
    config = ExplorationConfig(action_noise=0.6, noisy_fraction=0.5, random_fraction=0.2)
    explorer = Explorer(config, SUITE, salt=0)
    counts: Counter[tuple[Way, bool]] = Counter()
    for seed in range(600):
        explorer.start(0, seed)
        counts[explorer.ways[seed], bool(np.any(explorer.vary(0, STILL) != STILL))] += 1
    assert abs(counts[Way.NOISY, True] / 600 - 0.4) < 0.06
    assert abs(counts[Way.PLANNED, False] / 600 - 0.4) < 0.06
    assert counts[Way.NOISY, False] == counts[Way.PLANNED, True] == 0


def test_the_same_seed_explores_alike_and_another_salt_otherwise() -> None:
    config = ExplorationConfig(action_noise=0.5)

    def explored(salt: int, seed: int) -> bytes:
        explorer = Explorer(config, SUITE, salt)
        explorer.start(3, seed)
        return explorer.vary(3, STILL).tobytes()

    assert explored(0, 5) == explored(0, 5)
    assert len({explored(0, 5), explored(1, 5), explored(0, 6)}) == 3
