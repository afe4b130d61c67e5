"""The planner's worker: plans in a thread of its own, always from the newest frame, with the newest model."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sail.embodiment import Embodiment, read_embodiment
from sail.errors import SailError
from sail.types import UInt8
from sail_models.interfaces import Planning, Sampling


@dataclass(frozen=True)
class Planned:
    """frames: uint8 (F, S, S, 3). made: time in seconds of the frame that they go on from. score: how much
    moves in them, as a share of what moved in the planner's training; near 0 it imagines standstill. model:
    identity of the planner. seconds: what planning took."""

    frames: UInt8
    made: float
    score: float
    model: str
    seconds: float


@dataclass(frozen=True)
class Model:
    """Everything that plans. identity: of the planner's weights. embodiment: what they know."""

    planner: Planning
    sampling: Sampling
    identity: str
    embodiment: Embodiment


def load_model(preset: str, overrides: list[str], checkpoint: str) -> Model:
    """What a preset and overrides name (as for `sail run`), with a run's checkpoint if one is given. Raises
    SailError."""
    from sail.config.resolution import load_config
    from sail.loop.agent import (  # torch, which an exported one is without
        load_agent,
        sampling_of,
        with_checkpoint,
    )
    from sail_models.saving import find_base

    config = load_config(preset, None, overrides)
    embodiment = read_embodiment(find_base(config.base))
    agent = load_agent(config)
    if checkpoint:
        agent = with_checkpoint(agent, Path(checkpoint))
    return Model(agent.video_planner, sampling_of(config), agent.identity, embodiment)


def load_exported(folder: str, threads: int) -> Model:
    """The planner that `sail export` wrote into a folder. Raises SailError."""
    from sail.export.runtime import ExportedPlanner

    planner = ExportedPlanner(Path(folder), threads=threads, batch=1)
    return Model(planner, planner.sampling, planner.identity, planner.embodiment)


class PlanningThread:
    """Call `see` with frames; `planned` is called from the thread with every plan, `failed` with one line if
    planning cannot go on as it is. clock: seconds, for how long it takes."""

    def __init__(
        self,
        model: Model,
        planned: Callable[[Planned], None],
        failed: Callable[[str], None],
        clock: Callable[[], float],
        seed: int = 0,
    ) -> None:
        self._planned, self._failed, self._clock = planned, failed, clock
        self._rng = np.random.default_rng(seed)
        self._changed = threading.Condition()
        self._model = model
        self._frame: tuple[UInt8, float] | None = None
        self._prompt = ""
        self._running = True
        self._thread = threading.Thread(target=self._work, name="planning", daemon=True)
        self._thread.start()

    def see(self, frame: UInt8, made: float) -> None:
        """A camera frame, uint8 (S, S, 3), and the time at which it was taken."""
        with self._changed:
            self._frame = frame, made
            self._changed.notify()

    def ask(self, prompt: str) -> None:
        """Plan for this prompt from now on."""
        with self._changed:
            self._prompt = prompt

    def use(self, model: Model) -> None:
        """Plan with another model from the next plan on."""
        with self._changed:
            self._model = model

    def stop(self) -> None:
        """End the thread; a plan that is being made is dropped."""
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
                prompt, model = self._prompt, self._model
            try:
                planned = self._plan(model, frame, made, prompt)
            except SailError as error:
                self._failed(str(error))
                continue
            with self._changed:
                # Asked for something else meanwhile, or of a model that was replaced: not to be followed.
                stale = not self._running or prompt != self._prompt or model is not self._model
            if not stale:
                self._planned(planned)

    def _plan(self, model: Model, frame: UInt8, made: float, prompt: str) -> Planned:
        begun = self._clock()
        seed = int(self._rng.integers(2**62))
        plan = model.planner.plan(frame[None], [prompt], [seed], model.sampling)
        score = float(plan.moved[0])
        return Planned(plan.frames[0], made, score, model.identity, self._clock() - begun)
