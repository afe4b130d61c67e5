"""Which filter judges, and which self-collected episodes teach by its verdicts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sail.config.schema import RunConfig
from sail.data.store import EpisodeRecord, EpisodeStore
from sail.filters.filter import Filter
from sail.filters.human.human_filter import HumanFilter
from sail.filters.no_filter import NoFilter
from sail.filters.oracle import OracleFilter
from sail.filters.verifier_filter import load_verifier_filter
from sail.filters.vlm import VlmFilter
from sail.loop.results import Filtered
from sail.loop.run_folder import RunFolder
from sail.types import Episode

FILTERS: Mapping[str, Callable[[RunConfig], Filter]] = {
    "oracle": lambda config: OracleFilter(),
    "none": lambda config: NoFilter(),
    "verifier": load_verifier_filter,
    "vlm": lambda config: VlmFilter(config.vlm),
    "human": lambda config: HumanFilter(config.human),
}


def find_filter(config: RunConfig) -> Filter:
    """The filter that a configuration names. Raises WeightsError where a verifier lacks its weights."""
    return FILTERS[config.filter](config)


def kept_of(config: RunConfig, folder: RunFolder, store: EpisodeStore, iteration: int) -> list[EpisodeRecord]:
    """The episodes of one iteration that teach. The filter judges once, and the verdicts stay in the run
    folder: a filter may be slow, or say something else the second time."""
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
    """Kept episodes, each up to the control step at which its filter saw the task done."""
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
    """The section "filter" of results.json: one row an iteration, of how well the filter told successes from
    failures by the environment's own flag."""
    rows = []
    for iteration in range(1, iterations + 1):
        verdicts = folder.payload(f"filter_{iteration:03d}")
        there = store.records(source="self", iteration=iteration)
        kept = [record for record in there if verdicts[record.id]["kept"]]
        right, all_right = (sum(record.success for record in some) for some in (kept, there))
        rows.append(Filtered(iteration, len(there), all_right, len(kept), right).as_json())
    return rows
