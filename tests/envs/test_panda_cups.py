"""The cups on the Panda's table: what counts as done, what a seed decides, where the arm may go."""

import numpy as np
import pytest

from sail_envs.panda.arm import HIGH, LOW, STEP_LENGTH
from sail_envs.panda.cups import COLOURS, CUPS, PUSHED, SEEN_COLOURS, ColourError, PandaCups, push

HORIZON = 200


@pytest.fixture(scope="module")
def orange() -> PandaCups:
    return PandaCups("orange")


def run(simulation: PandaCups, cup: int) -> int:
    """Let the expert push a cup until something is done; the control steps that it took."""
    for step in range(HORIZON):
        if simulation.outcome() != "no_motion":
            return step
        simulation.step(push(simulation, cup))
    return HORIZON


def scene(simulation: PandaCups) -> bytes:
    """Everything that a seed decides."""
    model, data = simulation.model, simulation.data
    moving = (data.qpos, data.qvel, data.ctrl)
    drawn = (model.geom_rgba, model.light_pos, model.light_diffuse, model.cam_pos)
    return b"".join(field.tobytes() for field in moving + drawn)


@pytest.mark.parametrize("colour", COLOURS)
def test_the_expert_pushes_the_named_cup(colour: str) -> None:
    simulation = PandaCups(colour)
    assert simulation.prompt == f"push the {colour} cup forward"
    for seed in range(4):
        simulation.reset(seed)
        before = simulation.cups()
        assert run(simulation, simulation.named) < HORIZON
        assert simulation.outcome() == "success"
        moved = simulation.cups() - before
        assert moved[simulation.named, 0] >= PUSHED
        shown = simulation.model.geom(f"cup{simulation.named}").rgba[:3]
        nearest = min(COLOURS, key=lambda name: float(np.abs(shown - COLOURS[name]).sum()))
        assert nearest == colour


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_pushing_another_cup_is_told_apart(orange: PandaCups, seed: int) -> None:
    orange.reset(seed)
    run(orange, (orange.named + 1) % CUPS)
    assert orange.outcome() == "wrong_object"


def test_standing_still_is_no_motion(orange: PandaCups) -> None:
    orange.reset(0)
    for _ in range(40):
        orange.step(np.zeros(4, np.float32))
    assert orange.outcome() == "no_motion"


def test_a_seed_decides_the_whole_episode(orange: PandaCups) -> None:
    orange.reset(5)
    first, actions = scene(orange), np.random.default_rng(0).uniform(-1, 1, (30, 4)).astype(np.float32)
    for action in actions:
        orange.step(action)
    after = scene(orange)
    orange.reset(6)
    assert scene(orange) != first
    run(orange, 0)
    other = PandaCups("orange")
    for simulation in (orange, other):
        simulation.reset(5)
        assert scene(simulation) == first
        for action in actions:
            simulation.step(action)
        assert scene(simulation) == after


def test_unseen_colours_stay_out_of_scenes_of_seen_ones() -> None:
    simulation = PandaCups("red")
    for seed in range(30):
        simulation.reset(seed)
        for cup in range(CUPS):
            shown = simulation.model.geom(f"cup{cup}").rgba[:3]
            nearest = min(COLOURS, key=lambda name: float(np.abs(shown / shown.max() - _full(name)).sum()))
            assert nearest in SEEN_COLOURS


def _full(name: str) -> np.ndarray:
    """The colour at full brightness."""
    return np.array(COLOURS[name]) / max(COLOURS[name])


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_end_effector_goes_where_it_is_sent(orange: PandaCups, axis: int, sign: float) -> None:
    orange.reset(1)
    orange.arm.place(np.array([0.5, 0.0, 0.3]))
    begun = orange.arm.position
    action = np.zeros(4, np.float32)
    action[axis] = sign
    for _ in range(10):
        orange.step(action)
    for _ in range(10):
        orange.step(np.zeros(4, np.float32))
    moved = orange.arm.position - begun
    expected = 10 * STEP_LENGTH * action[:3]
    np.testing.assert_allclose(moved, expected, atol=0.003)


def test_the_arm_stays_over_the_table_and_within_its_joints(orange: PandaCups) -> None:
    rng = np.random.default_rng(2)
    orange.reset(2)
    model, data = orange.model, orange.data
    limited = [model.joint(f"robot:panda0_joint{number}") for number in range(1, 8)]
    for _ in range(12):
        action = rng.choice([-1.0, 1.0], 4).astype(np.float32) * 5
        for _ in range(40):
            orange.step(action)
            assert (orange.arm.position > LOW - 0.015).all()
            assert (orange.arm.position < HIGH + 0.015).all()
            for joint in limited:
                low, high = joint.range
                assert low - 0.02 < data.qpos[joint.qposadr[0]] < high + 0.02
    assert np.isfinite(data.qpos).all()


def test_the_gripper_opens_and_closes(orange: PandaCups) -> None:
    orange.reset(3)
    assert orange.arm.opening == pytest.approx(1.0, abs=0.02)
    for grip, expected in ((1.0, 0.0), (-1.0, 1.0)):
        for _ in range(40):
            orange.step(np.array([0, 0, 0, grip], np.float32))
        assert orange.arm.opening == pytest.approx(expected, abs=0.15)


def test_an_unknown_colour_is_one_line() -> None:
    with pytest.raises(ColourError, match="no cup is 'beige': choose one of red, green, blue, pink"):
        PandaCups("beige")
