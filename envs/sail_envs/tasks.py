"""Every task of the built-in suites in one flat table, and the sets of tasks that have a name."""

from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_envs.panda.panda_tasks import CUPS, DRAWERS
from sail_envs.suite import suite_of, suites

# Each task's prompt by its name.
TASKS: dict[str, str] = {task: prompt for suite in suites().values() for task, prompt in suite.tasks.items()}
# Several tasks by one name; "seen" and "unseen" are MetaWorld's.
TASK_SETS: dict[str, tuple[str, ...]] = {
    "seen": METAWORLD.seen,
    "unseen": METAWORLD.unseen,
    "metaworld": tuple(METAWORLD.tasks),
    "cups-seen": CUPS.seen,
    "cups-unseen": CUPS.unseen,
    "drawers-seen": DRAWERS.seen,
    "drawers-unseen": DRAWERS.unseen,
    "all": tuple(TASKS),
}


def seen_like(task: str) -> tuple[str, ...]:
    """The seen tasks of a task's suite. Raises UnknownNameError."""
    return suite_of(task).seen
