"""The controller's actions, one every control step: from plans (`Follower`) or from a policy (`Decider`).

A plan goes on from a camera frame, and its times count from that frame's. Planning takes a while, so some
planned frames are past when the plan arrives. Those are skipped, and the arm moves on without a break.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sail.embodiment import Embodiment
from sail.types import Float32, UInt8
from sail_models.interfaces import Acting, Deciding, check_prompts


def load_dynamics(base: str) -> tuple[Acting, Embodiment]:
    """The inverse dynamics of base weights and its embodiment. base: a shipped name, or a folder. Raises
    SailError."""
    from sail.loop.agent import load_base  # torch, not needed for an exported model

    agent = load_base(base)
    return agent.inverse_dynamics, agent.embodiment


def load_exported_dynamics(folder: str) -> tuple[Acting, Embodiment]:
    """The inverse dynamics that `sail export` wrote into a folder, on one thread, and its embodiment. Raises
    SailError."""
    from sail.export.runtime import ExportedInverseDynamics

    model = ExportedInverseDynamics(Path(folder), threads=1)
    return model, model.embodiment


def load_exported_policy(folder: str) -> tuple[Deciding, Embodiment]:
    """The policy that `sail export` wrote into a folder, on one thread, and its embodiment. Raises
    SailError."""
    from sail.export.runtime import ExportedPolicy

    policy = ExportedPolicy(Path(folder), threads=1)
    return policy, policy.embodiment


@dataclass(frozen=True)
class TimedPlan:
    """frames: uint8 (F, H, W, 3) RGB. made: when the camera's frame was taken that they go on from, in
    seconds."""

    frames: UInt8
    made: float


class ChunkPlayer:
    """Plays one chunk of actions after another, by the clock. seconds: of a control step."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.stop()

    def stop(self) -> None:
        """Drop the rest of the chunk."""
        self._chunk: Float32 | None = None
        self._begun = 0.0

    def act(self, now: float, next_chunk: Callable[[], Float32 | None]) -> Float32 | None:
        """The action for now, float32 (A,), or None where there is no chunk.

        next_chunk: makes the next chunk, float32 (K, A), when this one is over.
        """
        step = round((now - self._begun) / self._seconds)
        if self._chunk is None or not 0 <= step < len(self._chunk):
            self._chunk = next_chunk()
            if self._chunk is None:
                return None
            self._begun, step = now, 0
        action: Float32 = self._chunk[step]
        return action


class Follower:
    """Takes plans, and gives one action every control step, by inverse dynamics.

    seconds: of a control step. skip: control steps between two planned frames, as many as a chunk has
    actions. at_least: planned frames that are followed before a newer plan takes over. Two plans may do the
    task in two ways, and an arm that changes between them too often gets nowhere.
    """

    def __init__(self, inverse_dynamics: Acting, seconds: float, skip: int, at_least: int = 1) -> None:
        self._inverse_dynamics, self._seconds = inverse_dynamics, seconds
        self._skip, self._at_least = skip, at_least
        self._player = ChunkPlayer(seconds)
        self.forget(-np.inf)

    def forget(self, now: float) -> None:
        """Drop the plan, and refuse plans from frames taken before `now`."""
        self._since = now
        self._newest: TimedPlan | None = None
        self._plan: TimedPlan | None = None
        self._followed = 0
        self._player.stop()

    def take(self, plan: TimedPlan) -> None:
        """Follow this plan in its turn, if it is the newest."""
        if plan.made > (self._since if self._newest is None else self._newest.made):
            self._newest = plan

    def act(self, now: float, frame: UInt8, proprioception: Float32) -> Float32 | None:
        """The action for now, float32 (A,) in -1..1, or None where no planned frame is due.

        now: in seconds. frame: uint8 (H, W, 3) RGB. proprioception: float32 (P,).
        """

        def next_chunk() -> Float32 | None:
            goal = self._goal(now)
            if goal is None:
                return None
            return self._inverse_dynamics.act(frame[None], goal[None], proprioception[None])[0]

        return self._player.act(now, next_chunk)

    def _goal(self, now: float) -> UInt8 | None:
        """The planned frame to go to now, or None."""
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
    """Gives one action every control step, by a policy. seconds: of a control step. Raises PromptError for an
    empty prompt."""

    def __init__(self, policy: Deciding, prompt: str, seconds: float) -> None:
        self._policy, self._player, self._chunks = policy, ChunkPlayer(seconds), 0
        self.ask(prompt)

    def ask(self, prompt: str) -> None:
        """Use this prompt from the next chunk on. Raises PromptError."""
        check_prompts([prompt])
        self._prompt = prompt

    def forget(self, now: float) -> None:
        """Drop the chunk, because an attempt begins."""
        self._player.stop()

    def act(self, now: float, frame: UInt8, proprioception: Float32) -> Float32 | None:
        """The action for now, float32 (A,) in -1..1.

        now: in seconds. frame: uint8 (H, W, 3) RGB. proprioception: float32 (P,).
        """

        def next_chunk() -> Float32 | None:
            self._chunks += 1
            seen = frame[None], [self._prompt], proprioception[None]
            return self._policy.decide(*seen, [self._chunks])[0]

        return self._player.act(now, next_chunk)
