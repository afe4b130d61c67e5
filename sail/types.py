"""What every part of SAIL passes to the others: array types and the episode. Imports nothing of ours.

Conventions, said once and kept everywhere:

* frame: uint8, (H, W, 3), RGB, 0..255, the right way up.
* proprioception: float32, (P,), in the units that the embodiment says (`sail.embodiment`). MetaWorld's and
  the table top's is the end effector's x, y, z in metres (world frame), and the gripper's opening, 0..1.
* action: float32, (A,), -1..1, each number scaled by its range in the embodiment. MetaWorld's and the table
  top's is the end effector's displacement x, y, z (1 is 10 mm a control step), and the gripper's effort (-1
  opens, +1 closes). The embodiment says which number is what.
* action chunk: float32, (K, A): K actions for K consecutive control steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
Float32 = NDArray[np.float32]

Source = Literal["expert", "random", "play", "self", "teleop"]
SOURCES: tuple[Source, ...] = ("expert", "random", "play", "self", "teleop")


@dataclass(frozen=True)
class Episode:
    """One attempt at a task, recorded at every control step.

    frames: uint8 (T+1, H, W, 3) RGB. proprioception: float32 (T+1, P). actions: float32 (T, A).
    success: the environment's flag was true at any step. model: identity (SHA-256 prefix) of the
    planner or policy that acted, or "" where neither did.
    """

    frames: UInt8
    proprioception: Float32
    actions: Float32
    success: bool
    prompt: str
    task: str
    seed: int
    iteration: int
    source: Source
    model: str = ""

    def __len__(self) -> int:
        """Number of control steps T."""
        return len(self.actions)


class Progress(Protocol):
    """What long work tells whoever watches it."""

    def stage(self, name: str, total: int, done: int = 0) -> None:
        """The stage `name` of `total` units (episodes, steps) begins; `done` of them are done already."""
        ...

    def advance(self, n: int = 1) -> None:
        """`n` more units of the stage are done."""
        ...

    def iteration(self, row: Mapping[str, Any]) -> None:
        """An iteration is finished. row: an entry of "iterations" in results.json."""
        ...


class Unwatched:
    """A `Progress` that nobody watches."""

    def stage(self, name: str, total: int, done: int = 0) -> None:
        """See `Progress`."""

    def advance(self, n: int = 1) -> None:
        """See `Progress`."""

    def iteration(self, row: Mapping[str, Any]) -> None:
        """See `Progress`."""
