"""Planning in a thread of its own, always from the newest frame and with the newest planner."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sail.embodiment import Embodiment
from sail.errors import SailError
from sail.types import UInt8
from sail_models.interfaces import Planning, Sampling


@dataclass(frozen=True)
class FinishedPlan:
    """A plan, ready to send.

    frames: uint8 (F, H, W, 3) RGB. made: time in seconds of the camera frame that the plan starts from.
    score: see `Plan.motion`; near 0 the planner imagines standstill. model: the planner's identity. seconds:
    how long planning took."""

    frames: UInt8
    made: float
    score: float
    model: str
    seconds: float


@dataclass(frozen=True)
class LoadedPlanner:
    """A planner and how it draws plans. identity: of its weights. embodiment: what they were trained for."""

    planner: Planning
    sampling: Sampling
    identity: str
    embodiment: Embodiment


def load_planner(preset: str, overrides: list[str], checkpoint: str) -> LoadedPlanner:
    """The planner of a preset with overrides, as for `sail run`. Raises SailError.

    checkpoint: a run's folder checkpoints/iteration_NNN, or "" for the base weights.
    """
    from sail.config.resolution import load_config
    from sail.loop.agent import (  # torch, not needed for an exported planner
        load_agent,
        sampling_of,
        with_checkpoint,
    )

    config = load_config(preset, None, overrides)
    agent = load_agent(config)
    if checkpoint:
        agent = with_checkpoint(agent, Path(checkpoint))
    return LoadedPlanner(agent.video_planner, sampling_of(config), agent.identity, agent.embodiment)


def load_exported_planner(folder: str, threads: int) -> LoadedPlanner:
    """The planner that `sail export` wrote into a folder. threads: of its computation. Raises SailError."""
    from sail.export.runtime import ExportedPlanner

    planner = ExportedPlanner(Path(folder), threads=threads, batch=1)
    return LoadedPlanner(planner, planner.sampling, planner.identity, planner.embodiment)


class PlanningThread:
    """Plans from the newest frame that `see` was given, for the newest prompt.

    on_plan: called from the thread with every plan. on_failure: called from the thread with one line where a
    plan could not be made. clock: in seconds, to measure how long planning takes. seed: of the plans' noise.
    """

    def __init__(
        self,
        planner: LoadedPlanner,
        on_plan: Callable[[FinishedPlan], None],
        on_failure: Callable[[str], None],
        clock: Callable[[], float],
        seed: int = 0,
    ) -> None:
        self._on_plan, self._on_failure, self._clock = on_plan, on_failure, clock
        self._rng = np.random.default_rng(seed)
        self._changed = threading.Condition()
        self._planner = planner
        self._frame: tuple[UInt8, float] | None = None
        self._prompt = ""
        self._running = True
        self._thread = threading.Thread(target=self._work, name="planning", daemon=True)
        self._thread.start()

    def see(self, frame: UInt8, made: float) -> None:
        """Plan from this camera frame, uint8 (H, W, 3) RGB. made: when it was taken, in seconds."""
        with self._changed:
            self._frame = frame, made
            self._changed.notify()

    def ask(self, prompt: str) -> None:
        """Use this prompt from the next plan on."""
        with self._changed:
            self._prompt = prompt

    def use(self, planner: LoadedPlanner) -> None:
        """Use another planner from the next plan on."""
        with self._changed:
            self._planner = planner

    def stop(self) -> None:
        """End the thread, and drop the plan in work."""
        with self._changed:
            self._running = False
            self._changed.notify()
        self._thread.join(timeout=10.0)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: not self._running or (self._frame is not None and self._prompt)
                )
                if not self._running:
                    return
                assert self._frame is not None
                (frame, made), self._frame = self._frame, None
                prompt, planner = self._prompt, self._planner
            try:
                plan = self._plan(planner, frame, made, prompt)
            except SailError as error:
                self._on_failure(str(error))
                continue
            with self._changed:
                # The prompt or the planner has changed meanwhile: this plan is not to be followed.
                stale = not self._running or prompt != self._prompt or planner is not self._planner
            if not stale:
                self._on_plan(plan)

    def _plan(self, planner: LoadedPlanner, frame: UInt8, made: float, prompt: str) -> FinishedPlan:
        begun = self._clock()
        seed = int(self._rng.integers(2**62))
        plan = planner.planner.plan(frame[None], [prompt], [seed], planner.sampling)
        score = float(plan.motion[0])
        return FinishedPlan(plan.frames[0], made, score, planner.identity, self._clock() - begun)
