"""An attempt on the arm, as the episode that the loop trains from. Plain Python."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sail.types import Episode, Float32, Source, UInt8
from sail_envs.panda.arm import STEP_LENGTH

# An attempt with fewer control steps than that has shown nothing.
FEWEST = 8


@dataclass
class Attempt:
    """Tell it what comes, and `step` once every control step; `episode` makes an Episode of it.

    begun: the time in seconds from which on it counts: a picture taken before may be of another table.
    """

    task: str
    prompt: str
    seed: int
    source: Source = "self"
    frames: list[UInt8] = field(default_factory=list)
    arms: list[Float32] = field(default_factory=list)
    begun: float = 0.0
    _frame: UInt8 | None = None
    _position: Sequence[float] | None = None

    def see(self, frame: UInt8, taken: float) -> None:
        """A camera frame uint8 (S, S, 3), and when it was taken."""
        if taken >= self.begun:
            self._frame = frame

    def feel(self, position: Sequence[float], taken: float) -> None:
        """Where the hand is, three metres, and since when."""
        if taken >= self.begun:
            self._position = position

    def step(self, opening: float) -> None:
        """Record what is known now, once frame and hand are. opening: the gripper's, 0 to 1."""
        if self._frame is not None and self._position is not None:
            self.add(self._frame, np.array([*self._position, opening], np.float32))

    def add(self, frame: UInt8, arm: Float32) -> None:
        """A frame uint8 (S, S, 3) and proprioception float32 (4,)."""
        self.frames.append(frame)
        self.arms.append(arm)

    @property
    def enough(self) -> bool:
        """Whether there is anything to learn from."""
        return len(self.frames) > FEWEST

    def episode(self, success: bool, model: str, iteration: int) -> Episode:
        """What was done. Actions are what the hand did, whoever commanded it: what was asked for and not
        let through would teach that nothing comes of it."""
        arms = np.stack(self.arms)
        moved = np.diff(arms[:, :3], axis=0) / STEP_LENGTH
        grip = 1.0 - 2.0 * arms[1:, 3:]
        return Episode(
            frames=np.stack(self.frames),
            proprioception=arms,
            actions=np.clip(np.concatenate([moved, grip], axis=1), -1.0, 1.0).astype(np.float32),
            success=success,
            prompt=self.prompt,
            task=self.task,
            seed=self.seed,
            iteration=iteration,
            source=self.source,
            model=model,
        )
