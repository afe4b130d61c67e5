"""One table of what planning costs: eager and exported, by stage and batch, in one run."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from sail.export.graphs import DecodeGraph, PlanGraph
from sail.export.measure import Ceiling, Timing, ceiling, memory, operations, timings
from sail.export.runtime import ExportedInverseDynamics, ExportedPlanner
from sail.export.scenes import Scenes
from sail.export.write import Source
from sail.types import PROPRIOCEPTION_SIZE
from sail_models import text
from sail_models.planner import VideoPlanner

Stages = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Row:
    """One engine at one batch. stages: "text" (one prompt, not known yet), "draw" (encoding and all denoising
    steps), "decode", "dynamics", and "plan", the whole of a call. memory: bytes that loading it and a first
    plan took. operations: floating-point operations of a plan. share: of what the machine can do, at the
    median; bits count for nothing there."""

    engine: str
    batch: int
    stages: dict[str, Timing]
    memory: int
    operations: int
    share: float


def bench(
    source: Source,
    folders: Sequence[Path],
    scenes: Scenes,
    batches: Sequence[int],
    rounds: int,
    report: Callable[[str], None] = lambda stage: None,
) -> tuple[Ceiling, list[Row]]:
    """Measure the source's planner as it runs, in float32, and every exported folder. Raises SailError."""
    rows: list[Row] = []
    report("what the machine can do")
    most = ceiling()
    for batch in batches:
        some = Scenes(np.resize(scenes.frames, (batch, *scenes.frames.shape[1:])), scenes.prompts[:1] * batch)
        report(f"batch {batch}: operations")
        count = _operations(source, some)
        engines: dict[str, Stages] = {}
        held: dict[str, int] = {}
        for name, make in _engines(source, folders).items():
            report(f"batch {batch}: {name}")
            before = memory()
            engines[name] = make(some)
            engines[name]["plan"]()
            held[name] = max(0, memory() - before)
        report(f"batch {batch}: {rounds} rounds")
        found = timings(
            {f"{name}/{stage}": call for name, stages in engines.items() for stage, call in stages.items()},
            rounds,
        )
        for name, stages in engines.items():
            taken = {stage: found[f"{name}/{stage}"] for stage in stages}
            share = count / taken["plan"].median / most.operations
            rows.append(Row(name, batch, taken, held[name], count, share))
    return most, rows


def as_json(most: Ceiling, rows: Sequence[Row]) -> dict[str, object]:
    """All of it, for a file."""
    return {"ceiling": asdict(most), "rows": [asdict(row) for row in rows]}


def _engines(source: Source, folders: Sequence[Path]) -> dict[str, Callable[[Scenes], Stages]]:
    made: dict[str, Callable[[Scenes], Stages]] = {
        "eager": lambda scenes: _eager(source, scenes, exact=False),
        "eager float32": lambda scenes: _eager(source, scenes, exact=True),
    }
    for folder in folders:
        made[f"ONNX {folder.name}"] = lambda scenes, folder=folder: _exported(folder, scenes)  # type: ignore[misc]
    return made


def _eager(source: Source, scenes: Scenes, exact: bool) -> Stages:
    agent, sampling = source.agent, source.sampling
    planner, count = agent.video_planner, len(scenes.frames)
    seeds, prompts = list(range(count)), list(scenes.prompts)
    latents = planner.plan_latents(scenes.frames, prompts, seeds, sampling).flatten(0, 1)
    arms = np.zeros((count, PROPRIOCEPTION_SIZE), np.float32)

    def within(call: Callable[[], object]) -> Callable[[], object]:
        def called() -> object:
            off = torch.autocast("cpu", enabled=False)
            with patch("sail_models.planner.mixed_precision", lambda: off) if exact else nullcontext():
                return call()

        return called

    return {
        "text": lambda: text.embed(prompts[0]),
        "draw": within(lambda: planner.plan_latents(scenes.frames, prompts, seeds, sampling)),
        "decode": lambda: agent.autoencoder.decode_frames(latents),
        "dynamics": lambda: agent.inverse_dynamics.act(scenes.frames, scenes.frames, arms),
        "plan": within(lambda: planner.plan(scenes.frames, prompts, seeds, sampling)),
    }


def _exported(folder: Path, scenes: Scenes) -> Stages:
    count = len(scenes.frames)
    planner = ExportedPlanner(folder, batch=count)
    dynamics = ExportedInverseDynamics(folder)
    seeds, prompts = list(range(count)), list(scenes.prompts)
    latents = planner.latents(scenes.frames, prompts, seeds)
    arms = np.zeros((count, PROPRIOCEPTION_SIZE), np.float32)
    return {
        "text": lambda: planner.read(prompts[0]),
        "draw": lambda: planner.latents(scenes.frames, prompts, seeds),
        "decode": lambda: planner.decode(latents),
        "dynamics": lambda: dynamics.act(scenes.frames, scenes.frames, arms),
        "plan": lambda: planner.plan(scenes.frames, prompts, seeds),
    }


def _operations(source: Source, scenes: Scenes) -> int:
    planner: VideoPlanner = source.agent.video_planner
    plan, decode = PlanGraph(planner, source.sampling), DecodeGraph(source.agent.autoencoder)
    inputs = source.inputs(scenes)
    return operations(lambda: decode(plan(**inputs)[0]))
