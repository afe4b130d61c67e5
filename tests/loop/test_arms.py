"""Exploring with arms of two to twelve numbers, in small simulations: none of it knows which arm it has."""

import numpy as np
import pytest

from sail.config.resolution import load_config
from sail.config.schema import ExplorationConfig
from sail.loop.evaluation import evaluate_random, successes
from sail.loop.exploration import (
    REPEATED_EVERY,
    REPEATED_NOISE,
    REPEATED_STEPS,
    Explorer,
    Repeater,
    Replayer,
    Unplanned,
    Wanderer,
    control_name,
    wandering,
)
from sail.loop.results import Way
from sail.types import Episode, Float32
from sail_envs.action_noise import NOISE_MEMORY, TARGET_SHARE, CorrelatedNoise, at_rest
from sail_envs.orientation import LARGEST_TURN
from sail_envs.rotations import axis_angle_of
from sail_envs.suite import TaskSuite

from point_arms import (
    BLIND_WRIST,
    GRIPPER,
    MOBILE,
    PLACE,
    PLANAR,
    STEPS,
    TURN,
    WORKSPACE,
    WRIST,
    PointArm,
)
from point_arms import suite as point_suite

SUITES = {"PLANAR": PLANAR, "WRIST": WRIST, "BLIND_WRIST": BLIND_WRIST, "MOBILE": MOBILE}
every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)


def moved(suite: TaskSuite, acts: Unplanned, chunks: int, seed: int = 0) -> tuple[Float32, PointArm, Episode]:
    """The actions of a real simulation, the simulation afterwards, and its episode."""
    task = next(iter(suite.tasks))
    arm = suite.simulate(task)
    arm.reset(seed)
    felt, made = [arm.proprioception()], []
    for _ in range(chunks):
        chunk = acts.chunk(felt[-1])
        assert chunk.shape == (suite.embodiment.frame_skip, len(suite.embodiment.actions))
        assert chunk.dtype == np.float32 and np.abs(chunk).max() <= 1.0
        for action in chunk:
            arm.step(action)
            made.append(action)
            felt.append(arm.proprioception())
    actions = np.stack(made)
    frames = np.zeros((len(felt), 2, 2, 3), np.uint8)
    done = arm.outcome() == "success"
    return actions, arm, Episode(frames, np.stack(felt), actions, done, "do it", task, seed, 1, "self")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@every_suite
def test_the_generator_decides_all_that_is_random(suite: TaskSuite) -> None:
    first, again, other = (moved(suite, wandering(suite, rng(seed)), 30)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_walk_fills_the_range_and_changes_slowly() -> None:
    actions = moved(PLANAR, wandering(PLANAR, rng()), 4000)[0].astype(np.float64)
    # At a share s of the way between two uniform points the variance is ((1 - s)² + s²) / 3: on average 2/9.
    assert actions.std(0) == pytest.approx(np.sqrt(2 / 9), abs=0.03)
    assert np.abs(actions.mean(0)).max() < 0.05
    assert (actions.min(0) < -0.95).all() and (actions.max(0) > 0.95).all()
    for apart, least, most in ((1, 0.95, 1.0), (4, 0.6, 0.95), (60, -0.1, 0.1)):
        correlation = np.diag(np.corrcoef(actions[apart:].T, actions[:-apart].T)[:2, 2:])
        assert ((least < correlation) & (correlation < most)).all(), apart
    assert abs(np.corrcoef(actions.T)[0, 1]) < 0.05
    # It begins where the arm stands still, and no step is longer than the whole range within one chunk.
    assert np.abs(actions[0]).max() <= 1 / PLANAR.embodiment.frame_skip
    assert np.abs(np.diff(actions, axis=0)).max() <= 2 / PLANAR.embodiment.frame_skip + 1e-6


def test_a_walk_begins_where_the_joints_are_and_its_grippers_are_open_or_closed() -> None:
    arm, walk = MOBILE.embodiment, wandering(MOBILE, rng(3))
    felt = np.array([0.3, -1.5, 2.9, 0.0, 1.0, -3.0, 0.6, 1.0], np.float32)
    still = at_rest(arm, felt)
    np.testing.assert_allclose(still[3:10], felt[:7] / 3, atol=1e-6)
    assert still[0] == -1.0 and not still[[1, 2, 10, 11]].any()  # forward only: its lowest number is to stand
    first = walk.chunk(felt)
    assert np.abs(first[0, :-1] - still[:-1]).max() <= 2 / arm.frame_skip
    grippers = moved(MOBILE, wandering(MOBILE, rng()), 400)[0][:, -1]
    assert set(np.unique(grippers)) == {-1.0, 1.0} and 0.3 < (grippers > 0).mean() < 0.7


@pytest.mark.parametrize("suite", [WRIST, BLIND_WRIST], ids=["felt", "not felt"])
def test_a_hand_that_turns_goes_to_points_and_turns_on_the_way(suite: TaskSuite) -> None:
    wanderer, arm = Wanderer(suite, rng()), suite.simulate("do")
    first, places, angles, turns = arm.orientation, [], [], []
    for _ in range(300):
        before = arm.orientation
        for action in wanderer.chunk(arm.proprioception()):
            arm.step(action)
        places.append(arm.place)
        angles.append(np.linalg.norm(axis_angle_of(arm.orientation @ first.T)))
        turns.append(np.linalg.norm(axis_angle_of(arm.orientation @ before.T)))
    reached = np.array(places)
    assert (np.ptp(reached, axis=0) > 0.5 * np.subtract(WORKSPACE.high, WORKSPACE.low)).all()
    assert ((np.array(WORKSPACE.low) - 0.02 < reached) & (reached < np.array(WORKSPACE.high) + 0.02)).all()
    # From one target to the next a hand does not go by the first orientation, but not far beyond either.
    assert LARGEST_TURN * 0.8 < max(angles) < LARGEST_TURN + 0.35
    # A column of a 6-D rotation changes by at most 0.1 along each axis.
    assert np.median(turns) > 0.01 and max(turns) < 4 * np.sqrt(2) * 0.17
    assert min(angles) < 0.4


def tilt(suite: TaskSuite, angle: float) -> Episode:
    """An episode that first turns the hand by so much about x, and then goes 10 cm to the right, closed."""
    arm = suite.embodiment
    half_turn, actions = round(angle / TURN), []
    for step in range(half_turn + 40):
        action = at_rest(arm, np.zeros(len(arm.proprioception), np.float32))
        turning = step < half_turn
        if suite is WRIST:
            action[3] = float(turning)
        elif turning:
            columns = np.array([1, 0, 0, 0, np.cos(TURN), np.sin(TURN)])
            action[arm.turn] = (columns - [1, 0, 0, 0, 1, 0]) / 0.1
        action[arm.displacement] = [0.25, 0, 0] if not turning else 0.0
        action[arm.grippers] = 1.0
        actions.append(action)

    class Made:
        def chunk(self, felt: Float32) -> Float32:
            return np.array([actions.pop(0) for _ in range(arm.frame_skip)], np.float32)

    return moved(suite, Made(), len(actions) // arm.frame_skip)[2]


@pytest.mark.parametrize("suite", [WRIST, BLIND_WRIST], ids=["felt", "not felt"])
def test_a_repetition_holds_the_hand_as_the_success_held_it(suite: TaskSuite) -> None:
    done, angle = tilt(suite, 1.4), []
    assert done.success
    for seed in range(10):
        actions, arm, _ = moved(suite, Repeater(suite, [done], rng(seed)), 24, seed)
        turned = axis_angle_of(arm.orientation @ suite.simulate("do").orientation.T)
        angle.append(np.linalg.norm(turned - [1.4, 0, 0]))
        assert (actions[:, suite.embodiment.grippers] == 1.0).all()
        assert arm.outcome() == "success"
    assert max(angle) < 0.05


def test_numbers_beside_the_hand_s_are_made_again_and_then_stand_still() -> None:
    base = MOBILE.embodiment.actions[:3]
    numbers = (*base, *STEPS, *GRIPPER), (*PLACE, *GRIPPER)
    rolling = point_suite("rolling", lambda arm: False, *numbers, WORKSPACE)
    success = moved(rolling, wandering(rolling, rng(5)), 24)[2]
    repeater, far = Repeater(rolling, [success], rng()), np.array([9, 9, 9, 1], np.float32)
    made = np.concatenate([repeater.chunk(far) for _ in range(5)])[:, :3]  # no waypoint is reached
    first = len(success) - REPEATED_STEPS - REPEATED_EVERY
    np.testing.assert_array_equal(made[:16], success.actions[first : first + 16, :3])
    np.testing.assert_array_equal(made[16:], np.tile(np.float32([-1, 0, 0]), (4, 1)))


@pytest.mark.parametrize("suite", [PLANAR, MOBILE], ids=["planar", "mobile"])
def test_an_arm_that_goes_to_no_points_makes_its_success_again_and_then_its_end(suite: TaskSuite) -> None:
    tried = [moved(suite, wandering(suite, rng(seed)), 30)[2] for seed in range(60)]
    done = [one for one in tried if one.success][:1]
    assert 0 < sum(one.success for one in tried) < 30
    whole = done[0].actions
    expected = np.concatenate([whole, whole[-(REPEATED_STEPS + REPEATED_EVERY) :]])
    solved, apart = 0, []
    for seed in range(12):
        actions, arm, _ = moved(suite, Replayer(suite, done, rng(seed)), 42, seed)
        solved += arm.outcome() == "success"
        apart.append(actions - expected)
    assert solved > 8
    # Where it is not cut off at 1, what differs is the noise.
    changes = suite.embodiment.changes
    free = np.abs(expected[:, changes]) < 0.6
    noise = np.stack(apart)[:, :, changes][:, free]
    assert noise.std() == pytest.approx(REPEATED_NOISE, rel=0.15) and abs(noise.mean()) < 0.03


def test_an_arm_without_a_workspace_repeats_as_its_numbers_allow() -> None:
    config, done = ExplorationConfig(random_fraction=0.8, repeat_fraction=0.5), tilt(WRIST, 1.4)
    seen: dict[str, set[tuple[Way, str]]] = {}
    for name, suite in SUITES.items():
        explorer = Explorer(config, suite, 0, [done])
        for seed in range(40):
            explorer.start(0, seed)
            acts = explorer.unplanned(0)
            seen.setdefault(name, set()).add((explorer.ways[seed], type(acts).__name__))
    for name in ("WRIST", "BLIND_WRIST"):
        assert (Way.REPEATED, "Repeater") in seen[name] and (Way.RANDOM, "Wanderer") in seen[name]
    for name in ("PLANAR", "MOBILE"):
        assert (Way.REPEATED, "Replayer") in seen[name] and (Way.RANDOM, "ActionWalk") in seen[name]
    assert control_name(PLANAR) == "random actions" and control_name(WRIST) == "random waypoints"


def test_noise_is_smaller_on_what_says_where_a_joint_is_to_be() -> None:
    arm = MOBILE.embodiment
    noise = CorrelatedNoise(arm, 0.3, rng())
    made = np.concatenate([noise.added(np.zeros((4, 12), np.float32)) for _ in range(3000)])[100:]
    expected = np.where(np.isin(np.arange(12), arm.targets), 0.3 * TARGET_SHARE, 0.3)
    assert made.std(0) == pytest.approx(expected, rel=0.12)
    assert (made[1:] * made[:-1]).mean(0) / made.var(0) == pytest.approx(np.full(12, NOISE_MEMORY), abs=0.03)


@pytest.mark.parametrize("name", ["PLANAR", "WRIST"])
def test_the_control_runs_in_environments_side_by_side(name: str) -> None:
    words = [f"suite=point_arms:{name}", "task=do", "evaluation_episodes=6", "envs=3", "workers=0"]
    config = load_config("smoke", None, [*words, "horizon=160"])
    outcomes = [evaluate_random(config) for _ in range(2)]
    assert [one.steps for one in outcomes[0]] == [one.steps for one in outcomes[1]]
    assert outcomes[0][0].executed.shape[1:] == (16, 16, 3)
    assert 0 <= successes(outcomes[0]) <= 6
