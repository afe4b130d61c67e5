"""Task suites: which there are, what they say of their tasks, and what an unknown task gets."""

import subprocess
import sys

import pytest

from sail_envs.environment import simulate
from sail_envs.suite import TaskSuite, UnknownNameError, suite_of, suites
from sail_envs.tasks import TASK_SETS, TASKS

SUITES = list(suites().values())


@pytest.mark.parametrize("make", [simulate, suite_of])
@pytest.mark.parametrize(
    ("task", "nearest"),
    [
        ("plates-red", "plate-slide"),
        ("cups-beige", "cups-"),
        ("drawers-", "drawers-"),
        ("door-opne", "door-open"),
        ("", ""),
    ],
)
def test_an_unknown_task_is_one_line_with_the_nearest(make: object, task: str, nearest: str) -> None:
    assert callable(make)
    with pytest.raises(UnknownNameError, match=f"unknown task '{task}': the nearest is '{nearest}") as raised:
        make(task)
    assert len(str(raised.value).splitlines()) == 1


def test_every_task_is_one_suites() -> None:
    assert sum(len(suite.tasks) for suite in SUITES) == len(TASKS) == 60
    for suite in SUITES:
        assert suites()[suite.name] is suite
        assert all(suite_of(task) is suite and TASKS[task] == suite.tasks[task] for task in suite.tasks)
    assert all(task in TASKS for tasks in TASK_SETS.values() for task in tasks)


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_a_suite_speaks_of_its_own_tasks(suite: TaskSuite) -> None:
    assert {*suite.seen, *suite.unseen, *suite.undoes, *suite.undoes.values()} <= set(suite.tasks)
    assert not set(suite.seen) & set(suite.unseen)
    assert all(suite.opposites[other] == task for task, other in suite.opposites.items())
    assert suite.opposites.items() <= suite.undoes.items()
    assert set(suite.reversible) <= set(suite.seen) & set(suite.opposites)
    assert all(low < high for low, high in zip(*suite.workspace, strict=True))


def test_naming_tasks_loads_no_simulator() -> None:
    script = (
        "import sys, sail_envs.tasks\n"
        "print([name for name in ('mujoco', 'metaworld', 'OpenGL', 'mink', 'cv2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
