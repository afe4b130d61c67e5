"""The protocol of a simulated task, which `sail_envs.environment` makes a Gymnasium environment of."""

from collections.abc import Collection
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sail.types import Float32, UInt8

# How an episode stands. Most simulations say "failure" and not why; the table top says whether another object
# was moved, or none. An episode's first success or wrong object counts.
Ending = Literal["success", "wrong_object", "no_motion", "failure"]


class Simulation(Protocol):
    """One task, simulated. A class of its own inherits from this one, and from it what it does not offer.

    cameras: the names of the cameras, the suite's own first.
    """

    @property
    def cameras(self) -> Collection[str]: ...

    def reset(self, seed: int) -> None:
        """Begin an episode. The same seed gives the same episode to the byte."""
        ...

    def step(self, action: Float32) -> float:
        """One control step: action float32 (A,) in -1..1; returns the reward."""
        ...

    def outcome(self) -> Ending:
        """How the episode stands now."""
        ...

    def proprioception(self) -> Float32:
        """The numbers that the embodiment names, in its units: float32 (P,)."""
        ...

    def frame(self, camera: str, height: int, width: int) -> UInt8:
        """What a camera sees now: uint8 (height, width, 3) RGB, the right way up."""
        ...

    def arm_mask(self, camera: str, height: int, width: int) -> UInt8:
        """The arm's share of each pixel of that frame: uint8 (height, width), 255 where all of it is arm.
        Nothing is, where the simulation cannot tell."""
        return np.zeros((height, width), np.uint8)

    def things(self) -> NDArray[Any]:
        """The places of the things to touch: float64 (N, 3), metres; none where there are none to tell."""
        return np.zeros((0, 3))

    def state(self) -> NDArray[Any]:
        """The state that scripted experts read: float64, in the simulation's own order."""
        return np.zeros(0)
