"""Task suites: tasks in one kind of scene with one arm, and how a suite is found. Imports no simulator."""

import functools
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sail.embodiment import Embodiment
from sail.errors import SailError, not_found, show
from sail.system.plugins import PlugIns
from sail.types import Float32
from sail_envs.simulation import Simulation

if TYPE_CHECKING:
    from sail_envs.environment import TaskEnv

# Reads a simulation of its suite and returns the next action, float32 (A,) in -1..1.
Expert = Callable[[Any], Float32]
Point = tuple[float, float, float]

SUITES = PlugIns(
    "suite",
    "sail.suites",
    {
        "metaworld": "sail_envs.metaworld.metaworld_tasks:METAWORLD",
        "cups": "sail_envs.panda.panda_tasks:CUPS",
        "drawers": "sail_envs.panda.panda_tasks:DRAWERS",
        "bottles": "sail_envs.panda.panda_tasks:BOTTLES",
        "fetch": "sail_envs.fetch.fetch_tasks:FETCH",
    },
)
# What a file ends with that describes a suite.
ENDINGS = (".yaml", ".yml")
# What may follow a suite's name: another frame, as in metaworld@128 or cups@96x128 (height x width).
_FRAME = re.compile(r"(.+)@(\d{1,4})(?:x(\d{1,4}))?")


class UnknownNameError(SailError):
    """A task, a camera or an option that does not exist."""


class SuiteError(SailError):
    """A suite that makes no sense."""


class Workspace(NamedTuple):
    """The box in view that the end effector moves in: two opposite corners, in metres (world frame)."""

    low: Point
    high: Point


# For x, y and z: the words for motion to lower values and to higher ones, as the robot sees them.
Directions = tuple[tuple[str, str], tuple[str, str], tuple[str, str]]


@dataclass(frozen=True)
class _OfTasks:
    """What makes something of a task, which refuses a task that is not among these. Raises
    UnknownNameError."""

    make: Callable[[str], Any]
    tasks: Mapping[str, str]

    def __call__(self, task: str) -> Any:
        if task not in self.tasks:
            raise UnknownNameError(not_found("task", task, list(self.tasks)))
        return self.make(task)


@dataclass(frozen=True)
class TaskSuite:
    """Everything that SAIL knows about a set of tasks.

    embodiment: the arm's and the camera's, of every task. tasks: each task's prompt by its name. seen,
    unseen: the tasks that base weights are shown, and those that are kept for the loop; the two share
    none. simulate: makes a task's simulation. expert: makes a task's expert; a suite without one takes
    demonstrations from a store. workspace: where random waypoints lie, for an arm that goes to points
    (`Embodiment.reaches_points`); without one, exploring is correlated noise on actions.

    one_scene: the same seed lays out the same scene for every task, so that only the prompt tells them apart.
    opposites: tasks that do opposite things with one object; half-way through one, the other is possible.
    undoes: for each task the task that takes back what it did; the opposites are among them.
    reversible: seen tasks whose demonstration, played backwards, shows the opposite task.
    directions: the words for motion along x, y and z. With them the planner of base weights learns play, too,
    under captions of its motion (see `sail.data.captions`).
    played: tasks in whose scenes base weights see play, besides the seen ones.
    floor: the lowest height that play aims at, in metres: below it the hand would only press on something.
    reference: the name by which `find_suite` finds this suite again; worker processes do.

    Raises SuiteError.
    """

    name: str
    embodiment: Embodiment
    tasks: Mapping[str, str]
    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    simulate: Callable[[str], Simulation]
    expert: Callable[[str], Expert] | None = None
    workspace: Workspace | None = None
    one_scene: bool = False
    opposites: Mapping[str, str] = field(default_factory=dict)
    undoes: Mapping[str, str] = field(default_factory=dict)
    reversible: tuple[str, ...] = ()
    directions: Directions | None = None
    played: tuple[str, ...] = ()
    floor: float | None = None
    reference: str = ""

    def __post_init__(self) -> None:
        def refuse(cause: str) -> None:
            raise SuiteError(f"suite {self.name}: {cause}")

        if not isinstance(self.name, str) or not re.fullmatch(r"[^\s,=@:/\\]+", self.name):
            raise SuiteError(
                f"a suite is named {show(self.name)}: give a name without blanks, slashes and any of , = @ :"
            )
        if not self.tasks:
            refuse("tasks is empty: name each task and its prompt")
        for task, prompt in self.tasks.items():
            if not isinstance(task, str) or not re.fullmatch(r"[^\s/\\,=]+", task):
                refuse(f"a task is named {show(task)}: give a name without blanks, slashes, commas and =")
            if not isinstance(prompt, str) or not prompt.strip():
                refuse(f"the prompt of '{task}' is {show(prompt)}: say what the arm is to do")
        for part in ("seen", "unseen", "reversible", "played"):
            for task in getattr(self, part):
                if task not in self.tasks:
                    refuse(not_found(f"task in {part}", task, list(self.tasks)))
        both = set(self.seen) & set(self.unseen)
        if both:
            refuse(f"'{min(both)}' is both seen and unseen: a task is one of the two")
        if not self.embodiment.reaches_points:
            for part in ("workspace", "directions"):
                if getattr(self, part):
                    refuse(
                        f"{part} is given, but the arm goes to no points: name x, y and z in proprioception "
                        f"(position) and actions (delta_position), or leave {part} out"
                    )

        for part in ("simulate", "expert"):
            make = getattr(self, part)
            if make is not None:
                inner = make.make if isinstance(make, _OfTasks) else make
                object.__setattr__(self, part, _OfTasks(inner, self.tasks))

    def make(self, task: str, **settings: Any) -> "TaskEnv":
        """A Gymnasium environment of a task. settings: of `sail_envs.environment.TaskEnv`. Raises SuiteError,
        UnknownNameError, SettingError."""
        from sail_envs.environment import TaskEnv  # here: this module imports no Gymnasium

        return TaskEnv(task, reference_of(self), **settings)


def is_built_in(reference: str) -> bool:
    """Whether a reference is of a suite that SAIL brings, with frames of any size."""
    return _split(reference)[0] in SUITES.built_in


@functools.cache
def find_suite(reference: str) -> TaskSuite:
    """The suite of a name.

    reference: a built-in suite's name, an installed one's (entry point group `sail.suites`),
    `package.module:NAME`, a YAML file or a YAML mapping `{gymnasium: …}` (see `sail_envs.suite_text`);
    `@SIDE` or `@HEIGHTxWIDTH` after the name asks for frames of another size. Raises PlugInError, SuiteError.
    """
    name, frame = (reference, None) if reference.startswith("{") else _split(reference)
    suite = _described(name) or SUITES.find(name)
    if not isinstance(suite, TaskSuite):
        raise SuiteError(f"{name} is {type(suite).__name__}, not a TaskSuite: name the suite itself")
    if frame is not None:
        suite = replace(suite, embodiment=replace(suite.embodiment, height=frame[0], width=frame[1]))
    return replace(suite, reference=reference)


def find_suites(references: str) -> list[TaskSuite]:
    """The suites of several references with commas between, or of one YAML mapping. Raises what `find_suite`
    raises."""
    return [
        find_suite(one) for one in ([references] if references.startswith("{") else references.split(","))
    ]


def _described(name: str) -> TaskSuite | None:
    """The suite that a YAML mapping or file describes, None where the name is neither."""
    if not name.startswith("{") and not name.endswith(ENDINGS):
        return None
    # Here: this module imports no Gymnasium.
    from sail_envs.suite_text import suite_of_file, suite_of_text

    return suite_of_text(name) if name.startswith("{") else suite_of_file(Path(name))


def reference_of(suite: TaskSuite) -> str:
    """The reference by which worker processes find a suite: its own, or MODULE:NAME of the module that
    defines it. Raises SuiteError."""
    if suite.reference:
        return suite.reference
    for name, module in list(sys.modules.items()):
        for attribute, value in list(vars(module).items()) if module is not None else ():
            if value is suite:
                # A script is a module of its file's name to everybody else.
                file = getattr(module, "__file__", None)
                return f"{Path(file).stem if name == '__main__' and file else name}:{attribute}"
    raise SuiteError(
        f"suite {suite.name} stands in no module, where worker processes could find it: define it at the top "
        "of one"
    )


def suite_of(task: str, reference: str = "") -> TaskSuite:
    """The suite that has a task: the one of this reference, or, without one, the first that has it, the
    built-in ones first. Raises UnknownNameError with the nearest task there is."""
    suites = map(find_suite, [reference] if reference else SUITES.names())
    known: list[str] = []
    for suite in suites:
        if task in suite.tasks:
            return suite
        known += suite.tasks
    raise UnknownNameError(not_found("task", task, known))


def task_sets(reference: str = "") -> dict[str, tuple[str, ...]]:
    """Several tasks by one name, and each task by its own: of the suite of this reference, or of every suite.

    "seen" and "unseen" are the suite's, or the first suite's; NAME-seen, NAME-unseen and NAME are the suite
    NAME's; "all" are all.
    """
    suites = [find_suite(name) for name in ([reference] if reference else SUITES.names())]
    sets: dict[str, tuple[str, ...]] = {"seen": suites[0].seen, "unseen": suites[0].unseen}
    for suite in suites:
        own = {f"{suite.name}-seen": suite.seen, f"{suite.name}-unseen": suite.unseen}
        sets = {**own, suite.name: tuple(suite.tasks), **sets}
    sets["all"] = tuple(task for suite in suites for task in suite.tasks)
    return {**sets, **{task: (task,) for task in sets["all"]}}


def _split(reference: str) -> tuple[str, tuple[int, int] | None]:
    """The name, and the frame's height and width where they are given."""
    found = _FRAME.fullmatch(reference)
    if found is None:
        return reference, None
    name, height, width = found.groups()
    return name, (int(height), int(width or height))
