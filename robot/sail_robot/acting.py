"""What the controller does at its rate: it follows the newest plan with inverse dynamics, by the clock.

A plan is made for the time at which its first frame was taken. When it arrives some of its frames are past
already; those are skipped, so that the arm goes on without a break where one plan replaces another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sail.embodiment import Embodiment, read_embodiment
from sail.types import Float32, UInt8
from sail_models.interfaces import Acting, Deciding, check_prompts


def load_dynamics(base: str) -> tuple[Acting, Embodiment]:
    """Those of base weights, a shipped name or a folder. Raises SailError."""
    from sail.loop.agent import load_base  # torch, which an exported model is without
    from sail_models.saving import find_base

    embodiment = read_embodiment(find_base(base))
    return load_base(base).inverse_dynamics, embodiment


def load_exported_dynamics(folder: str) -> tuple[Acting, Embodiment]:
    """Those that `sail export` wrote into a folder, on one thread. Raises SailError."""
    from sail.export.runtime import ExportedInverseDynamics

    model = ExportedInverseDynamics(Path(folder), threads=1)
    return model, model.embodiment


def load_exported_policy(folder: str) -> tuple[Deciding, Embodiment]:
    """What `sail export` wrote into a folder, on one thread. Raises SailError."""
    from sail.export.policy_runtime import ExportedPolicy

    policy = ExportedPolicy(Path(folder), threads=1)
    return policy, policy.embodiment


@dataclass(frozen=True)
class TimedPlan:
    """frames: uint8 (F, S, S, 3). made: the time in seconds of the camera's frame that they go on from."""

    frames: UInt8
    made: float


class Playing:
    """One chunk of actions after another, by the clock. seconds: of a control step."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.stop()

    def stop(self) -> None:
        """Drop what is left of a chunk."""
        self._chunk: Float32 | None = None
        self._begun = 0.0

    def act(self, now: float, next_chunk: Callable[[], Float32 | None]) -> Float32 | None:
        """The action for now, float32 (4,), of the next chunk (K, 4) where this one is over; None where there
        is none."""
        step = round((now - self._begun) / self._seconds)
        if self._chunk is None or not 0 <= step < len(self._chunk):
            self._chunk = next_chunk()
            if self._chunk is None:
                return None
            self._begun, step = now, 0
        action: Float32 = self._chunk[step]
        return action


class Follower:
    """Feed it plans; ask it for one action every control step.

    seconds: of a control step. skip: control steps between two planned frames, as many as a chunk has
    actions. at_least: planned frames that are followed before a newer plan takes over: plans differ in how
    they do a thing, and an arm that changes its mind too often does nothing.
    """

    def __init__(self, inverse_dynamics: Acting, seconds: float, skip: int, at_least: int = 1) -> None:
        self._inverse_dynamics, self._seconds = inverse_dynamics, seconds
        self._skip, self._at_least = skip, at_least
        self._playing = Playing(seconds)
        self.forget(-np.inf)

    def forget(self, now: float) -> None:
        """Drop the plan, and refuse those that were made before `now`."""
        self._since = now
        self._newest: TimedPlan | None = None
        self._plan: TimedPlan | None = None
        self._followed = 0
        self._playing.stop()

    def take(self, plan: TimedPlan) -> None:
        """Follow this plan in its turn, if it is newer than all others."""
        if plan.made > (self._since if self._newest is None else self._newest.made):
            self._newest = plan

    def act(self, now: float, frame: UInt8, proprioception: Float32) -> Float32 | None:
        """The action for now, float32 (4,); None where no plan says what to do.

        frame: uint8 (S, S, 3). proprioception: float32 (4,).
        """

        def next_chunk() -> Float32 | None:
            goal = self._goal(now)
            if goal is None:
                return None
            return self._inverse_dynamics.act(frame[None], goal[None], proprioception[None])[0]

        return self._playing.act(now, next_chunk)

    def _goal(self, now: float) -> UInt8 | None:
        """The planned frame that is due when the next chunk has been made."""
        if self._plan is None or self._followed >= self._at_least or self._due(self._plan, now) is None:
            self._plan, self._followed = self._newest, 0
        if self._plan is None:
            return None
        self._followed += 1
        return self._due(self._plan, now)

    def _due(self, plan: TimedPlan, now: float) -> UInt8 | None:
        ahead = round((now - plan.made) / (self._seconds * self._skip))
        if not 0 <= ahead < len(plan.frames):
            return None
        frame: UInt8 = plan.frames[ahead]
        return frame


class Decider:
    """Ask it for one action every control step. seconds: of a control step. Raises PromptError for an empty
    prompt."""

    def __init__(self, policy: Deciding, prompt: str, seconds: float) -> None:
        self._policy, self._playing, self._chunks = policy, Playing(seconds), 0
        self.ask(prompt)

    def ask(self, prompt: str) -> None:
        """Do this from the next chunk on. Raises PromptError."""
        check_prompts([prompt])
        self._prompt = prompt

    def forget(self, now: float) -> None:
        """Decide anew: an attempt begins."""
        self._playing.stop()

    def act(self, now: float, frame: UInt8, proprioception: Float32) -> Float32 | None:
        """The action for now, float32 (4,). frame: uint8 (S, S, 3). proprioception: float32 (4,)."""

        def next_chunk() -> Float32 | None:
            self._chunks += 1
            seen = frame[None], [self._prompt], proprioception[None]
            return self._policy.decide(*seen, [self._chunks])[0]

        return self._playing.act(now, next_chunk)
