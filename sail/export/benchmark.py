"""One table of what planning costs: eager and exported, by stage and batch, in one run."""

import copy
import functools
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from sail.export.cold_start import cold_start
from sail.export.folder import DECODE, ExportConfig, read_config
from sail.export.graphs import DecodeGraph, PlanGraph
from sail.export.measure import Ceiling, Timing, Work, ceiling, memory, timings, work
from sail.export.providers import loadable
from sail.export.runtime import ExportedInverseDynamics, ExportedPlanner
from sail.export.scenes import Scenes
from sail.export.write import Source
from sail.loop.agent import moved_to
from sail.types import PROPRIOCEPTION_SIZE
from sail_models.device import best_device
from sail_models.diffusion.video_planner import VideoPlanner
from sail_models.spaces import text_encoder as text

Stages = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Row:
    """One engine at one batch. stages: "text" (one prompt, not known yet), "draw" (encoding and all denoising
    steps), "decode", "dynamics", and "plan", the whole of a call.

    operations, bytes: of a plan, as it is eagerly (see `Work`); None of an exported planner other than the
    source. share: of the operations that the machine can do, at the median; bits count for nothing there.
    memory: bytes of a process that plans so and does nothing else. start: seconds of a new process to its
    first plan. Both are of one plan at a time, and None where they were not measured.
    """

    engine: str
    batch: int
    stages: dict[str, Timing]
    operations: int | None
    bytes: int | None
    share: float | None
    memory: int | None
    start: float | None


def bench(
    source: Source,
    folders: Sequence[Path],
    scenes: Scenes,
    batches: Sequence[int],
    rounds: int,
    report: Callable[[str], None] = lambda stage: None,
    compiled: bool = False,
) -> tuple[Ceiling, list[Row]]:
    """Measure the source's planner as it runs (on the GPU, if there is one), in float32, where asked for also
    by torch.compile, and every exported folder on every provider that there is. Raises SailError."""
    rows: list[Row] = []
    device = best_device()
    source = replace(source, agent=moved_to(device, copy.deepcopy(source.agent)))
    report("memory")
    once = Scenes(scenes.frames[:1], scenes.prompts[:1])
    _eager(source, once, exact=False)["plan"]()
    held: dict[str, int] = {"eager": memory()}  # before anything else is loaded
    report("what the machine can do")
    most = ceiling(device)
    starts: dict[str, float] = {}
    others: set[str] = set()  # exported from another planner, or drawn in another way: another count
    for folder in folders:
        for provider in loadable(folder / DECODE):
            name = _name(folder, provider)
            if not _alike(read_config(folder), source):
                others.add(name)
            report(f"cold start: {name}")
            start = cold_start(folder, provider)
            starts[name], held[name] = start.seconds, start.memory
    for batch in batches:
        some = Scenes(np.resize(scenes.frames, (batch, *scenes.frames.shape[1:])), scenes.prompts[:1] * batch)
        report(f"batch {batch}: operations")
        count = _work(source, some)
        engines: dict[str, Stages] = {}
        for name, make in _engines(source, folders, compiled).items():
            report(f"batch {batch}: {name}")
            engines[name] = make(some)
            engines[name]["plan"]()
        report(f"batch {batch}: {rounds} rounds")
        found = timings(
            {f"{name}/{stage}": call for name, stages in engines.items() for stage, call in stages.items()},
            rounds,
        )
        for name, stages in engines.items():
            taken = {stage: found[f"{name}/{stage}"] for stage in stages}
            known = None if name in others else count
            rows.append(
                Row(
                    engine=name,
                    batch=batch,
                    stages=taken,
                    operations=None if known is None else known.operations,
                    bytes=None if known is None else known.bytes,
                    share=None
                    if known is None
                    else known.operations / taken["plan"].median / most.operations,
                    memory=held.get(name),
                    start=starts.get(name),
                )
            )
    return most, rows


def _alike(config: ExportConfig, source: Source) -> bool:
    """Whether as much is computed."""
    exported, sampling = config.sampling, source.sampling
    same = all(getattr(exported, name) == getattr(sampling, name) for name in ("steps", "rule", "until"))
    return same and config.identity == source.agent.identity


def as_json(most: Ceiling, rows: Sequence[Row]) -> dict[str, object]:
    """All of it, for a file."""
    return {"ceiling": asdict(most), "rows": [asdict(row) for row in rows]}


def _engines(
    source: Source, folders: Sequence[Path], compiled: bool
) -> dict[str, Callable[[Scenes], Stages]]:
    made: dict[str, Callable[[Scenes], Stages]] = {
        "eager": lambda scenes: _eager(source, scenes, exact=False),
        "eager float32": lambda scenes: _eager(source, scenes, exact=True),
    }
    if compiled:
        faster = _compiled(source)
        made["torch.compile"] = lambda scenes: _eager(faster, scenes, exact=False)
    for folder in folders:
        for provider in loadable(folder / DECODE):
            made[_name(folder, provider)] = functools.partial(_exported, folder, provider)
    return made


def _name(folder: Path, provider: str) -> str:
    return f"ONNX {folder.name}" + (f" ({provider})" if provider != "cpu" else "")


def _compiled(source: Source) -> Source:
    """The same with planner and prior compiled at their first plan, for every shape anew: minutes."""
    agent = copy.deepcopy(source.agent)
    for network in (agent.planner, agent.prior):
        if isinstance(network, nn.Module):
            network.compile(dynamic=False)
    return replace(source, agent=agent)


def _eager(source: Source, scenes: Scenes, exact: bool) -> Stages:
    agent, sampling = source.agent, source.sampling
    planner, count = agent.video_planner, len(scenes.frames)
    if exact:
        planner.precision = nullcontext  # float32
    seeds, prompts = list(range(count)), list(scenes.prompts)
    latents = planner.plan_latents(scenes.frames, prompts, seeds, sampling).flatten(0, 1)
    arms = np.zeros((count, PROPRIOCEPTION_SIZE), np.float32)
    return {
        "text": lambda: text.embed(prompts[0]),
        "draw": lambda: planner.plan_latents(scenes.frames, prompts, seeds, sampling).cpu(),
        "decode": lambda: agent.autoencoder.decode_frames(latents),
        "dynamics": lambda: agent.inverse_dynamics.act(scenes.frames, scenes.frames, arms),
        "plan": lambda: planner.plan(scenes.frames, prompts, seeds, sampling),
    }


def _exported(folder: Path, provider: str, scenes: Scenes) -> Stages:
    count = len(scenes.frames)
    planner = ExportedPlanner(folder, provider, batch=count)
    dynamics = ExportedInverseDynamics(folder, provider)
    seeds, prompts = list(range(count)), list(scenes.prompts)
    latents = planner.latents(scenes.frames, prompts, seeds)
    arms = np.zeros((count, PROPRIOCEPTION_SIZE), np.float32)
    return {
        "text": lambda: planner.text.read(prompts[0]),
        "draw": lambda: planner.latents(scenes.frames, prompts, seeds),
        "decode": lambda: planner.decode(latents),
        "dynamics": lambda: dynamics.act(scenes.frames, scenes.frames, arms),
        "plan": lambda: planner.plan(scenes.frames, prompts, seeds),
    }


def _work(source: Source, scenes: Scenes) -> Work:
    agent = moved_to(torch.device("cpu"), copy.deepcopy(source.agent))
    planner: VideoPlanner = agent.video_planner
    plan, decode = PlanGraph(planner, source.sampling), DecodeGraph(agent.autoencoder)
    inputs = replace(source, agent=agent).inputs(scenes)
    return work(lambda: decode(plan(**inputs)[0]))
