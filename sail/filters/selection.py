"""Which filter judges, and which self-collected episodes teach by its verdicts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from sail.config.registry import FILTERS
from sail.config.schema import RunConfig
from sail.data.store import EpisodeRecord, EpisodeStore
from sail.filters.filter import Filter, FilterError
from sail.loop.results import Filtered
from sail.loop.run_folder import RunFolder
from sail.types import Episode


def find_filter(config: RunConfig) -> Filter:
    """The filter that a configuration names. Raises PlugInError, FilterError, and WeightsError where a
    verifier lacks its weights."""
    with FILTERS.blamed(config.filter):
        made = FILTERS.find(config.filter)(config)
    if not callable(getattr(made, "keep", None)) or not isinstance(getattr(made, "knows_truth", None), bool):
        raise FilterError(
            f"{config.filter} makes no filter: return an object with knows_truth (a bool) and "
            "keep(store, episodes)"
        )
    return cast(Filter, made)


def judge_of(judge: Filter) -> dict[str, str]:
    """The identity of a filter that has one, a network's for example; else nothing."""
    identity = getattr(judge, "identity", None)
    return {"filter": identity} if isinstance(identity, str) else {}


def kept_of(config: RunConfig, folder: RunFolder, store: EpisodeStore, iteration: int) -> list[EpisodeRecord]:
    """The episodes of one iteration that teach. The filter judges once, and the verdicts stay in the run
    folder: a filter may be slow, or say something else the second time."""
    step = f"filter_{iteration:03d}"
    records = store.records(source="self", iteration=iteration)
    if not folder.step_done(step):
        judge = find_filter(config)
        with FILTERS.blamed(config.filter):
            result = judge.keep(store, records)
            ends = result.ends or [None] * len(records)
        counts = {len(records), len(result.mask), len(result.reasons), len(ends)}
        if len(counts) > 1:
            raise FilterError(
                f"filter {config.filter} gave {len(result.mask)} verdicts, {len(result.reasons)} reasons and "
                f"{len(ends)} ends for {len(records)} episodes: give one of each an episode"
            )
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
