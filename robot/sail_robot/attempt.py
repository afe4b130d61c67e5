"""An attempt on the arm, recorded as an episode to train from. Plain Python."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sail.types import Episode, Float32, Source, UInt8
from sail_envs.panda.arm import STEP_LENGTH

# Control steps. An attempt of fewer shows too little to learn from.
FEWEST = 8


@dataclass
class Attempt:
    """Tell it what arrives, call `step` once every control step, and `episode` at the end.

    begun: in seconds. Frames and poses from before are ignored: they may show the table of another attempt.
    frames: uint8 (S, S, 3) RGB, one a control step. arms: proprioception float32 (4,), one a control step.
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
        """A camera frame, uint8 (S, S, 3) RGB. taken: in seconds."""
        if taken >= self.begun:
            self._frame = frame

    def feel(self, position: Sequence[float], taken: float) -> None:
        """The hand's position, (3,) in metres. taken: in seconds."""
        if taken >= self.begun:
            self._position = position

    def step(self, opening: float) -> None:
        """Record the newest frame and position, if both are known. opening: of the gripper, 0 to 1."""
        if self._frame is not None and self._position is not None:
            self.add(self._frame, np.array([*self._position, opening], np.float32))

    def add(self, frame: UInt8, arm: Float32) -> None:
        """Record a frame, uint8 (S, S, 3) RGB, and proprioception, float32 (4,)."""
        self.frames.append(frame)
        self.arms.append(arm)

    @property
    def enough(self) -> bool:
        """Whether the attempt is long enough to learn from."""
        return len(self.frames) > FEWEST

    def episode(self, success: bool, model: str, iteration: int) -> Episode:
        """The episode. model: identity of the planner or policy that acted.

        Its actions are what the hand did, not what the controller asked for: a command that the guard held
        back would teach that it has no effect.
        """
        arms = np.stack(self.arms)
        displacement = np.diff(arms[:, :3], axis=0) / STEP_LENGTH
        grip = 1.0 - 2.0 * arms[1:, 3:]
        return Episode(
            frames=np.stack(self.frames),
            proprioception=arms,
            actions=np.clip(np.concatenate([displacement, grip], axis=1), -1.0, 1.0).astype(np.float32),
            success=success,
            prompt=self.prompt,
            task=self.task,
            seed=self.seed,
            iteration=iteration,
            source=self.source,
            model=model,
        )
