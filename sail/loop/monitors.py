"""Monitors of a loop: how its successes came about, how widely it explored, what it forgot."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from sail.loop.exploration import Way
from sail.loop.rollout import Outcome

# The side of the cubes in which places are counted, in metres.
CUBE = 0.05


def explored(outcomes: Sequence[Outcome], ways: Sequence[Way]) -> dict[str, Any]:
    """Of one iteration's recorded episodes: how many of each way there were, how many of those succeeded, and
    in how many cubes of 5 cm the end effector has been (the spread of what was reached)."""
    tried = Counter(ways)
    succeeded = Counter(way for outcome, way in zip(outcomes, ways, strict=True) if outcome.success)
    places = [outcome.episode.proprioception[:, :3] for outcome in outcomes if outcome.episode is not None]
    cubes = np.unique(np.floor(np.concatenate(places) / CUBE), axis=0)
    return {
        **{way: {"episodes": tried[way], "successes": succeeded[way]} for way in Way},
        "covered": len(cubes),
    }


def flips(before: Sequence[bool], after: Sequence[bool]) -> tuple[int, int]:
    """How many of the same episodes succeed now and did not before, and how many no longer do."""
    pairs = list(zip(before, after, strict=True))
    return sum(not old and new for old, new in pairs), sum(old and not new for old, new in pairs)
