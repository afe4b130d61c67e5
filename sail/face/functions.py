"""The Python face: load an agent, improve it, measure it, train base weights. `import sail` offers these."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sail.config.resolution import load_config
from sail.config.schema import RunConfig
from sail.errors import SailError, show
from sail.loop.agent import Agent, PolicyAgent, load_agent, with_checkpoint
from sail.loop.evaluation import evaluate as run_episodes
from sail.loop.evaluation import evaluate_random, rate
from sail.loop.improve import check_run
from sail.loop.improve import improve as run_loop
from sail.loop.run_folder import MANIFEST, create_run, open_run
from sail.report.clips import write_clips
from sail.report.live_table import LiveTable
from sail.report.page import write_report
from sail.training.base_config import base_config
from sail.training.base_weights import train_base
from sail.training.recipes import check_training
from sail.types import Progress
from sail_envs.suite import TaskSuite, reference_of


class ArgumentError(SailError):
    """An argument that is not what the function takes."""


def load(where: str | Path, iteration: int | None = None) -> Agent:
    """The planning agent of a run folder, of a folder of base weights, or of shipped weights by name.

    iteration: the run's checkpoint; the last one where None, the base weights for 0. Raises SailError.
    """
    path = _path("where", where)
    if not (path / MANIFEST).is_file():
        if iteration:
            raise ArgumentError(f"iteration is {show(iteration)}, but {where} is no run: leave iteration out")
        return load_agent(load_config(None, None, [f"base={where}"]))
    folder = open_run(path)
    last = folder.last_checkpoint()
    number = last if iteration is None else iteration
    if not isinstance(number, int) or not 0 <= number <= last:
        raise ArgumentError(f"iteration is {show(iteration)}: {where} has checkpoints 0 to {last}")
    agent = load_agent(folder.config)
    return agent if number == 0 else with_checkpoint(agent, folder.finished_checkpoint(number))


def improve(
    suite: str | TaskSuite,
    task: str,
    out: str | Path,
    settings: Mapping[str, Any] | None = None,
    preset: str = "quick",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run the loop on a task, or go on with the run in `out`, and write its report.

    suite: a suite's name (see `sail_envs.suite.find_suite`), or a suite that stands at the top of a module.
    settings: of the run, such as {"iterations": 2, "planner.steps": 8}. progress: told the stages; a live
    table where None. Returns the content of results.json. Raises SailError.
    """
    config, path = _config(suite, task, settings, preset), _path("out", out)
    check_run(config)
    folder = create_run(path, config, resume=(path / MANIFEST).is_file())
    with _watched(progress, f"{task}, method {config.method}, seed {config.seed}") as watched:
        results = run_loop(config, folder, watched, film=write_clips)
        write_report(folder.path)
    return results


def evaluate(
    agent: Agent | PolicyAgent | None,
    suite: str | TaskSuite,
    task: str,
    settings: Mapping[str, Any] | None = None,
    preset: str = "quick",
) -> dict[str, Any]:
    """Measure success on a task's evaluation episodes: successes, episodes, success_rate and its ci95.

    agent: from `load`; None means random waypoints, the control. Raises SailError.
    """
    config = _config(suite, task, settings, preset)
    if not isinstance(agent, Agent | PolicyAgent | None):
        raise ArgumentError(f"agent is {show(agent)}: give what sail.load returns, or None")
    return rate(evaluate_random(config) if agent is None else run_episodes(agent, config))


def train(
    suite: str | TaskSuite,
    out: str | Path,
    settings: Mapping[str, Any] | None = None,
    data: str | Path | None = None,
    progress: Progress | None = None,
) -> Agent:
    """Train base weights for a suite into `out`, or go on with a training there, and return the agent.

    settings: see `sail.training.base_config.BaseConfig`. data: the episode store, `out`/episodes where None;
    what it lacks is collected. Raises SailError.
    """
    config, folder = base_config([*_words(settings), f"suite={_reference(suite)}"]), _path("out", out)
    store = folder / "episodes" if data is None else _path("data", data)
    check_training(config, store)
    with _watched(progress, f"base weights into {out}") as watched:
        train_base(config, store, folder, watched, tell=print if progress is None else None)
    return load(out)


def _config(suite: str | TaskSuite, task: str, settings: Mapping[str, Any] | None, preset: str) -> RunConfig:
    return load_config(preset, None, [*_words(settings), f"suite={_reference(suite)}", f"task={task}"])


def _words(settings: Mapping[str, Any] | None) -> list[str]:
    """Settings as the command line has them."""
    if not isinstance(settings, Mapping | None):
        raise ArgumentError(f"settings are {show(settings)}: give a dict, such as {{'iterations': 2}}")
    return [f"{key}={value}" for key, value in (settings or {}).items()]


def _path(what: str, value: str | Path) -> Path:
    if not isinstance(value, str | Path):
        raise ArgumentError(f"{what} is {show(value)}: give a folder, as text or Path")
    return Path(value)


def _reference(suite: str | TaskSuite) -> str:
    if not isinstance(suite, str | TaskSuite):
        raise ArgumentError(f"suite is {show(suite)}: give a suite's name, or a TaskSuite")
    return suite if isinstance(suite, str) else reference_of(suite)


@contextmanager
def _watched(progress: Progress | None, title: str) -> Iterator[Progress]:
    """The progress, or a live table."""
    if progress is not None:
        yield progress
        return
    with LiveTable(title) as table:
        yield table
