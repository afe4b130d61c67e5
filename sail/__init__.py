"""SAIL: self-improving visual planning for robot arms, from Python. Importing this imports nothing else.

    agent = sail.load("base")                                  # weights, or a run folder
    plan = agent.plan(frame, "open the door")                  # uint8 (F, H, W, 3) frames to come
    chunk = agent.act(frame, plan.frames[0, 0], arm)           # float32 (K, A) actions
    results = sail.improve("metaworld", "handle-press", "runs/mine", {"iterations": 2})

The same things from a shell are `sail plan`, `sail run`, `sail evaluate` and `sail train`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sail.data.store import EpisodeStore
    from sail.embodiment import Dimension, Embodiment
    from sail.loop.agent import Agent, PolicyAgent
    from sail.types import Episode, Progress
    from sail_envs.suite import TaskSuite, Workspace

__all__ = [
    "Dimension",
    "Embodiment",
    "Episode",
    "EpisodeStore",
    "TaskSuite",
    "Workspace",
    "evaluate",
    "improve",
    "load",
    "train",
]

# Where the classes are that this module offers.
_HOMES = {
    "Dimension": "sail.embodiment",
    "Embodiment": "sail.embodiment",
    "Episode": "sail.types",
    "EpisodeStore": "sail.data.store",
    "TaskSuite": "sail_envs.suite",
    "Workspace": "sail_envs.suite",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sail' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def load(where: str | Path, iteration: int | None = None) -> "Agent":
    """The planning agent of a run folder, of a folder of base weights, or of the shipped weights of this name.

    iteration: the run's checkpoint; the last one where None, the base weights for 0. Raises SailError.
    """
    from sail.config.resolution import load_config
    from sail.loop.agent import load_agent, with_checkpoint
    from sail.loop.run_folder import MANIFEST, open_run

    if not (Path(where) / MANIFEST).is_file():
        return load_agent(load_config(None, None, [f"base={where}"]))
    folder = open_run(Path(where))
    number = folder.last_checkpoint() if iteration is None else iteration
    agent = load_agent(folder.config)
    return agent if number == 0 else with_checkpoint(agent, folder.checkpoint(number))


def improve(
    suite: "str | TaskSuite",
    task: str,
    out: str | Path,
    settings: Mapping[str, Any] | None = None,
    preset: str = "quick",
    progress: "Progress | None" = None,
) -> dict[str, Any]:
    """Run the loop on a task, or go on with the run in `out`, and write its report.

    suite: a suite's name (see `sail_envs.suite.find_suite`), or a suite that stands at the top of a module.
    settings: of the run, such as {"iterations": 2, "planner.steps": 8}. progress: told the stages; a live
    table where None. Returns the content of results.json. Raises SailError.
    """
    from sail.loop.improve import check_run
    from sail.loop.improve import improve as run_loop
    from sail.loop.run_folder import MANIFEST, create_run
    from sail.report.clips import write_clips
    from sail.report.page import write_report

    config = _config(suite, task, settings, preset)
    check_run(config)
    folder = create_run(Path(out), config, resume=(Path(out) / MANIFEST).is_file())
    with _watched(progress, f"{task}, method {config.method}, seed {config.seed}") as watched:
        results = run_loop(config, folder, watched, film=write_clips)
        write_report(folder.path)
    return results


def evaluate(
    agent: "Agent | PolicyAgent | None",
    suite: "str | TaskSuite",
    task: str,
    settings: Mapping[str, Any] | None = None,
    preset: str = "quick",
) -> dict[str, Any]:
    """Measure success on a task's evaluation episodes: successes, episodes, success_rate and its ci95.

    agent: from `load`; None means random waypoints, the control. Raises SailError.
    """
    from sail.loop.evaluation import evaluate as run_episodes
    from sail.loop.evaluation import evaluate_random, rate

    config = _config(suite, task, settings, preset)
    return rate(evaluate_random(config) if agent is None else run_episodes(agent, config))


def train(
    suite: "str | TaskSuite",
    out: str | Path,
    settings: Mapping[str, Any] | None = None,
    data: str | Path | None = None,
    progress: "Progress | None" = None,
) -> "Agent":
    """Train base weights for a suite into `out`, or go on with a training there, and return the agent.

    settings: see `sail.training.base_config.BaseConfig`. data: the episode store, `out`/episodes where None;
    what it lacks is collected. Raises SailError.
    """
    from sail.training.base_config import base_config
    from sail.training.base_weights import train_base

    config = base_config([*_words(settings), f"suite={_reference(suite)}"])
    with _watched(progress, f"base weights into {out}") as watched:
        store = Path(data or Path(out) / "episodes")
        train_base(config, store, Path(out), watched, tell=print if progress is None else None)
    return load(out)


def _config(suite: "str | TaskSuite", task: str, settings: Mapping[str, Any] | None, preset: str) -> Any:
    from sail.config.resolution import load_config

    return load_config(preset, None, [*_words(settings), f"suite={_reference(suite)}", f"task={task}"])


def _words(settings: Mapping[str, Any] | None) -> list[str]:
    """Settings as the command line has them."""
    return [f"{key}={value}" for key, value in (settings or {}).items()]


def _reference(suite: "str | TaskSuite") -> str:
    if isinstance(suite, str):
        return suite
    from sail_envs.suite import reference_of

    return reference_of(suite)


def _watched(progress: "Progress | None", title: str) -> Any:
    """A context that gives the progress, or a live table."""
    from contextlib import nullcontext

    from sail.report.live_table import LiveTable

    return LiveTable(title) if progress is None else nullcontext(progress)
