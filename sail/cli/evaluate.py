"""`sail evaluate`: success rates of base weights, of a run's checkpoints, or of random motion."""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console
from rich.table import Table

from sail.cli.command import Command, UsageError
from sail.cli.options import (
    OVERRIDES,
    add_config_options,
    add_json_option,
    iterations_of,
    one_of,
    run_or_config,
    tasks_of,
    whole_number,
)
from sail.config.method import find_method
from sail.config.schema import RunConfig
from sail.config.suites import suite_of_run
from sail.loop.run_folder import RunFolder
from sail.loop.statistics import wilson_interval
from sail.types import Progress

if TYPE_CHECKING:
    from sail.loop.actors import PlanningAgent
    from sail.loop.agent import Agent
    from sail.loop.probes import PlanError
    from sail.loop.rollout import Outcome
    from sail_models.interfaces import Deciding

SCHEMA = 1
# Runs a configuration's evaluation episodes, and calls back with the number of episodes that ended.
Evaluation = Callable[[RunConfig, Callable[[int], None]], "list[Outcome]"]


@dataclass(frozen=True)
class Candidate:
    """An agent to evaluate, or a control. iteration, agent: None for a control."""

    name: str
    iteration: int | None
    agent: "PlanningAgent | Deciding | None"
    evaluation: Evaluation


@dataclass(frozen=True)
class Row:
    """One candidate on one task. median_steps: control steps of the successes, None without any."""

    task: str
    candidate: str
    iteration: int | None
    model: str | None
    episodes: int
    successes: int
    success_rate: float
    ci95: tuple[float, float]
    median_steps: float | None
    seconds: float


@dataclass(frozen=True)
class Probe:
    """Why a candidate fails on a task: its perfect plan's success, its plans' error, the cause in words."""

    task: str
    candidate: str
    perfect_plan: Row
    plan_error: "PlanError"
    cause: str

    def line(self) -> str:
        """The probe in one line for people."""
        error = self.plan_error
        line = (
            f"{self.candidate}, {self.task}: {self.cause}. "
            f"Imagined frames are {error.pixel:.1f} grey levels off (no motion {error.pixel_still:.1f})"
        )
        if error.end_effector is None or error.end_effector_true is None:
            return f"{line}."
        return (
            f"{line}; "
            f"the first one leads the arm {1000 * error.end_effector:.0f} mm away from where the expert does "
            f"(the true frame {1000 * error.end_effector_true:.0f} mm)."
        )


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config_options(parser)
    parser.add_argument(
        "--tasks", metavar="NAMES", help="tasks, or sets such as unseen and cups-unseen, with commas between"
    )
    parser.add_argument(
        "--iteration",
        type=whole_number(0),
        metavar="K",
        help="only this checkpoint of the run; 0 is the base",
    )
    parser.add_argument(
        "--following",
        type=one_of("following", ("servo", "pair")),
        metavar="servo|pair",
        help="instead of planner.following: the camera's frame against the next planned one, or two of these",
    )
    parser.add_argument(
        "--exported",
        type=Path,
        metavar="DIR",
        help="what sail export wrote there, without torch",
    )
    parser.add_argument("--random", action="store_true", help="the control: random motion, no planner")
    parser.add_argument(
        "--probes",
        action="store_true",
        help="name the cause of failures: the expert's frames as the plan, imagined against true frames",
    )
    add_json_option(parser)


def run(arguments: argparse.Namespace) -> None:
    """Evaluate and print one row a candidate and task."""
    folder, config = run_or_config(arguments)
    if arguments.following is not None:
        config = replace(config, planner=replace(config.planner, following=arguments.following))
    if arguments.exported is not None and (folder is not None or arguments.random or arguments.probes):
        raise UsageError("--exported acts by itself: no run folder, --random or --probes beside it")
    if arguments.probes and not find_method(config.method).plans:
        raise UsageError(f"--probes looks into plans, and method={config.method} makes none")
    tasks = tasks_of(arguments.tasks, config.suite) if arguments.tasks is not None else [config.task]
    screen = sys.stderr if arguments.json else sys.stdout
    from sail.report.live_table import LiveTable

    title = f"evaluation of {config.evaluation_episodes} episodes a task on {', '.join(tasks)}"
    rows, probed = [], []
    with LiveTable(title, screen) as progress:
        for candidate in _candidates(arguments, replace(config, task=tasks[0]), folder):
            for task in tasks:
                rows.append(_measure(candidate, replace(config, task=task), progress))
                if arguments.probes and candidate.agent is not None:
                    agent = cast("Agent", candidate.agent)  # one without plans, or exported, was refused
                    probed.append(_probe(agent, rows[-1], replace(config, task=task), progress))
    if arguments.json:
        print(_as_json(rows, probed, config.planner.following))
        return
    _print_table(rows)
    for probe in probed:
        print(probe.line())


def _candidates(
    arguments: argparse.Namespace, config: RunConfig, folder: RunFolder | None
) -> Iterator[Candidate]:
    """What the arguments ask for, each loaded when it is its turn."""
    from sail.loop.evaluation import evaluate, evaluate_random
    from sail.loop.exploration import control_name
    from sail.loop.learners import learner_of

    if arguments.random:
        yield Candidate(
            control_name(suite_of_run(config)),
            None,
            None,
            lambda config, done: evaluate_random(config, finished=done),
        )
        return

    def acting(name: str, iteration: int | None, agent: "PlanningAgent | Deciding") -> Candidate:
        def evaluation(config: RunConfig, done: Callable[[int], None]) -> "list[Outcome]":
            return evaluate(agent, config, iteration or 0, done)

        return Candidate(name, iteration, agent, evaluation)

    if arguments.exported is not None:
        from sail.export.runtime import load_exported

        yield acting(f"exported {arguments.exported.name}", None, load_exported(arguments.exported))
        return
    base = learner_of(config)
    for iteration in iterations_of(arguments.iteration, folder):
        if folder is None or iteration == 0:
            yield acting("base weights", 0, base.agent)
        else:
            agent = base.at(folder.finished_checkpoint(iteration)).agent
            yield acting(f"iteration {iteration}", iteration, agent)


def _measure(candidate: Candidate, config: RunConfig, progress: Progress) -> Row:
    started = time.monotonic()
    progress.stage(f"{candidate.name}: {config.task}", config.evaluation_episodes)
    outcomes = candidate.evaluation(config, progress.advance)
    steps = [outcome.steps for outcome in outcomes if outcome.success]
    return Row(
        task=config.task,
        candidate=candidate.name,
        iteration=candidate.iteration,
        model=None if candidate.agent is None else candidate.agent.identity,
        episodes=len(outcomes),
        successes=len(steps),
        success_rate=len(steps) / len(outcomes),
        ci95=wilson_interval(len(steps), len(outcomes)),
        median_steps=statistics.median(steps) if steps else None,
        seconds=time.monotonic() - started,
    )


def _probe(agent: "Agent", row: Row, config: RunConfig, progress: Progress) -> Probe:
    """Replace the plan by the truth on the same episodes, and compare the two."""
    from sail.loop.probes import expert_episodes, name_cause, perfect_plan, plan_error

    experts = expert_episodes(config)

    def evaluation(config: RunConfig, done: Callable[[int], None]) -> "list[Outcome]":
        return perfect_plan(agent, config, experts, done)

    perfect = _measure(Candidate("perfect plan", row.iteration, agent, evaluation), config, progress)
    cause = name_cause(row.success_rate, perfect.success_rate)
    return Probe(row.task, row.candidate, perfect, plan_error(agent, config, experts), cause)


def _means(rows: Sequence[Row]) -> dict[str, float]:
    """Each candidate's mean success rate over the tasks."""
    names = dict.fromkeys(row.candidate for row in rows)
    return {
        name: statistics.mean(row.success_rate for row in rows if row.candidate == name) for name in names
    }


def _as_json(rows: Sequence[Row], probes: Sequence[Probe], following: str) -> str:
    document: dict[str, Any] = {"schema": SCHEMA, "following": following}
    if probes:
        document["probes"] = [asdict(probe) for probe in probes]
    document |= {"rows": [asdict(row) for row in rows], "mean_success_rate": _means(rows)}
    return json.dumps(document, indent=2)


def _print_table(rows: Sequence[Row]) -> None:
    table = Table()
    for title in ("", "task", "success", "rate", "95 % interval", "median steps"):
        table.add_column(title, justify="left" if title in ("", "task") else "right")
    for row in rows:
        steps = "" if row.median_steps is None else f"{row.median_steps:.0f}"
        interval = f"{row.ci95[0]:.0%} to {row.ci95[1]:.0%}"
        rate = f"{row.success_rate:.0%}"
        table.add_row(row.candidate, row.task, f"{row.successes}/{row.episodes}", rate, interval, steps)
    if len({row.task for row in rows}) > 1:
        for name, mean in _means(rows).items():
            table.add_row(name, "mean", "", f"{mean:.0%}", "", "")
    Console().print(table)


COMMAND = Command(f"RUN_FOLDER or {OVERRIDES}", configure, run)
