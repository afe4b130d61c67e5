"""Task suites: tasks in one kind of scene with one arm, and which suites there are. Imports no simulator."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sail.embodiment import Embodiment
from sail.errors import SailError, not_found
from sail.types import Float32
from sail_envs.simulation import Simulation

# Reads a simulation and returns the next action, float32 (4,) in -1..1.
Expert = Callable[[Simulation], Float32]
Point = tuple[float, float, float]


class UnknownNameError(SailError):
    """A task, a camera or an option that does not exist."""


class Workspace(NamedTuple):
    """The box in view that the end effector moves in: two opposite corners, in metres (world frame)."""

    low: Point
    high: Point


@dataclass(frozen=True)
class TaskSuite:
    """Everything that SAIL knows about a set of tasks.

    embodiment: the arm's and the camera's, of every task. tasks: each task's prompt by its name. seen,
    unseen: the tasks that base weights are shown, and those that are kept for the loop; the two share
    none. simulate, expert: make a task's simulation and its expert.

    one_scene: the same seed lays out the same scene for every task, so that only the prompt tells them apart.
    opposites: tasks that do opposite things with one object; half-way through one, the other is possible.
    undoes: for each task the task that takes back what it did; the opposites are among them.
    reversible: seen tasks whose demonstration, played backwards, shows the opposite task.
    captioned_play: the planner of base weights learns captioned play, too (see `sail.data.captions`).
    play_everywhere: base weights see play in the scenes of all tasks, not only of the seen ones.
    """

    name: str
    embodiment: Embodiment
    tasks: Mapping[str, str]
    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    workspace: Workspace
    simulate: Callable[[str], Simulation]
    expert: Callable[[str], Expert]
    one_scene: bool = False
    opposites: Mapping[str, str] = field(default_factory=dict)
    undoes: Mapping[str, str] = field(default_factory=dict)
    reversible: tuple[str, ...] = ()
    captioned_play: bool = False
    play_everywhere: bool = False


@functools.cache
def suites() -> Mapping[str, TaskSuite]:
    """The built-in suites by name."""
    # Imported here: each of them is made of this module's class.
    from sail_envs.metaworld.metaworld_tasks import METAWORLD
    from sail_envs.panda.panda_tasks import CUPS, DRAWERS

    return {suite.name: suite for suite in (METAWORLD, CUPS, DRAWERS)}


def suite_of(task: str) -> TaskSuite:
    """The suite that has a task. Raises UnknownNameError with the nearest task there is."""
    for suite in suites().values():
        if task in suite.tasks:
            return suite
    known = [name for suite in suites().values() for name in suite.tasks]
    raise UnknownNameError(not_found("task", task, known))
