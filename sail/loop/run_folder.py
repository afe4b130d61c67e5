"""The run folder: all files of a run. They survive any interruption.

manifest.json lists the finished steps and is replaced whole after each one. Any other file that a killed
process left behind is either complete or written again.
"""

import hashlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sail.config.resolution import flatten, from_yaml, to_yaml
from sail.config.schema import RunConfig
from sail.config.suites import suite_of_run
from sail.errors import SailError
from sail.loop.results import IterationResult
from sail.system.files import cut_unfinished_line, file_errors, write_atomically
from sail.system.locks import LOCK
from sail.system.reading import parse_json, read_file
from sail.system.versions import environment_versions

SCHEMA = 1
CONFIG, MANIFEST, METRICS, RESULTS = "config.yaml", "manifest.json", "metrics.jsonl", "results.json"
# Describes a network in its folder of a checkpoint (see `sail_models.saving`).
PART = "config.json"
# The step that is finished when nothing is left to do.
END = "end"
# Begins the name of a step whose payload are the ids of the episodes that an iteration recorded; 0 stands for
# the demonstrations.
EPISODES = "episodes_"


class RunFolderError(SailError):
    """A run folder that cannot be made, written, read or resumed."""


class RunFolder:
    """The files of one run. `create_run` and `open_run` make it."""

    def __init__(self, path: Path, config: RunConfig, finished: dict[str, Any]) -> None:
        self.path = path
        self.config = config
        self.episodes = path / "episodes"
        self.media = path / "media"
        self.report = path / "report.html"
        self._finished = finished
        lines = self.metrics()
        self._started = time.monotonic() - (lines[-1]["wall_seconds"] if lines else 0.0)

    def checkpoint(self, iteration: int) -> Path:
        """The folder of an iteration's checkpoint: planner/ and, where trained, inverse_dynamics/."""
        return self.path / "checkpoints" / f"iteration_{iteration:03d}"

    def is_over(self) -> bool:
        """Whether nothing is left to do, and results.json says what was found; where that file is gone, the
        run is gone on with, to write it again."""
        return self.step_done(END) and self._iterations_there() > 0

    def finish_checkpoint(self, iteration: int) -> None:
        """Write down that an iteration's checkpoint is whole, with the SHA-256 of its parts."""
        self.finish(f"checkpoint_{iteration:03d}", self._parts(iteration))

    def finished_checkpoint(self, iteration: int) -> Path:
        """The folder of an iteration's checkpoint, to read. Raises RunFolderError where it is not as it was
        written."""
        path, step = self.checkpoint(iteration), f"checkpoint_{iteration:03d}"
        found = self._parts(iteration)
        written = self.payload(step) if self.step_done(step) else found
        wrong = sorted(name for name in written if found.get(name) != written[name])
        if wrong or not found:
            what = f"{wrong[0]} is missing or another" if wrong else "there is none"
            raise RunFolderError(
                f"{path} is not the checkpoint that this run wrote ({what}): bring it back from a copy"
            )
        return path

    def _parts(self, iteration: int) -> dict[str, str]:
        """The SHA-256 of each network's config.json, which has that of its weights."""
        path = self.checkpoint(iteration)
        with file_errors(path, "read", RunFolderError):
            return {
                file.parent.name: hashlib.sha256(file.read_bytes()).hexdigest()
                for file in sorted(path.glob(f"*/{PART}"))
            }

    def step_done(self, name: str) -> bool:
        """Whether `finish` has been called with this name, in this process or an earlier one."""
        return name in self._finished

    def payload(self, name: str) -> Any:
        """The payload that `finish` was given for a step. Raises KeyError where the step is not finished."""
        return self._finished[name]

    def finish(self, name: str, payload: Any = None) -> None:
        """Write down atomically that a step is finished. payload: its outcome, as JSON values."""
        finished = {**self._finished, name: payload}
        write_json(self.path / MANIFEST, {"schema": SCHEMA, "finished": finished})
        self._finished = finished

    def begin_from(self, models: Mapping[str, str]) -> None:
        """Write down the identities of all that acts and judges in iteration 0, by their parts. Raises
        RunFolderError where the run began from others."""
        if not self.step_done("base"):
            self.finish("base", dict(models))
        began = self.payload("base")
        if isinstance(began, str):  # an earlier version wrote down what plans or decides alone
            began = {next(iter(models)): began}
        for part, identity in began.items():
            if models.get(part) != identity:
                raise RunFolderError(
                    f"{self.path} began with another {part.replace('_', ' ')} ({identity}) than "
                    f"{self.config.base!r} holds now ({models.get(part, 'none')}): bring that back, or "
                    "choose another --out"
                )

    def check_episodes(self, there: Mapping[str, int | None]) -> None:
        """Compare the store with the episodes that this run wrote. there: each episode's iteration, by its
        id; None for a demonstration. Raises RunFolderError."""
        for step, ids in self._finished.items():
            if not step.startswith(EPISODES) or ids is None:
                continue
            missing = [one for one in ids if one not in there]
            if missing:
                raise RunFolderError(
                    f"{len(missing)} of the episodes that this run recorded are not in {self.episodes} (the "
                    f"first: {missing[0]}): bring them back from a copy; without them the run would learn "
                    "otherwise"
                )
            iteration = int(step.removeprefix(EPISODES)) or None
            known = set(ids)
            more = [one for one, its in there.items() if its == iteration and one not in known]
            if more:
                raise RunFolderError(
                    f"{self.episodes} holds {more[0]}, which this run did not record: remove it, and give "
                    "other episodes a store of their own"
                )

    def begin_jointly(self, tasks: Sequence[str]) -> None:
        """Write down the tasks whose runs share one learner with this run. Raises RunFolderError where the
        run began with other tasks."""
        alone = [self.config.task]
        began = self._finished.get("joint", alone) if self._finished else list(tasks)
        if began != list(tasks):
            raise RunFolderError(
                f"{self.path} shares what learns with the runs of {', '.join(began)}, not of "
                f"{', '.join(tasks)}: go on with the same tasks in the same order, or choose another --out"
            )
        if tasks != alone and not self.step_done("joint"):
            self.finish("joint", list(tasks))

    def record(self, event: str, iteration: int, step: int, values: Mapping[str, float]) -> None:
        """Append a line to metrics.jsonl. wall_seconds: time worked on this run, interruptions left out."""
        line = {
            "event": event,
            "iteration": iteration,
            "step": step,
            "values": {name: float(value) for name, value in values.items()},
            "wall_seconds": round(time.monotonic() - self._started, 3),
        }
        path = self.path / METRICS
        with file_errors(path, kind=RunFolderError), path.open("a", encoding="utf-8") as file:
            file.write(_json(line) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl; one that was cut off by an interruption is left out."""
        path = self.path / METRICS
        if not path.exists():
            return []
        content = read_file(path, RunFolderError)
        try:
            lines = [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]
        except (ValueError, RecursionError) as error:
            raise RunFolderError(f"{path} is damaged ({error}): remove it to go on without it") from error
        if not all(isinstance(line, dict) and "wall_seconds" in line for line in lines):
            raise RunFolderError(f"{path} is damaged: a line is no metric; remove it to go on without it")
        return lines

    def write_results(
        self,
        model: str,
        iterations: Sequence[IterationResult],
        environment: Mapping[str, Any] | None = None,
        sections: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Write results.json and return its content. Results never shrink: while a run is gone on with, what
        holds more iterations stays.

        model: the identity of the planner the run started from. sections: further top-level entries.
        """
        config = self.config
        results = {
            "schema": SCHEMA,
            "preset": config.preset,
            "suite": suite_of_run(config).name,
            "task": config.task,
            "method": config.method,
            "seed": config.seed,
            "model": model,
            "iterations": [iteration.as_json() for iteration in iterations],
            "environment": dict(environment_versions() if environment is None else environment),
            **(sections or {}),
        }
        if self._iterations_there() <= len(iterations):
            write_json(self.path / RESULTS, results)
        return results

    def _iterations_there(self) -> int:
        """How many iterations results.json has; 0 where it cannot be read."""
        try:
            return len(self.results()["iterations"])
        except (RunFolderError, LookupError, TypeError):
            return 0

    def last_checkpoint(self) -> int:
        """The last iteration that was trained; 0 before the first."""
        return sum(self.step_done(f"train_{k:03d}") for k in range(1, self.config.iterations + 1))

    def results(self) -> dict[str, Any]:
        """What `write_results` wrote. Raises RunFolderError if it is not there yet."""
        return _read_json(self.path / RESULTS)


def create_run(path: Path, config: RunConfig, resume: bool = False) -> RunFolder:
    """Make a run folder, or with `resume` go on with the one that is there.

    Raises RunFolderError if the folder holds anything and `resume` is false, if it is no run folder or
    another version's, if its configuration differs, or if it cannot be written.
    """
    with file_errors(path, kind=RunFolderError):
        if not resume:
            path.mkdir(parents=True, exist_ok=True)
        present = {entry.name for entry in path.iterdir()} if path.is_dir() else set()
    if resume and MANIFEST not in present:
        raise RunFolderError(f"{path} holds no run to go on with: begin one without --resume")
    if resume:
        folder = open_run(path)
        _same_config(path, folder.config, config)
        with file_errors(path / METRICS, kind=RunFolderError):
            cut_unfinished_line(path / METRICS)
        return folder
    if MANIFEST in present:
        raise RunFolderError(f"{path} holds a run: go on with it with --resume, or choose another --out")
    unstarted = {
        CONFIG,
        LOCK,
        f".{CONFIG}.tmp",
        f".{MANIFEST}.tmp",
    }  # what a kill before the first manifest leaves
    if present - unstarted:
        raise RunFolderError(f"{path} is neither empty nor a run folder: choose another --out")
    write_text(path / CONFIG, to_yaml(config))
    write_json(path / MANIFEST, {"schema": SCHEMA, "finished": {}})
    return RunFolder(path, config, {})


def open_run(path: Path) -> RunFolder:
    """A run folder that is there, to read. Raises RunFolderError, or ConfigError for its config.yaml."""
    if not (path / MANIFEST).exists():
        raise RunFolderError(f"{path} is no run folder: it has no {MANIFEST}")
    manifest = _read_json(path / MANIFEST)
    finished = manifest.get("finished")
    if not isinstance(finished, dict):
        raise RunFolderError(f"{path / MANIFEST} is damaged: it does not say what is finished")
    text = read_file(path / CONFIG, RunFolderError)
    return RunFolder(path, from_yaml(text, str(path / CONFIG)), finished)


def write_text(path: Path, text: str) -> None:
    """Replace a file whole: after a crash it has the old content or the new one. Raises RunFolderError."""
    with file_errors(path, kind=RunFolderError):
        write_atomically(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """`write_text` of a JSON value, with null for numbers that are not finite."""
    write_text(path, _json(value, indent=2) + "\n")


def _same_config(path: Path, there: RunConfig, given: RunConfig) -> None:
    old, new = flatten(there), flatten(given)
    for key, value in new.items():
        if old[key] != value:
            raise RunFolderError(
                f"{path} was started with {key}={old[key]}, not {value}: "
                "resume with the same settings, or choose another --out"
            )


def _read_json(path: Path) -> dict[str, Any]:
    content = read_file(path, RunFolderError)
    value = parse_json(content, path, RunFolderError, "bring it back from a copy")
    if not isinstance(value, dict):
        raise RunFolderError(f"{path} is damaged: it does not hold an object")
    if value.get("schema") != SCHEMA:
        raise RunFolderError(
            f"{path} is of another version (schema {value.get('schema')}, this one reads {SCHEMA}): "
            "use the version that wrote it"
        )
    return value


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
