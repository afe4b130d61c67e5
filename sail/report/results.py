"""results.json and metrics.jsonl, read and checked: what the report is drawn from."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sail.errors import SailError

SCHEMA = 1
ROUNDING = 1e-6  # what a computed bound may miss 0, 1 or the rate by
STAGES = ("collect", "train", "evaluate")
WAYS = ("planned", "noisy", "random", "repeated")
Losses = dict[int, list[tuple[int, float]]]  # iteration -> (step, loss), steps rising


class ReportError(SailError):
    """A run folder that no report can be written of."""


@dataclass(frozen=True)
class Rate:
    """A success rate with its 95 % interval, all of them 0..1, and how many episodes gave it."""

    name: str
    value: float
    low: float
    high: float
    episodes: int


@dataclass(frozen=True)
class IterationResult:
    """One entry of "iterations". seconds: of each of STAGES. plans: names of media files."""

    iteration: int
    rate: Rate
    successes: int
    collected: int
    kept: int
    seconds: dict[str, float]
    plans: tuple[str, ...]


@dataclass(frozen=True)
class TextEffect:
    """How much a plan's motion changes when the prompt, and when only the noise, is exchanged."""

    scene: str
    prompt_a: str
    prompt_b: str
    text_change: float
    noise_change: float
    ratio: float


@dataclass(frozen=True)
class Filtered:
    """What the filter kept of one iteration's episodes, and how much of that was success."""

    iteration: int
    collected: int
    successes: int
    kept: int
    kept_successes: int


@dataclass(frozen=True)
class Monitored:
    """How one iteration's episodes came about, as (successes, episodes) of each way; in how many cubes of
    5 cm the arm has been; how many of the evaluation's episodes were gained and lost since the last one; by
    how much plans from one frame differ, as a share of their motion (None where nothing was planned)."""

    iteration: int
    ways: dict[str, tuple[int, int]]
    covered: int
    gained: int
    lost: int
    plan_spread: float | None


@dataclass(frozen=True)
class Results:
    """results.json. facts: preset, method, seed, model. prompt: "" where the run does not say it."""

    task: str
    prompt: str
    facts: dict[str, str]
    iterations: tuple[IterationResult, ...]
    controls: tuple[Rate, ...]
    probes: tuple[Rate, ...]
    filtered: tuple[Filtered, ...]
    monitored: tuple[Monitored, ...]
    text_effects: tuple[TextEffect, ...]
    environment: dict[str, str]


def read_results(path: Path) -> Results:
    """Read and check results.json. Raises ReportError (one line) if it is missing, broken or foreign."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ReportError(f"{path} is missing: is this a run folder? Has iteration 0 finished?") from error
    except OSError as error:
        raise ReportError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ReportError(f"{path} is no JSON file: resume the run to write it again") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        given = data.get("schema") if isinstance(data, dict) else None
        raise ReportError(f"{path} has schema {given!r}, this version reads {SCHEMA}: run the loop again")
    try:
        return _parse(data)
    except (KeyError, TypeError, ValueError) as error:
        cause = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ReportError(f"{path} is no run's ({cause}): resume the run to write it again") from error


def read_losses(path: Path) -> tuple[Losses, int]:
    """The training losses of metrics.jsonl by iteration, and how many lines could not be read.

    A step that was logged twice (the run was resumed) counts once, with its last value. A missing
    file has no losses. Raises ReportError if the file is there and cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return {}, 0
    except OSError as error:
        raise ReportError(f"cannot read {path}: {error.strerror}") from error
    found: dict[int, dict[int, float]] = {}
    unreadable = 0
    for line in filter(str.strip, lines):
        try:
            event = json.loads(line)
            if event["event"] != "train" or "loss" not in event["values"]:
                continue
            loss = float(event["values"]["loss"])
            if math.isfinite(loss):
                found.setdefault(int(event["iteration"]), {})[int(event["step"])] = loss
        except (KeyError, TypeError, ValueError):
            unreadable += 1
    return {iteration: sorted(steps.items()) for iteration, steps in sorted(found.items())}, unreadable


def gain(first: Rate, last: Rate) -> tuple[float, float, float]:
    """Difference last - first with its 95 % interval (low, high), as fractions.

    Newcombe 1998, method 10: the two Wilson intervals, squared and added, for independent samples.
    """
    difference = last.value - first.value
    low = difference - math.hypot(last.value - last.low, first.high - first.value)
    high = difference + math.hypot(last.high - last.value, first.value - first.low)
    return difference, low, high


def _parse(data: Mapping[str, object]) -> Results:
    iterations = tuple(_iteration(entry) for entry in _entries(data, "iterations"))
    if not iterations:
        raise ValueError("no finished iteration")
    text_effect = data.get("text_effect", {"rows": []})
    return Results(
        task=str(data["task"]),
        prompt=str(data.get("prompt", "")),
        facts={key: str(data[key]) for key in ("method", "seed", "preset", "model")},
        iterations=iterations,
        controls=tuple(_rate(entry, "method") for entry in _entries(data, "controls", optional=True)),
        probes=tuple(_rate(entry, "name") for entry in _entries(data, "probes", optional=True)),
        filtered=tuple(_filtered(entry) for entry in _entries(data, "filter", optional=True)),
        monitored=tuple(_monitored(entry) for entry in _entries(data, "monitors", optional=True)),
        text_effects=tuple(_text_effect(entry) for entry in _entries(_mapping(text_effect), "rows")),
        environment=_flatten(_mapping(data["environment"])),
    )


def _iteration(entry: Mapping[str, object]) -> IterationResult:
    seconds = _mapping(entry["seconds"])
    plans = entry.get("plans", [])
    if not isinstance(plans, list):
        raise ValueError("plans is no list")
    return IterationResult(
        iteration=_count(entry, "iteration"),
        rate=_rate(entry, "iteration"),
        successes=_count(entry, "successes"),
        collected=_count(entry, "collected"),
        kept=_count(entry, "kept"),
        seconds={stage: _number(seconds.get(stage, 0.0), stage) for stage in STAGES},
        plans=tuple(str(name) for name in plans),
    )


def _filtered(entry: Mapping[str, object]) -> Filtered:
    return Filtered(**{name: _count(entry, name) for name in Filtered.__dataclass_fields__})


def _monitored(entry: Mapping[str, object]) -> Monitored:
    counts = {name: _count(entry, name) for name in ("iteration", "covered", "gained", "lost")}
    # Older runs count noisy episodes among the planned ones.
    known = {"noisy": {"episodes": 0, "successes": 0}, **entry}
    ways = {way: _mapping(known[way]) for way in WAYS}
    tried = {way: (_count(found, "successes"), _count(found, "episodes")) for way, found in ways.items()}
    spread = entry.get("plan_spread")
    plan_spread = None if spread is None else _number(spread, "plan_spread")
    return Monitored(ways=tried, plan_spread=plan_spread, **counts)


def _rate(entry: Mapping[str, object], name_key: str) -> Rate:
    interval = entry["ci95"]
    if not isinstance(interval, list) or len(interval) != 2:
        raise ValueError("ci95 is no pair [low, high]")
    low, high = (_number(bound, "ci95") for bound in interval)
    value = _number(entry["success_rate"], "success_rate")
    if not low - ROUNDING <= value <= high + ROUNDING <= 1 + 2 * ROUNDING:
        raise ValueError(f"success_rate {value:g} lies outside ci95 [{low:g}, {high:g}] or 0..1")
    value = min(value, 1.0)
    low, high = min(low, value), min(max(high, value), 1.0)
    return Rate(str(entry[name_key]), value, low, high, _count(entry, "episodes"))


def _text_effect(entry: Mapping[str, object]) -> TextEffect:
    changes = {key: _number(entry[key], key) for key in ("text_change", "noise_change", "ratio")}
    return TextEffect(str(entry["scene"]), str(entry["prompt_a"]), str(entry["prompt_b"]), **changes)


def _entries(data: Mapping[str, object], key: str, optional: bool = False) -> list[Mapping[str, object]]:
    entries = data.get(key, []) if optional else data[key]
    if not isinstance(entries, list):
        raise ValueError(f"{key} is no list")
    return [_mapping(entry) for entry in entries]


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is no JSON object")
    return value


def _number(value: object, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -ROUNDING <= value < math.inf:
        raise ValueError(f"{key} is {value!r}, not a number from 0 up")
    return max(float(value), 0.0)


def _count(entry: Mapping[str, object], key: str) -> int:
    value = entry[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{key} is {value!r}, not a whole number from 0 up")
    return value


def _flatten(values: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat.update(_flatten(value, f"{prefix}{key} "))
        else:
            flat[f"{prefix}{key}"] = "none" if value is None else str(value)
    return flat
