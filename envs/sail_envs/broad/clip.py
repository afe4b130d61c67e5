"""A captioned clip of the broad corpus."""

from dataclasses import asdict, dataclass
from typing import Any

from sail.types import UInt8

# Frames are this many control steps apart.
STRIDE = 4


@dataclass(frozen=True)
class Thing:
    """An object in a scene. colour: its name, or "any" where it is repainted at random."""

    kind: str
    colour: str


@dataclass(frozen=True)
class Clip:
    """A captioned clip.

    frames: uint8 (N, size, size, 3), RGB, STRIDE control steps apart. scene, arm, motion: their names.
    things: the objects of the scene. named: the index of the one that is moved. caption: what the arm does.
    at: the middle of the named thing in the first frame, as shares of the frame from the left and from the
    top; None where that is unknown or out of sight.
    """

    frames: UInt8
    scene: str
    arm: str
    motion: str
    named: int
    things: tuple[Thing, ...]
    caption: str
    at: tuple[float, float] | None = None

    def row(self) -> dict[str, Any]:
        """Everything but the frames, for the manifest."""
        row = {name: value for name, value in vars(self).items() if name not in ("frames", "things")}
        return {**row, "things": [asdict(thing) for thing in self.things]}
