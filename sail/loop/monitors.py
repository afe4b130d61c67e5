"""The section "monitors" of results.json: how episodes came about, how much space the arm visited, and which
evaluation episodes were gained and lost."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from sail.embodiment import Embodiment
from sail.loop.results import Way
from sail.loop.rollout import Outcome
from sail.loop.run_folder import RunFolder

# The side of the cubes in which places are counted, in metres.
CUBE = 0.05


def explored(outcomes: Sequence[Outcome], ways: Sequence[Way], embodiment: Embodiment) -> dict[str, Any]:
    """Of one iteration's recorded episodes: for each way the number of episodes and of successes, and in how
    many cubes of 5 cm the end effector has been; None where nothing says where the end effector is."""
    tried = Counter(ways)
    succeeded = Counter(way for outcome, way in zip(outcomes, ways, strict=True) if outcome.success)
    position = embodiment.position
    places = [one.episode.proprioception[:, position] for one in outcomes if one.episode is not None]
    cubes = np.unique(np.floor(np.concatenate(places) / CUBE), axis=0) if position else None
    return {
        **{way: {"episodes": tried[way], "successes": succeeded[way]} for way in Way},
        "covered": None if cubes is None else len(cubes),
    }


def flips(before: Sequence[bool], after: Sequence[bool]) -> tuple[int, int]:
    """Gained and lost: how many of the same episodes succeed `after` only, and how many `before` only."""
    pairs = list(zip(before, after, strict=True))
    return sum(not old and new for old, new in pairs), sum(old and not new for old, new in pairs)


def monitored(folder: RunFolder, last: int) -> list[dict[str, Any]]:
    """One row an iteration: what was `explored`, and how many of the evaluation's episodes were gained and
    lost. An iteration without the values of a row has no row."""
    rows = []
    for iteration in range(1, last + 1):
        before, after = (
            folder.payload(f"evaluate_{k:03d}").get("succeeded", []) for k in (iteration - 1, iteration)
        )
        if folder.step_done(f"explored_{iteration:03d}") and before and after:
            gained, lost = flips(before, after)
            found = folder.payload(f"explored_{iteration:03d}")
            rows.append({"iteration": iteration, "gained": gained, "lost": lost, **found})
    return rows
