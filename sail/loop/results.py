"""What results.json holds: the loop writes by these definitions, and the report reads by them.

Also read here: the losses of metrics.jsonl.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sail.errors import SailError
from sail.loop.statistics import newcombe_difference_interval, wilson_interval
from sail.system.reading import parse_json, read_file

SCHEMA = 1
ROUNDING = 1e-6  # a computed bound may miss 0, 1 or the rate by this
STAGES = ("collect", "train", "evaluate")
Losses = dict[int, list[tuple[int, float]]]  # iteration -> (step, loss), steps rising


class Way(StrEnum):
    """How a collected episode came about: the arm followed plans, plans with noise on the actions, chance
    (random waypoints, or random actions where an arm goes to no points), or an earlier success."""

    PLANNED = "planned"
    NOISY = "noisy"
    RANDOM = "random"
    REPEATED = "repeated"


class ResultsError(SailError):
    """A results.json or metrics.jsonl that is missing, damaged or foreign."""


@dataclass(frozen=True)
class Rate:
    """A named success rate with its 95 % interval, all 0..1, and the number of episodes behind it."""

    name: str
    value: float
    low: float
    high: float
    episodes: int

    @property
    def successes(self) -> int:
        """How many of the episodes succeeded."""
        return round(self.value * self.episodes)


@dataclass(frozen=True)
class IterationResult:
    """One entry of "iterations". seconds: wall time of each of STAGES. plans: names of media files."""

    iteration: int
    episodes: int
    successes: int
    collected: int
    kept: int
    seconds: Mapping[str, float]
    plans: tuple[str, ...] = ()

    @property
    def success_rate(self) -> float:
        """Share of the evaluation episodes that succeeded."""
        return self.successes / self.episodes

    @property
    def rate(self) -> Rate:
        """The success rate with its 95 % Wilson interval, named after the iteration."""
        interval = wilson_interval(self.successes, self.episodes)
        return Rate(str(self.iteration), self.success_rate, *interval, self.episodes)

    def as_json(self) -> dict[str, Any]:
        """The entry, with the success rate and its interval."""
        fields = {name: value for name, value in asdict(self).items() if name != "plans"}
        return {**fields, **rate_as_json(self.successes, self.episodes)}


def rate_as_json(successes: int, episodes: int) -> dict[str, Any]:
    """Successes, episodes, success rate and 95 % Wilson interval, as results.json has them."""
    interval = list(wilson_interval(successes, episodes))
    return {
        "successes": successes,
        "episodes": episodes,
        "success_rate": successes / episodes,
        "ci95": interval,
    }


@dataclass(frozen=True)
class TextEffect:
    """How much a plan changes, as a share of its own motion, when the prompt or only the noise is
    exchanged."""

    scene: str
    prompt_a: str
    prompt_b: str
    text_change: float
    noise_change: float

    @property
    def ratio(self) -> float:
        """Above 1 the text decides more than the noise."""
        return self.text_change / max(self.noise_change, 1e-9)

    def as_json(self) -> dict[str, Any]:
        """The fields and the ratio."""
        return {**asdict(self), "ratio": self.ratio}


@dataclass(frozen=True)
class Filtered:
    """One entry of "filter": an iteration's successes by the environment's own flag, and what was kept."""

    iteration: int
    collected: int
    successes: int
    kept: int
    kept_successes: int

    @property
    def precision(self) -> float | None:
        """Share of the kept episodes that are successes; None where nothing was kept."""
        return self.kept_successes / self.kept if self.kept else None

    @property
    def recall(self) -> float | None:
        """Share of the successes that were kept; None where nothing succeeded."""
        return self.kept_successes / self.successes if self.successes else None

    def as_json(self) -> dict[str, Any]:
        """The fields, precision and recall."""
        return {**asdict(self), "precision": self.precision, "recall": self.recall}


@dataclass(frozen=True)
class Monitored:
    """One entry of "monitors": how an iteration explored, and what it changed.

    ways: (successes, episodes) of each way in which an episode came about. covered: cubes of 5 cm in which
    the end effector has been, None where nothing says where it is. gained, lost: evaluation episodes that
    succeed now and did not before, and the other way round. plan_spread: how much two plans from one frame
    differ, as a share of their motion; None where nothing was planned.
    """

    iteration: int
    ways: Mapping[Way, tuple[int, int]]
    covered: int | None
    gained: int
    lost: int
    plan_spread: float | None


@dataclass(frozen=True)
class Results:
    """All of results.json. facts: preset, method, seed, model. prompt: "" where the file has none."""

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
    """Read and check results.json. Raises ResultsError where the file is missing, damaged or foreign."""
    if not path.exists():
        raise ResultsError(f"{path} is missing: is this a run folder? Has iteration 0 finished?")
    content = read_file(path, ResultsError)
    data = parse_json(content, path, ResultsError, "resume the run to write it again")
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        given = data.get("schema") if isinstance(data, dict) else None
        raise ResultsError(f"{path} has schema {given!r}, this version reads {SCHEMA}: run the loop again")
    try:
        return _parse(data)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        cause = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ResultsError(f"{path} is no run's ({cause}): resume the run to write it again") from error


def read_losses(path: Path) -> tuple[Losses, int]:
    """The training losses of metrics.jsonl by iteration, and how many lines could not be read.

    A step that was logged twice (the run was resumed) counts once, with its last value. A missing
    file has no losses. Raises ResultsError if the file is there and cannot be read.
    """
    if not path.exists():
        return {}, 0
    lines = read_file(path, ResultsError).decode("utf-8", "replace").splitlines()
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
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
            unreadable += 1
    return {iteration: sorted(steps.items()) for iteration, steps in sorted(found.items())}, unreadable


def gain(first: Rate, last: Rate) -> tuple[float, float, float]:
    """Difference last - first with its 95 % Newcombe interval (low, high), as fractions."""
    low, high = newcombe_difference_interval(last.successes, last.episodes, first.successes, first.episodes)
    return last.value - first.value, low, high


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
    rate, successes = _rate(entry, "iteration"), _count(entry, "successes")
    if abs(rate.value * rate.episodes - successes) > 0.5:
        raise ValueError(f"success_rate {rate.value:g} is not {successes} of {rate.episodes}")
    return IterationResult(
        iteration=_count(entry, "iteration"),
        episodes=rate.episodes,
        successes=successes,
        collected=_count(entry, "collected"),
        kept=_count(entry, "kept"),
        seconds={stage: _number(seconds.get(stage, 0.0), stage) for stage in STAGES},
        plans=tuple(str(name) for name in plans),
    )


def _filtered(entry: Mapping[str, object]) -> Filtered:
    return Filtered(**{name: _count(entry, name) for name in Filtered.__dataclass_fields__})


def _monitored(entry: Mapping[str, object]) -> Monitored:
    counts = {name: _count(entry, name) for name in ("iteration", "gained", "lost")}
    covered = None if entry["covered"] is None else _count(entry, "covered")
    # A run without a count of noisy episodes counts them among the planned ones.
    known = {"noisy": {"episodes": 0, "successes": 0}, **entry}
    ways = {way: _mapping(known[way]) for way in Way}
    tried = {way: (_count(found, "successes"), _count(found, "episodes")) for way, found in ways.items()}
    spread = entry.get("plan_spread")
    plan_spread = None if spread is None else _number(spread, "plan_spread")
    return Monitored(ways=tried, covered=covered, plan_spread=plan_spread, **counts)


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
    episodes = _count(entry, "episodes")
    if episodes == 0:
        raise ValueError("episodes is 0")
    return Rate(str(entry[name_key]), value, low, high, episodes)


def _text_effect(entry: Mapping[str, object]) -> TextEffect:
    changes = {key: _number(entry[key], key) for key in ("text_change", "noise_change")}
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
