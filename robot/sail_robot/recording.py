"""An attempt on the arm, as the episode that the loop trains from. Plain Python."""

from dataclasses import dataclass, field

import numpy as np

from sail.types import Episode, Float32, Source, UInt8
from sail_envs.panda.arm import STEP_LENGTH

# An attempt with fewer control steps than that has shown nothing.
FEWEST = 8


@dataclass
class Attempt:
    """Add what there is once every control step; `episode` makes an Episode of it."""

    task: str
    prompt: str
    seed: int
    source: Source = "self"
    frames: list[UInt8] = field(default_factory=list)
    arms: list[Float32] = field(default_factory=list)

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
