"""The improvement loop on an arm, in rounds: attempts, a verdict on the planner, fine-tuning. Plain Python.

Attempts on an arm take a person's time, so the same attempts measure a planner and teach the next one.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from sail.config.schema import NO_SUITE, RunConfig
from sail.data.store import EpisodeStore
from sail.errors import SailError
from sail.filters.selection import find_filter
from sail.loop.agent import load_agent, with_checkpoint
from sail.loop.statistics import wilson_interval
from sail.system.files import write_atomically
from sail.system.reading import read_file
from sail.training.fine_tuning import finetune_planner
from sail_envs.suite import UnknownNameError, suite_of
from sail_models.saving import save_model

RESULTS = "results.json"


class RoundsError(SailError):
    """Rounds without attempts, or a results file of something else."""


def task_settings(task: str, suite: str, prompt: str) -> list[str]:
    """The settings of a run of a task on the arm, `key=value` each: suite=none where no suite has the task.

    suite: the reference of the task's suite, "" where it is to be found. Raises RoundsError for a task
    without a name.
    """
    if not task:
        raise RoundsError("the task has no name: name what the arm is to learn (parameter task)")
    if not suite:
        try:
            suite_of(task)
        except UnknownNameError:
            suite = NO_SUITE
    return [f"suite={suite}", f"task={task}", f"prompt={prompt}"]


@dataclass(frozen=True)
class Round:
    """One iteration on the arm.

    iteration: number of the planner that acted; 0 is the base. checkpoint: the planner's folder within the
    run folder, "" for the base. promoted: whether the planner is at least as good as the best before it, so
    that the next training starts from it. kept: number of episodes of all rounds so far that teach.
    """

    iteration: int
    checkpoint: str
    attempts: int
    successes: int
    promoted: bool
    kept: int

    @property
    def rate(self) -> float:
        """The success rate, 0 to 1."""
        return self.successes / self.attempts


def best(rounds: list[Round]) -> Round:
    """The round whose planner the loop goes on with: the last one promoted."""
    return next(one for one in reversed(rounds) if one.promoted)


def judge(rounds: list[Round], iteration: int, checkpoint: str, store: EpisodeStore, task: str) -> Round:
    """The round that the attempts of an iteration make. Raises RoundsError where there are none."""
    records = store.records(task=task, source="self", iteration=iteration)
    if not records:
        raise RoundsError(f"no attempt of iteration {iteration} at {task} in {store.folder}")
    successes = sum(record.success for record in records)
    rate = successes / len(records)
    promoted = not rounds or rate >= best(rounds).rate
    teaching = sum(record.success for record in store.records(task=task, source="self"))
    return Round(iteration, checkpoint, len(records), successes, promoted, teaching)


def learn(
    config: RunConfig,
    start: str,
    store: EpisodeStore,
    demonstrations: EpisodeStore | None,
    iteration: int,
    out: Path,
    report: Callable[[int, float], None],
) -> str:
    """Fine-tune a planner on the episodes kept so far. Returns the new checkpoint, a folder within `out`.

    start: the checkpoint to begin with, a folder within `out`, or "" for the base. demonstrations: rehearsed
    beside the episodes; None for none. report: called with each step and its loss.
    """
    agent = load_agent(config)
    if start:
        agent = with_checkpoint(agent, out / start)
    records = store.records(task=config.task, source="self")
    mask = find_filter(config).keep(store, records).mask
    kept = [record for record, keep in zip(records, mask, strict=True) if keep]
    kept = kept[-config.training.keep_newest :]
    rehearsed = (
        [demonstrations.read(record.id) for record in demonstrations.records()] if demonstrations else []
    )
    collected = [store.read(record.id) for record in kept]
    planner = finetune_planner(agent, rehearsed, collected, config.training, config.seed + iteration, report)
    folder = f"checkpoints/iteration_{iteration:03d}"
    save_model(out / folder / "planner", planner, half=True)
    return folder


def write_rounds(out: Path, task: str, rounds: list[Round]) -> None:
    """Write results.json into `out`, atomically."""
    rows = [
        {
            **asdict(one),
            "success_rate": one.rate,
            "ci95": list(wilson_interval(one.successes, one.attempts)),
        }
        for one in rounds
    ]
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / RESULTS, json.dumps({"task": task, "iterations": rows}, indent=1).encode())


def read_rounds(out: Path, task: str) -> list[Round]:
    """The finished rounds in `out`, none where nothing is there. Raises RoundsError."""
    path = out / RESULTS
    if not path.exists():
        return []
    try:
        content = json.loads(read_file(path, RoundsError))
        if content["task"] != task:
            raise RoundsError(f"{path} is of {content['task']}, not {task}: choose another folder")
        fields = Round.__dataclass_fields__
        return [Round(**{key: row[key] for key in fields}) for row in content["iterations"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RoundsError(f"{path} does not hold rounds on an arm: choose another folder") from error
