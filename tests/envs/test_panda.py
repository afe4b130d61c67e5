"""The Panda's table top: what counts as done, what a seed decides, where the arm may go."""

from functools import cache

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import sail_envs
from sail.data.demonstrations import Job, collect
from sail_envs.colours import COLOURS
from sail_envs.environment import TaskEnv
from sail_envs.panda.arm import HIGH, LOW, STEP_LENGTH
from sail_envs.panda.cups import PandaCups
from sail_envs.panda.drawers import PandaDrawers
from sail_envs.panda.table import DONE, ColourError, TableTop
from sail_envs.suite import UnknownNameError

HORIZON = 200
TASKS: dict[str, type[TableTop]] = {"cups": PandaCups, "drawers": PandaDrawers}
EVERY_COLOUR = [(task, name) for task in TASKS for name in TASKS[task].objects.colours]


@cache
def made(task: str, colour: str) -> TableTop:
    """Compiled once: a reset undoes whatever another test has done."""
    return TASKS[task](colour)


@pytest.fixture
def orange() -> TableTop:
    return made("cups", "orange")


def run(simulation: TableTop, number: int) -> int:
    """Let the expert work on an object until something is done; the control steps that it took."""
    for step in range(HORIZON):
        if simulation.outcome() != "no_motion":
            return step
        simulation.step(simulation.expert(number))
    return HORIZON


def scene(simulation: TableTop) -> bytes:
    """Everything that a seed decides."""
    model, data = simulation.model, simulation.data
    moving = (data.qpos, data.qvel, data.ctrl)
    drawn = (model.geom_rgba, model.light_pos, model.light_diffuse, model.cam_pos, model.body_pos)
    return b"".join(field.tobytes() for field in moving + drawn)


def colour_of(simulation: TableTop, number: int) -> str:
    """The name of the colour that an object is drawn in, whatever its brightness."""
    shown = simulation.model.geom(f"{simulation.objects.name}{number}").rgba[:3]
    colours = PandaCups.objects.colours + PandaDrawers.objects.colours

    def distance(name: str) -> float:
        full = np.array(COLOURS[name])
        return float(np.abs(shown / shown.max() - full / full.max()).sum())

    return min(colours, key=distance)


@pytest.mark.parametrize(("task", "colour"), EVERY_COLOUR)
def test_the_expert_does_it_with_the_named_object(task: str, colour: str) -> None:
    simulation = made(task, colour)
    assert colour in simulation.objects.suite.tasks[f"{task}-{colour}"].split()
    for seed in range(4):
        simulation.reset(seed)
        assert colour_of(simulation, simulation.named) == colour
        assert simulation.progress(simulation.named) == 0
        assert run(simulation, simulation.named) < HORIZON
        assert simulation.outcome() == "success"
        assert simulation.progress(simulation.named) >= DONE


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("task", "colour"), [("cups", "orange"), ("drawers", "yellow")])
def test_another_object_is_told_apart(task: str, colour: str, seed: int) -> None:
    simulation = made(task, colour)
    simulation.reset(seed)
    run(simulation, (simulation.named + 1) % simulation.count)
    assert simulation.outcome() == "wrong_object"


@pytest.mark.parametrize(("task", "colour"), [("cups", "orange"), ("drawers", "yellow")])
def test_standing_still_is_no_motion(task: str, colour: str) -> None:
    simulation = made(task, colour)
    simulation.reset(0)
    for _ in range(40):
        simulation.step(np.zeros(4, np.float32))
    assert simulation.outcome() == "no_motion"


@pytest.mark.parametrize(("task", "colour"), [("cups", "orange"), ("drawers", "red")])
def test_a_seed_decides_the_whole_episode(task: str, colour: str) -> None:
    simulation, fresh = made(task, colour), TASKS[task](colour)
    actions = np.random.default_rng(0).uniform(-1, 1, (30, 4)).astype(np.float32)
    simulation.reset(6)
    first = scene(simulation)
    run(simulation, 0)
    simulation.reset(5)
    assert scene(simulation) != first
    fresh.reset(5)
    for action in actions:
        assert scene(simulation) == scene(fresh)
        simulation.step(action)
        fresh.step(action)
    assert scene(simulation) == scene(fresh)


@pytest.mark.parametrize("task", TASKS)
def test_unseen_colours_stay_out_of_scenes_of_seen_ones(task: str) -> None:
    simulation, shown = made(task, "red"), set()
    for seed in range(40):
        simulation.reset(seed)
        shown |= {colour_of(simulation, number) for number in range(simulation.count)}
    assert shown == set(TASKS[task].objects.seen)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_the_end_effector_goes_where_it_is_sent(orange: TableTop, axis: int, sign: float) -> None:
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


def test_the_arm_stays_over_the_table_and_within_its_joints(orange: TableTop) -> None:
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


def test_the_gripper_opens_and_closes(orange: TableTop) -> None:
    orange.reset(3)
    assert orange.arm.opening == pytest.approx(1.0, abs=0.02)
    for grip, expected in ((1.0, 0.0), (-1.0, 1.0)):
        for _ in range(40):
            orange.step(np.array([0, 0, 0, grip], np.float32))
        assert orange.arm.opening == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize("task", TASKS)
def test_an_unknown_colour_is_one_line(task: str) -> None:
    with pytest.raises(ColourError, match="no object is 'beige': choose one of red, green, blue"):
        TASKS[task]("beige")


@pytest.mark.parametrize(("name", "colour"), [("PandaCups", "purple"), ("PandaDrawers", "yellow")])
def test_gymnasium_makes_it(name: str, colour: str) -> None:
    assert sail_envs
    env = gymnasium.make(f"sail/{name}-v0", colour=colour)
    check_env(env.unwrapped, skip_render_check=True)
    assert colour in env.unwrapped.prompt.split()
    frame = env.reset(seed=3)[0]["frame"]
    assert frame.shape == (64, 64, 3)
    assert frame.std() > 10
    np.testing.assert_array_equal(env.reset(seed=3)[0]["frame"], frame)
    with pytest.raises(UnknownNameError, match=f"the nearest is '{name.removeprefix('Panda').lower()}-"):
        gymnasium.make(f"sail/{name}-v0", colour="beige")


def attempt(env: TaskEnv, seed: int, meant: int) -> dict[str, object]:
    """An episode of an expert that works on the named thing (0), or on another."""
    env.reset(seed=seed)
    simulation = env.simulation
    assert isinstance(simulation, TableTop)
    number = (simulation.named + meant) % simulation.count
    while True:
        _, _, terminated, truncated, info = env.step(simulation.expert(number))
        if terminated or truncated:
            return {**info, "terminated": terminated}


@pytest.mark.parametrize("task", ["cups-orange", "drawers-yellow"])
def test_an_episode_ends_with_what_was_done_first(task: str) -> None:
    env = TaskEnv(task, height=16, width=16, hold=5)
    done = attempt(env, 0, meant=0)
    assert (done["outcome"], done["success"], done["terminated"]) == ("success", True, True)
    mistaken = attempt(env, 0, meant=1)
    assert (mistaken["outcome"], mistaken["success"], mistaken["terminated"]) == ("wrong_object", False, True)
    short = TaskEnv(task, height=16, width=16, horizon=5)
    nothing = attempt(short, 0, meant=0)
    assert (nothing["outcome"], nothing["success"], nothing["terminated"]) == ("no_motion", False, False)
    # What comes after a mistake does not undo it.
    on = TaskEnv(task, height=16, width=16, hold=None, horizon=300)
    on.reset(seed=0)
    simulation = on.simulation
    assert isinstance(simulation, TableTop)
    wrong = (simulation.named + 1) % simulation.count
    info: dict[str, object] = {}
    for number in (wrong, simulation.named):
        for _ in range(120):
            info = on.step(simulation.expert(number))[4]
    assert simulation.progress(simulation.named) >= DONE
    assert (info["outcome"], info["success"]) == ("wrong_object", False)


def test_demonstrations_are_collected_as_metaworlds_are() -> None:
    first, again = (next(collect([Job("cups-red", "expert", 0)], workers=0)) for _ in range(2))
    assert first.success
    assert first.prompt == "push the red cup forward"
    np.testing.assert_array_equal(first.frames, again.frames)
