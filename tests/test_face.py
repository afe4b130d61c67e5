"""SAIL from Python: what `import sail` offers does what the command line does."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import sail
from sail.config.resolution import load_config
from sail.errors import SailError
from sail.loop.run_folder import create_run
from sail.types import Unwatched
from sail_envs.suite import SuiteError, TaskSuite, find_suite, reference_of

from embodied import FEW_SEEN
from helpers import SMALL

SETTINGS = dict(word.split("=") for word in SMALL)


def test_importing_sail_imports_nothing_else() -> None:
    script = (
        "import sys, sail\n"
        "print([name for name in sys.modules if name.partition('.')[0] in ('numpy', 'torch', 'sail_envs')])\n"
        "print(sail.TaskSuite.__name__, sail.EpisodeStore.__name__, sail.Embodiment.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "TaskSuite EpisodeStore Embodiment"]
    with pytest.raises(AttributeError, match="no attribute 'improv'"):
        sail.improv  # noqa: B018


def test_a_run_improves_is_loaded_and_measured(tiny_base: Path, tmp_path: Path) -> None:
    settings = {**SETTINGS, "base": tiny_base, "training.least_kept": 0, "prompt": "shut it"}
    run = tmp_path / "run"
    results = sail.improve(FEW_SEEN, "door-close", run, settings, "smoke", Unwatched())
    assert [row["episodes"] for row in results["iterations"]] == [2, 2]
    assert (run / "report.html").is_file()
    assert {one.prompt for one in sail.EpisodeStore(run / "episodes").records()} == {"shut it"}
    base, learnt = sail.load(run, iteration=0), sail.load(run)
    assert base.identity == sail.load(tiny_base).identity != learnt.identity
    frame = np.zeros((64, 64, 3), np.uint8)
    plan = learnt.plan(frame, "shut it")
    assert plan.frames.shape == (1, 8, 64, 64, 3)
    again = learnt.plan(np.stack([frame, frame]), ["shut it", "open it"], seeds=[0, 1])
    assert np.abs(again.frames[0].astype(int) - plan.frames[0]).max() <= 1
    chunk = learnt.act(frame, plan.frames[0, 0], np.zeros(4, np.float32))
    assert chunk.shape == (8, 4) and np.abs(chunk).max() <= 1
    measured = sail.evaluate(learnt, FEW_SEEN, "door-close", settings, "smoke")
    assert measured["episodes"] == 2 and measured["successes"] == results["iterations"][-1]["successes"]


def test_what_does_not_fit_is_refused_before_there_is_a_run_folder(tiny_base: Path, tmp_path: Path) -> None:
    for task, settings, line in (
        ("cups-red", {}, "camera is metaworld/workspace in the weights, panda/workspace in suite cups: name"),
        ("cups-red", {"filter": "oracel"}, "unknown filter 'oracel': the nearest is 'oracle'"),
        ("cups-rde", {}, "unknown task 'cups-rde': the nearest is 'cups-red'"),
        ("cups-red", {"suite": "metaworld"}, "unknown task 'cups-red'"),
    ):
        given = {**SETTINGS, "base": tiny_base, **settings}
        suite = given.pop("suite", "cups")
        with pytest.raises(SailError, match=line) as refused:
            sail.improve(suite, task, tmp_path / "run", given, "smoke", Unwatched())
        assert len(str(refused.value).splitlines()) == 1
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda folder: sail.load(5), "where is 5"),
        (lambda folder: sail.load(None), "where is None"),
        (lambda folder: sail.load(folder / "base", 3), "iteration is 3, but .* is no run"),
        (lambda folder: sail.load(folder / "run", 99), "iteration is 99: .* has checkpoints 0 to 0"),
        (lambda folder: sail.load(folder / "run", -1), "iteration is -1"),
        (lambda folder: sail.load(folder / "run", "a"), "iteration is 'a'"),
        (lambda folder: sail.improve("cups", "cups-red", folder / "new", ["iterations=1"]), "settings are"),
        (lambda folder: sail.improve(5, "cups-red", folder / "new"), "suite is 5"),
        (lambda folder: sail.improve("cups", "cups-red", None), "out is None"),
        (lambda folder: sail.evaluate("base", "cups", "cups-red"), "agent is 'base'"),
        (lambda folder: sail.train("cups", folder / "new", data=5), "data is 5"),
    ],
)
def test_arguments_of_another_kind_are_refused(
    call: Callable[[Path], object], line: str, tiny_base: Path, tmp_path: Path
) -> None:
    (tmp_path / "base").symlink_to(tiny_base)
    create_run(tmp_path / "run", load_config("smoke", None, ["task=door-close", f"base={tiny_base}"]))
    with pytest.raises(SailError, match=line) as refused:
        call(tmp_path)
    assert len(str(refused.value).splitlines()) == 1 and not (tmp_path / "new").exists()


def test_a_suite_is_found_again_by_the_module_that_defines_it() -> None:
    assert reference_of(FEW_SEEN).endswith(":FEW_SEEN")
    assert find_suite(reference_of(FEW_SEEN)).seen == FEW_SEEN.seen
    assert reference_of(find_suite("cups@96")) == "cups@96"

    def hidden() -> TaskSuite:
        from dataclasses import replace

        return replace(FEW_SEEN, name="hidden")

    with pytest.raises(SuiteError, match="suite hidden stands in no module"):
        reference_of(hidden())
