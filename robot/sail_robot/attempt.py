"""An attempt on the arm, recorded as an episode to train from. Plain Python."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sail.errors import SailError
from sail.types import Episode, Source, UInt8
from sail_robot.end_effector import EndEffector


class AttemptError(SailError):
    """Attempts without a task's name or without a prompt."""


@dataclass
class Attempt:
    """Tell it what arrives, call `step` once every control step, and `episode` at the end.

    begun: in seconds. Frames and poses from before are ignored: they may show the table of another attempt.
    One of each a control step: frames, uint8 (H, W, 3) RGB; positions (3,) in metres and orientations (4,)
    x, y, z, w of the hand; openings of the gripper, 0 to 1.
    """

    end_effector: EndEffector
    task: str
    prompt: str
    seed: int
    source: Source = "self"
    begun: float = 0.0
    frames: list[UInt8] = field(default_factory=list)
    positions: list[Sequence[float]] = field(default_factory=list)
    orientations: list[Sequence[float]] = field(default_factory=list)
    openings: list[float] = field(default_factory=list)
    _frame: UInt8 | None = None
    _pose: tuple[Sequence[float], Sequence[float]] | None = None

    def see(self, frame: UInt8, taken: float) -> None:
        """A camera frame, uint8 (H, W, 3) RGB. taken: in seconds."""
        if taken >= self.begun:
            self._frame = frame

    def feel(self, position: Sequence[float], orientation: Sequence[float], taken: float) -> None:
        """The hand's pose, (3,) in metres and (4,) x, y, z, w. taken: in seconds."""
        felt = self.end_effector.proprioception(position, orientation, 0.0)
        if taken >= self.begun and np.isfinite(felt).all():
            self._pose = position, orientation

    def step(self, opening: float) -> None:
        """Record the newest frame and pose, if both are known. opening: of the gripper, 0 to 1."""
        if self._frame is not None and self._pose is not None:
            self.add(self._frame, *self._pose, opening)

    def add(
        self, frame: UInt8, position: Sequence[float], orientation: Sequence[float], opening: float
    ) -> None:
        """Record one control step."""
        self.frames.append(frame)
        self.positions.append(position)
        self.orientations.append(orientation)
        self.openings.append(opening)

    @property
    def enough(self) -> bool:
        """Whether the attempt is long enough to learn from: at least from one planned frame to the next."""
        return len(self.frames) > self.end_effector.embodiment.frame_skip

    def episode(self, success: bool, model: str, iteration: int) -> Episode:
        """The episode. model: identity of the planner or policy that acted.

        Its actions are what the hand did, not what the controller asked for: a command that the guard held
        back would teach that it has no effect.
        """
        hand = self.positions, self.orientations, self.openings
        return Episode(
            frames=np.stack(self.frames),
            proprioception=self.end_effector.proprioception(*hand),
            actions=self.end_effector.actions(*hand),
            success=success,
            prompt=self.prompt,
            task=self.task,
            seed=self.seed,
            iteration=iteration,
            source=self.source,
            model=model,
        )
