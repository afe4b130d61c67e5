"""The cost of planning, eager and exported: seconds by stage, operations, memory and cold start."""

import copy
import functools
import gc
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from sail.export.cold_start import cold_start
from sail.export.comparison_frames import Scenes
from sail.export.exporter import Exportable
from sail.export.folder import DECODE, ExportedPlannerConfig, read_planner_config
from sail.export.graphs import DecodeGraph, PlanGraph
from sail.export.providers import loadable
from sail.export.runtime import ExportedInverseDynamics, ExportedPlanner
from sail.loop.agent import moved_to
from sail_models.device import best_device
from sail_models.diffusion.video_planner import VideoPlanner
from sail_models.spaces import text_encoder as text

# What is timed, by the stage's name.
Stages = dict[str, Callable[[], object]]

# The machine's peak is measured with square matrices of this side and a copy of this many bytes, by device,
# and with a convolution of this many channels and pixels a side.
_SIDE, _BYTES = {"cpu": 2048, "cuda": 8192}, {"cpu": 2**28, "cuda": 2**32}
_CHANNELS, _PIXELS = 256, 64
# Calls before the timed ones: the first calls also compile and allocate.
_WARM = 2


@dataclass(frozen=True)
class Timing:
    """Seconds of one call: median and 99th percentile over the rounds."""

    median: float
    p99: float


@dataclass(frozen=True)
class MachinePeak:
    """The machine's peak: operations a second (float32, on a GPU bfloat16) and copied bytes a second."""

    operations: float
    bytes: float


@dataclass(frozen=True)
class OperationCount:
    """Floating-point operations of a call's matrix products and convolutions, and their memory traffic."""

    operations: int
    bytes: int


@dataclass(frozen=True)
class EngineCost:
    """Costs of one engine (eager, compiled, or an exported folder on a provider) at one batch.

    stages: "text" (encode one prompt), "draw" (encode the frames, all denoising steps), "decode", "dynamics"
    (inverse dynamics), "plan" (a whole call). operations, bytes: `OperationCount` of the eager plan; None for
    a folder of other weights or other sampling. share: operations a second at the median, as a share of the
    machine's peak, whatever the precision. memory: bytes of a process that only plans. start: seconds of a
    cold start. Memory and start are of one plan at a time, and None where not measured.
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
    source: Exportable,
    folders: Sequence[Path],
    scenes: Scenes,
    batches: Sequence[int],
    rounds: int,
    report: Callable[[str], None] = lambda stage: None,
    compiled: bool = False,
) -> tuple[MachinePeak, list[EngineCost]]:
    """Measure the source's planner beside exported folders, in one run.

    The source plans in mixed precision and in float32, on the GPU if there is one; if `compiled` also by
    torch.compile. Every folder plans on every provider that can load it. batches: plans per call. rounds:
    calls of each stage. report: called with the name of each stage. Raises SailError.
    """
    rows: list[EngineCost] = []
    device = best_device()
    source = replace(source, agent=moved_to(device, copy.deepcopy(source.agent)))
    report("memory")
    once = Scenes(scenes.frames[:1], scenes.prompts[:1])
    _eager(source, once, exact=False)["plan"]()
    held: dict[str, int] = {"eager": resident_memory()}  # before anything else is loaded
    report("what the machine can do")
    peak = machine_peak(device)
    starts: dict[str, float] = {}
    others: set[str] = set()  # folders of other weights or other sampling: their operations are not known
    for folder in folders:
        for provider in loadable(folder / DECODE):
            name = _name(folder, provider)
            if not _same_plans(read_planner_config(folder), source):
                others.add(name)
            report(f"cold start: {name}")
            start = cold_start(folder, provider)
            starts[name], held[name] = start.seconds, start.memory
    for batch in batches:
        some = Scenes(np.resize(scenes.frames, (batch, *scenes.frames.shape[1:])), scenes.prompts[:1] * batch)
        report(f"batch {batch}: operations")
        count = _plan_operations(source, some)
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
                EngineCost(
                    engine=name,
                    batch=batch,
                    stages=taken,
                    operations=None if known is None else known.operations,
                    bytes=None if known is None else known.bytes,
                    share=None
                    if known is None
                    else known.operations / taken["plan"].median / peak.operations,
                    memory=held.get(name),
                    start=starts.get(name),
                )
            )
    return peak, rows


def _same_plans(config: ExportedPlannerConfig, source: Exportable) -> bool:
    """Whether a folder computes the plans of this source."""
    exported, sampling = config.sampling, source.sampling
    same = all(getattr(exported, name) == getattr(sampling, name) for name in ("steps", "rule", "until"))
    return same and config.identity == source.agent.identity


def as_json(peak: MachinePeak, rows: Sequence[EngineCost]) -> dict[str, object]:
    """The result of `bench` as a JSON document."""
    return {"ceiling": asdict(peak), "rows": [asdict(row) for row in rows]}


def _engines(
    source: Exportable, folders: Sequence[Path], compiled: bool
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


def _compiled(source: Exportable) -> Exportable:
    """The source with planner and prior compiled by torch, at the first plan of every batch: minutes each."""
    agent = copy.deepcopy(source.agent)
    for network in (agent.planner, agent.prior):
        if isinstance(network, nn.Module):
            network.compile(dynamic=False)
    return replace(source, agent=agent)


def _eager(source: Exportable, scenes: Scenes, exact: bool) -> Stages:
    agent, sampling = source.agent, source.sampling
    planner, count = agent.video_planner, len(scenes.frames)
    if exact:
        planner.precision = nullcontext  # float32
    seeds, prompts = list(range(count)), list(scenes.prompts)
    latents = planner.plan_latents(scenes.frames, prompts, seeds, sampling).flatten(0, 1)
    arms = np.zeros((count, len(source.embodiment.proprioception)), np.float32)
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
    arms = np.zeros((count, len(dynamics.embodiment.proprioception)), np.float32)
    return {
        "text": lambda: planner.text.encode(prompts[0]),
        "draw": lambda: planner.latents(scenes.frames, prompts, seeds),
        "decode": lambda: planner.decode(latents),
        "dynamics": lambda: dynamics.act(scenes.frames, scenes.frames, arms),
        "plan": lambda: planner.plan(scenes.frames, prompts, seeds),
    }


def _plan_operations(source: Exportable, scenes: Scenes) -> OperationCount:
    """Operations of an eager plan of these scenes, with decoding."""
    agent = moved_to(torch.device("cpu"), copy.deepcopy(source.agent))
    planner: VideoPlanner = agent.video_planner
    plan, decode = PlanGraph(planner, source.sampling), DecodeGraph(agent.autoencoder)
    inputs = replace(source, agent=agent).inputs(scenes)
    return count_operations(lambda: decode(plan(**inputs)[0]))


def timings(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timing]:
    """Time calls, by name. Every round makes each call once, so that other load falls on all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(_WARM):
            call()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, call in calls.items():
                begun = time.perf_counter()
                call()
                seconds[name].append(time.perf_counter() - begun)
    finally:
        gc.enable()
    return {
        name: Timing(float(np.median(some)), float(np.quantile(some, 0.99))) for name, some in seconds.items()
    }


def machine_peak(device: torch.device, rounds: int = 5) -> MachinePeak:
    """Measure a large copy, and the faster one of a large matrix product and a large convolution."""
    kind = {"device": device, "dtype": torch.float32 if device.type == "cpu" else torch.bfloat16}
    side, size = _SIDE[device.type], _BYTES[device.type]
    image = torch.randn((1, _CHANNELS, _PIXELS, _PIXELS), **kind)  # type: ignore[call-overload]
    kernel = torch.randn((_CHANNELS, _CHANNELS, 3, 3), **kind)  # type: ignore[call-overload]
    a, b = (torch.randn((side, side), **kind) for _ in range(2))  # type: ignore[call-overload]
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)

    def finished(call: Callable[[], Tensor]) -> Callable[[], object]:
        return lambda: call()[..., :1].cpu()  # waits for a GPU: the call itself returns before it is done

    found = timings(
        {
            "product": finished(lambda: a @ b),
            "convolution": finished(lambda: torch.nn.functional.conv2d(image, kernel)),
            "copy": finished(lambda: target.copy_(source)),
        },
        rounds,
    )
    convolved = 2 * 9 * _CHANNELS**2 * (_PIXELS - 2) ** 2
    operations = max(2 * side**3 / found["product"].median, convolved / found["convolution"].median)
    return MachinePeak(operations, 2 * size / found["copy"].median)  # a copy reads and writes


def count_operations(call: Callable[[], object]) -> OperationCount:
    """Count the operations of a call that computes with torch."""
    with FlopCounterMode(display=False) as counter, _Traffic() as traffic, torch.no_grad():
        call()
    return OperationCount(int(counter.get_total_flops()), traffic.bytes)


class _Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up bytes of inputs and outputs of every operation that FlopCounterMode counts."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.overloadpacket not in flop_registry:
            with self:  # in inference mode an operation made of others arrives whole
                parts = func.decompose(*args, **(kwargs or {}))
            if parts is not NotImplemented:
                return parts
        found = func(*args, **(kwargs or {}))
        if func.overloadpacket in flop_registry:
            moved = [one for one in tree_leaves((args, found)) if isinstance(one, Tensor)]
            self.bytes += sum(one.numel() * one.element_size() for one in moved)
        return found


def resident_memory() -> int:
    """Bytes of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
