"""Learning on the arm: rounds of attempts, each measuring one planner and teaching the next. Plain Python.

On an arm an attempt is dear: those that measure a planner are those that the next one learns from.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from sail.config.schema import RunConfig
from sail.data.store import EpisodeStore
from sail.errors import SailError
from sail.filters.selection import find_filter
from sail.loop.agent import load_agent, with_checkpoint
from sail.loop.statistics import wilson_interval
from sail.system.files import write_atomically
from sail.training.fine_tuning import finetune_planner
from sail_models.saving import save_model

RESULTS = "results.json"


class ProgressError(SailError):
    """A results file that is not of such rounds."""


@dataclass(frozen=True)
class Round:
    """iteration: whose planner acted, 0 the base. checkpoint: its folder within the rounds' own, "" for the
    base. promoted: it was not worse than the best before it, and goes on. kept: episodes that teach, of all
    rounds so far."""

    iteration: int
    checkpoint: str
    attempts: int
    successes: int
    promoted: bool
    kept: int

    @property
    def rate(self) -> float:
        """Share of successes."""
        return self.successes / self.attempts


def best(rounds: list[Round]) -> Round:
    """The one that goes on: the last that was promoted."""
    return next(one for one in reversed(rounds) if one.promoted)


def judged(rounds: list[Round], iteration: int, checkpoint: str, store: EpisodeStore, task: str) -> Round:
    """What the attempts of an iteration say of its planner. Raises ProgressError where there are none."""
    records = store.records(task=task, source="self", iteration=iteration)
    if not records:
        raise ProgressError(f"no attempt of iteration {iteration} at {task} in {store.folder}")
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
    """Fine-tune the planner in the checkpoint `start` ("": the base's) on what was kept so far; the new
    checkpoint. Both are folders within `out`."""
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
    """Write results.json, atomically."""
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
    """The rounds that are finished. Raises ProgressError."""
    path = out / RESULTS
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_text())
        if content["task"] != task:
            raise ProgressError(f"{path} is of {content['task']}, not {task}: choose another folder")
        fields = Round.__dataclass_fields__
        return [Round(**{key: row[key] for key in fields}) for row in content["iterations"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ProgressError(f"{path} does not hold rounds on an arm: choose another folder") from error
