"""Sizes of networks that follow from the embodiment: an arm's numbers, and levels from the frame."""

from collections.abc import Sequence
from typing import Any, Literal

from sail.embodiment import Embodiment

Preset = Literal["compact", "wide"]
# Places of the coarsest level: at most 6×6. A picture of 64 pixels a side ends at 4×4, one of 96 at 6×6.
MOST_PLACES = 36


def arm_sizes(embodiment: Embodiment) -> dict[str, Any]:
    """The part of a configuration of inverse dynamics or of a policy that follows from the embodiment."""
    return {
        "ranges": tuple((one.low, one.high) for one in embodiment.proprioception),
        "height": embodiment.height,
        "width": embodiment.width,
        "actions": len(embodiment.actions),
        "chunk": embodiment.frame_skip,
    }


def halvings(height: int, width: int) -> int:
    """How often a picture is halved, until at most MOST_PLACES places are left."""
    count = 0
    while height * width > MOST_PLACES:
        height, width, count = -(-height // 2), -(-width // 2), count + 1
    return count


def with_finer(widths: Sequence[int], levels: int, least: int) -> tuple[int, ...]:
    """Widths from fine to coarse, with finer levels before them until there are `levels`.

    A level is half as wide as the next coarser one and at least `least` wide: with four times the places it
    then costs about as much.
    """
    while len(widths) < levels:
        widths = (max(least, widths[0] // 2), *widths)
    return tuple(widths)
