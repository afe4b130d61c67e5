"""Task suites: which there are, what they say of their tasks, and what an unknown task gets."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sail.embodiment import EmbodimentError
from sail.errors import SailError
from sail.system.plugins import PlugInError
from sail_envs.environment import TaskEnv
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_envs.suite import (
    SUITES,
    SuiteError,
    TaskSuite,
    UnknownNameError,
    find_suite,
    suite_of,
    task_sets,
)

from helpers import assert_one_line

EVERY = list(map(find_suite, SUITES.names()))


@pytest.mark.parametrize("make", [TaskEnv, suite_of])
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
    assert sum(len(suite.tasks) for suite in EVERY) == len(set(task_sets()["all"])) >= 60
    for suite in EVERY:
        assert find_suite(suite.name) is suite and suite.reference == suite.name
        assert all(suite_of(task) is suite for task in suite.tasks)


def test_sets_of_tasks_have_names() -> None:
    sets = task_sets()
    assert sets["seen"] == sets["metaworld-seen"] == METAWORLD.seen
    assert sets["unseen"] == METAWORLD.unseen and sets["metaworld"] == tuple(METAWORLD.tasks)
    assert sets["reach"] == ("reach",) and all(task in sets["all"] for some in sets.values() for task in some)
    cups = task_sets("cups")
    assert cups["seen"] == cups["cups-seen"] == sets["cups-seen"] and "reach" not in cups


def test_a_suite_has_frames_of_the_size_asked_for() -> None:
    env = TaskEnv("cups-red", "cups@48x80")
    assert env.reset(seed=0)[0]["frame"].shape == (48, 80, 3) == env.observation_space["frame"].shape
    square = find_suite("sail_envs.metaworld.metaworld_tasks:METAWORLD@128")
    assert (square.embodiment.height, square.embodiment.width) == (128, 128)
    assert square.tasks == METAWORLD.tasks and find_suite("metaworld").embodiment == METAWORLD.embodiment


def test_a_suite_of_ones_own_is_found_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_tasks.py").write_text(
        "from dataclasses import replace\n"
        "from sail_envs.metaworld.metaworld_tasks import METAWORLD\n"
        'OWN = replace(METAWORLD, name="own", tasks={"pour": "pour the tea"}, seen=(), unseen=("pour",), '
        "opposites={}, undoes={}, reversible=(), played=())\n"
        "NUMBER = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    assert suite_of("pour", "own_tasks:OWN").tasks == {"pour": "pour the tea"}
    with pytest.raises(SuiteError, match="own_tasks:NUMBER is int, not a TaskSuite"):
        find_suite("own_tasks:NUMBER")


@pytest.mark.parametrize(
    ("reference", "error", "line"),
    [
        ("metawrold", PlugInError, "unknown suite 'metawrold': the nearest is 'metaworld'"),
        ("no_such_module:NAME", PlugInError, "cannot import 'no_such_module'"),
        ("sail_envs.suite:Nothing", PlugInError, "unknown name in sail_envs.suite 'Nothing'"),
        (":", PlugInError, "cannot import ''"),
        ("metaworld@0", EmbodimentError, "height is 0"),
    ],
)
def test_an_unknown_suite_is_one_line(reference: str, error: type[SailError], line: str) -> None:
    with pytest.raises(error, match=line) as raised:
        find_suite(reference)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"tasks": {}}, "tasks is empty"),
        ({"tasks": {"a b": "words"}}, "a task is named 'a b'"),
        ({"tasks": {1: "words"}}, "a task is named 1"),
        ({"tasks": {"pour": " "}}, "the prompt of 'pour' is ' '"),
        ({"tasks": {"pour": 7}}, "the prompt of 'pour' is 7"),
        ({"seen": ("reach", "pour")}, "unknown task in seen 'pour'"),
        ({"played": ("pour",)}, "unknown task in played 'pour'"),
        ({"unseen": ("door-open",)}, "'door-open' is both seen and unseen"),
    ],
)
def test_a_suite_that_makes_no_sense_is_refused(change: dict[str, Any], cause: str) -> None:
    with pytest.raises(SuiteError, match=f"suite metaworld: {cause}"):
        replace(METAWORLD, **change)


@pytest.mark.parametrize("suite", EVERY, ids=lambda suite: suite.name)
def test_a_suite_makes_its_own_tasks_alone(suite: TaskSuite) -> None:
    for make in (suite.simulate, suite.expert, replace(suite, name="other").simulate):
        assert make is not None
        with pytest.raises(UnknownNameError, match=f"unknown task '{suite.name}-beige'"):
            make(f"{suite.name}-beige")


@pytest.mark.parametrize("name", ["", "a b", "a,b", "a/b", "a@8", "m:A", "a\n", 5, None])
def test_a_suites_name_can_be_written_in_a_command(name: Any) -> None:
    with pytest.raises(SuiteError) as error:
        replace(METAWORLD, name=name)
    assert_one_line(error, "a suite is named", repr(name))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("def (", "raises SyntaxError"),
        ("raise RuntimeError('no\\nlicence')", "raises RuntimeError: no licence: mend the module"),
        ("raise SystemExit(3)", "raises SystemExit: 3"),
        ("'4' < 4", "raises TypeError"),
        ("from sail.errors import SailError\nraise SailError('mine')", "mine"),
        ("import nowhere_at_all", "install it"),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_line(
    content: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "brought_by_a_user.py").write_text(content)
    with pytest.raises(SailError) as error:
        find_suite("brought_by_a_user:SUITE")
    assert_one_line(error, says)


@pytest.mark.parametrize("suite", EVERY, ids=lambda suite: suite.name)
def test_a_suite_speaks_of_its_own_tasks(suite: TaskSuite) -> None:
    assert {*suite.seen, *suite.unseen, *suite.undoes, *suite.undoes.values()} <= set(suite.tasks)
    assert not set(suite.seen) & set(suite.unseen)
    assert all(suite.opposites[other] == task for task, other in suite.opposites.items())
    assert suite.opposites.items() <= suite.undoes.items()
    assert set(suite.reversible) <= set(suite.seen) & set(suite.opposites)
    assert all(low < high for low, high in zip(*suite.workspace, strict=True))


def test_naming_tasks_loads_no_simulator() -> None:
    script = (
        "import sys\n"
        "from sail_envs.suite import task_sets\n"
        "task_sets()\n"
        "print([name for name in ('mujoco', 'metaworld', 'OpenGL', 'mink', 'cv2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
