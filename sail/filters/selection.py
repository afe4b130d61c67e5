"""Which self-collected episodes teach the planner."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sail.config.schema import SHIPPED, HumanConfig, RunConfig, VlmConfig
from sail.data.store import EpisodeRecord, EpisodeStore
from sail.filters.human.labels import FILE
from sail.filters.human.server import ask_people
from sail.filters.vlm import judge
from sail.loop.run_folder import RunFolder
from sail.types import Episode, Float32, UInt8
from sail_models.networks.verifier import Judgement, Verifier
from sail_models.saving import find_base, load_model
from sail_models.spaces.text_encoder import TextEncoder

# What a verifier looks at: every few control steps; one frame alone may deceive it.
LOOK_EVERY, LASTING = 4, 2
# The n-th most of a run's changes is nearly the most, and no less than so many pixels.
NEARLY, LEAST_CHANGE = 3, 8.0
# By how much the log-odds rise from nothing changed to as far as ever, the share of that at which they stay
# what they are, and the share from which on they rise no more.
PULL, EVEN, MOST = 8.0, 0.6, 1.1


class FilterResult(NamedTuple):
    """For each episode, in the order given: does it teach, and why or why not; ends: up to which control step
    (all of it where None, or where there is no such list)."""

    mask: list[bool]
    reasons: list[str]
    ends: list[int | None] | None = None


class Filter(Protocol):
    """Decides which episodes teach."""

    def keep(self, store: EpisodeStore, episodes: Sequence[EpisodeRecord]) -> FilterResult:
        """One verdict and one reason for each episode. Raises SailError where it cannot decide."""
        ...


class OracleFilter:
    """Keeps what the environment's own flag calls a success, as in the paper's main experiments."""

    def keep(self, store: EpisodeStore, episodes: Sequence[EpisodeRecord]) -> FilterResult:
        """One verdict and one reason for each episode."""
        mask = [episode.success for episode in episodes]
        return FilterResult(mask, ["success" if kept else "no success" for kept in mask])


class NoFilter:
    """Keeps everything, failures too, as in the paper's experiments without a filter."""

    def keep(self, store: EpisodeStore, episodes: Sequence[EpisodeRecord]) -> FilterResult:
        """One verdict and one reason for each episode."""
        return FilterResult([True] * len(episodes), ["not filtered"] * len(episodes))


class VerifierFilter:
    """Keeps what a learned verifier sees done at some time, up to then, from frames and the prompt alone."""

    def __init__(self, verifier: Verifier, threshold: float) -> None:
        self.verifier, self.threshold, self.text = verifier, threshold, TextEncoder()

    def keep(self, store: EpisodeStore, episodes: Sequence[EpisodeRecord]) -> FilterResult:
        """One verdict and one reason for each episode."""
        mask, reasons, ends = [], [], []
        for episode, done in zip(episodes, self.certainties(store, episodes), strict=True):
            sure = np.flatnonzero(done > self.threshold)
            mask.append(len(sure) > 0)
            reasons.append(f"{done.max():.0%} sure that it is done")
            ends.append(looks_at(episode)[-len(done) :][sure[0]] if len(sure) else None)
        return FilterResult(mask, reasons, ends)

    def certainties(self, store: EpisodeStore, episodes: Sequence[EpisodeRecord]) -> list[Float32]:
        """For each episode, how probable it is that the task is done, over `LASTING` looks one after another:
        float32 (N,) each. What an episode changed is compared with what the run's others have up to then."""
        last = max((episode.iteration for episode in episodes), default=0)
        others = [other for other in store.records(source="self") if other.iteration <= last]
        judged = {
            one.id: self.judge(store.read_clip(one.id, looks_at(one)), one.prompt)
            for one in {other.id: other for other in (*others, *episodes)}.values()
        }
        far = furthest(list(judged.values()))
        return [certainty(judged[episode.id], far) for episode in episodes]

    def judge(self, frames: UInt8, prompt: str) -> Judgement:
        """What the verifier sees at an episode's looks (N, H, W, 3)."""
        return self.verifier.judge(frames, self.text([prompt]))


def looks_at(episode: EpisodeRecord) -> list[int]:
    """The control steps at which a verifier looks."""
    return [*range(0, episode.length, LOOK_EVERY), episode.length]


def furthest(judged: Sequence[Judgement]) -> float:
    """How many pixels nearly the most changed of these episodes changed, lastingly."""
    changes = sorted(float(lasting(one.changed).max()) for one in judged if one.changed is not None)
    return max([LEAST_CHANGE, *changes[-NEARLY:][:1]])


def certainty(judged: Judgement, far: float) -> Float32:
    """How probable it is that the task is done, over `LASTING` looks: by what the verifier sees, and because
    most tasks are done where their thing has been moved about as `far` as it goes."""
    log_odds = judged.log_odds
    if judged.changed is not None:
        share = np.minimum(judged.changed / far, MOST)
        log_odds = log_odds + PULL * (share - EVEN).astype(np.float32)
    return lasting(1.0 / (1.0 + np.exp(-log_odds)))


def lasting(values: NDArray[Any]) -> Float32:
    """Of values (N,) at looks one after another, the means (N - LASTING + 1,) over `LASTING` of them, or one
    over all where there are fewer."""
    windows = np.lib.stride_tricks.sliding_window_view(values, min(LASTING, len(values)))
    return np.asarray(windows.mean(1), np.float32)


class VlmFilter:
    """Keeps what a vision-language model calls done, from a few frames and the prompt, as in the paper's
    experiments without an oracle."""

    def __init__(self, config: VlmConfig) -> None:
        self.config = config

    def keep(self, store: EpisodeStore, episodes: Sequence[EpisodeRecord]) -> FilterResult:
        """One verdict and one reason for each episode. Raises EndpointError where nobody answers."""
        verdicts = []
        for episode in episodes:
            shown = np.linspace(0, episode.length, self.config.frames).round().astype(np.int64)
            verdicts.append(judge(self.config, store.read_clip(episode.id, shown), episode.prompt))
        return FilterResult([one.success for one in verdicts], [one.reason for one in verdicts])


class HumanFilter:
    """Keeps what people call a success; a skipped episode teaches nothing. Labels lie beside the episodes, so
    that nobody is asked twice."""

    def __init__(self, config: HumanConfig) -> None:
        self.config = config

    def keep(self, store: EpisodeStore, episodes: Sequence[EpisodeRecord]) -> FilterResult:
        """One verdict and one reason for each episode. Raises LabelsError."""
        labels = ask_people(store, episodes, store.folder / FILE, self.config.port, _tell)
        said = [labels[episode.id] for episode in episodes]
        return FilterResult([label == "success" for label in said], [f"labelled {label}" for label in said])


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def find_filter(config: RunConfig) -> Filter:
    """The filter that a configuration names."""
    if config.filter == "human":
        return HumanFilter(config.human)
    if config.filter == "verifier":
        shipped = config.verifier.path == SHIPPED
        folder = find_base(config.base, "verifier") / "verifier" if shipped else Path(config.verifier.path)
        return VerifierFilter(load_model(folder, "verifier"), config.verifier.threshold)
    if config.filter == "vlm":
        return VlmFilter(config.vlm)
    return OracleFilter() if config.filter == "oracle" else NoFilter()


def kept_of(config: RunConfig, folder: RunFolder, store: EpisodeStore, iteration: int) -> list[EpisodeRecord]:
    """The episodes of one iteration that teach, judged once: a judge may be slow, and may change its mind."""
    step = f"filter_{iteration:03d}"
    records = store.records(source="self", iteration=iteration)
    if not folder.step_done(step):
        result = find_filter(config).keep(store, records)
        ends = result.ends or [None] * len(records)
        judged = zip(records, result.mask, result.reasons, ends, strict=True)
        folder.finish(
            step,
            {one.id: {"kept": kept, "reason": reason, "end": end} for one, kept, reason, end in judged},
        )
    verdicts = folder.payload(step)
    return [record for record in records if verdicts[record.id]["kept"]]


def read_kept(folder: RunFolder, store: EpisodeStore, records: Sequence[EpisodeRecord]) -> list[Episode]:
    """Episodes that were kept, each up to where its filter saw the task done."""
    episodes = []
    for record in records:
        episode = store.read(record.id)
        end = folder.payload(f"filter_{record.iteration:03d}")[record.id].get("end")
        if end is not None:
            frames, arm = episode.frames[: end + 1], episode.proprioception[: end + 1]
            episode = replace(episode, frames=frames, proprioception=arm, actions=episode.actions[:end])
        episodes.append(episode)
    return episodes


def quality(folder: RunFolder, store: EpisodeStore, iterations: int) -> list[dict[str, Any]]:
    """How well the filter separated, one row an iteration: the successes and failures that there were, and
    how many of each were kept; what of the kept is success (precision), and how much of the success was kept
    (recall), None of nothing."""
    rows: list[dict[str, Any]] = []
    for iteration in range(1, iterations + 1):
        verdicts = folder.payload(f"filter_{iteration:03d}")
        there = store.records(source="self", iteration=iteration)
        kept = [record for record in there if verdicts[record.id]["kept"]]
        right, all_right = (sum(record.success for record in some) for some in (kept, there))
        rows.append(
            {
                "iteration": iteration,
                "collected": len(there),
                "successes": all_right,
                "kept": len(kept),
                "kept_successes": right,
                "precision": right / len(kept) if kept else None,
                "recall": right / all_right if all_right else None,
            }
        )
    return rows
