"""The Panda's table-top tasks as three suites, one task a colour. Imports no simulator."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from sail.embodiment import Dimension, Embodiment, cartesian
from sail.types import Float32
from sail_envs.simulation import Simulation
from sail_envs.suite import Expert, TaskSuite, Workspace

if TYPE_CHECKING:
    from sail_envs.panda.table import TableTop

# Of the arm in `sail_envs.panda.arm`.
EMBODIMENT = cartesian("panda/workspace", control_seconds=0.05, step_length=0.01)
# Of the same arm where it turns its hand, too. Its orientation is two columns of its rotation matrix, a 6-D
# rotation (arXiv 1812.07035): unlike an axis-angle vector it never jumps, wherever the hand points.
WRIST = replace(
    EMBODIMENT,
    camera="panda/corner",
    actions=(
        *EMBODIMENT.actions[:3],
        *(Dimension(f"turn_{axis}", "delta_rotation", "rad", -0.06, 0.06) for axis in "xyz"),
        EMBODIMENT.actions[3],
    ),
    proprioception=(
        Dimension("x", "position", "m", 0.3, 0.75),
        Dimension("y", "position", "m", -0.35, 0.35),
        Dimension("z", "position", "m", 0.0, 0.4),
        *(Dimension(f"column{of}_{axis}", "rotation", "1", -1.0, 1.0) for of in "12" for axis in "xyz"),
        Dimension("gripper", "gripper", "1", 0.0, 1.0),
    ),
)
# Seen and unseen: the paper's split of colours.
CUP_COLOURS = (("red", "green", "blue", "pink"), ("orange", "purple"))
DRAWER_COLOURS = (("red", "green", "blue"), ("yellow",))
BOTTLE_COLOURS = (("red", "green", "blue", "pink"), ("orange", "purple"))


def _simulate_cups(task: str) -> Simulation:
    from sail_envs.panda.cups import PandaCups

    return PandaCups(_colour_of(task))


def _simulate_drawers(task: str) -> Simulation:
    from sail_envs.panda.drawers import PandaDrawers

    return PandaDrawers(_colour_of(task))


def _simulate_bottles(task: str) -> Simulation:
    from sail_envs.panda.bottles import PandaBottles

    return PandaBottles(_colour_of(task))


def _expert(task: str) -> Expert:
    return _named_object_expert


def _named_object_expert(simulation: Simulation) -> Float32:
    table = cast("TableTop", simulation)
    return table.expert(table.named)


def _colour_of(task: str) -> str:
    return task.partition("-")[2]


def _suite(
    name: str,
    prompt: str,
    colours: tuple[tuple[str, ...], tuple[str, ...]],
    simulate: Callable[[str], Simulation],
    embodiment: Embodiment = EMBODIMENT,
) -> TaskSuite:
    seen, unseen = (tuple(f"{name}-{colour}" for colour in part) for part in colours)
    return TaskSuite(
        name=name,
        embodiment=embodiment,
        tasks={task: prompt.format(_colour_of(task)) for task in seen + unseen},
        seen=seen,
        unseen=unseen,
        workspace=Workspace(low=(0.35, -0.3, 0.06), high=(0.7, 0.3, 0.3)),
        simulate=simulate,
        expert=_expert,
        one_scene=True,
    )


CUPS = _suite("cups", "push the {} cup forward", CUP_COLOURS, _simulate_cups)
DRAWERS = _suite("drawers", "open the {} drawer", DRAWER_COLOURS, _simulate_drawers)
BOTTLES = _suite("bottles", "turn the {} bottle upright", BOTTLE_COLOURS, _simulate_bottles, WRIST)
