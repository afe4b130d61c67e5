"""One table of what planning costs: eager and exported, by stage and batch, in one run."""

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
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from sail.export.cold_start import cold_start
from sail.export.folder import DECODE, ExportConfig, read_config
from sail.export.graphs import DecodeGraph, PlanGraph
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
class Timing:
    """Seconds of one call, over all rounds."""

    median: float
    p99: float


@dataclass(frozen=True)
class Ceiling:
    """What this machine can do: operations (float32, on a GPU bfloat16) and copied bytes a second."""

    operations: float
    bytes: float


@dataclass(frozen=True)
class Work:
    """What a call computes: floating-point operations of matrix products and convolutions, and the bytes that
    these read and write."""

    operations: int
    bytes: int


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
    seeds, prompts = list(range(count)), list(scenes.prompts)
    latents = planner.plan_latents(scenes.frames, prompts, seeds, sampling).flatten(0, 1)
    arms = np.zeros((count, PROPRIOCEPTION_SIZE), np.float32)

    def within(call: Callable[[], object]) -> Callable[[], object]:
        def called() -> object:
            off = torch.autocast(latents.device.type, enabled=False)
            with (
                patch("sail_models.diffusion.video_planner.mixed_precision", lambda device: off)
                if exact
                else nullcontext()
            ):
                return call()

        return called

    return {
        "text": lambda: text.embed(prompts[0]),
        "draw": within(lambda: planner.plan_latents(scenes.frames, prompts, seeds, sampling).cpu()),
        "decode": lambda: agent.autoencoder.decode_frames(latents),
        "dynamics": lambda: agent.inverse_dynamics.act(scenes.frames, scenes.frames, arms),
        "plan": within(lambda: planner.plan(scenes.frames, prompts, seeds, sampling)),
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


# Of the measurement of what the machine can do: the side of a square matrix and bytes that are copied, on the
# processor and on a GPU; a convolution's channels and side.
_SIDE, _BYTES = {"cpu": 2048, "cuda": 8192}, {"cpu": 2**28, "cuda": 2**32}
_CHANNELS, _PIXELS = 256, 64
# Before anything is timed: what is compiled or allocated on the first runs is no part of it.
_WARM = 2


def timings(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timing]:
    """Every call once a round, in turn, so that what else the machine does falls on all alike."""
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


def ceiling(device: torch.device, rounds: int = 5) -> Ceiling:
    """A large matrix product or a large convolution, whichever is the faster here, and a large copy."""
    kind = {"device": device, "dtype": torch.float32 if device.type == "cpu" else torch.bfloat16}
    side, size = _SIDE[device.type], _BYTES[device.type]
    image = torch.randn((1, _CHANNELS, _PIXELS, _PIXELS), **kind)  # type: ignore[call-overload]
    kernel = torch.randn((_CHANNELS, _CHANNELS, 3, 3), **kind)  # type: ignore[call-overload]
    a, b = (torch.randn((side, side), **kind) for _ in range(2))  # type: ignore[call-overload]
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)

    def whole(call: Callable[[], Tensor]) -> Callable[[], object]:
        return lambda: call()[..., :1].cpu()  # a GPU is done when its result is here

    found = timings(
        {
            "product": whole(lambda: a @ b),
            "convolution": whole(lambda: torch.nn.functional.conv2d(image, kernel)),
            "copy": whole(lambda: target.copy_(source)),
        },
        rounds,
    )
    convolved = 2 * 9 * _CHANNELS**2 * (_PIXELS - 2) ** 2
    most = max(2 * side**3 / found["product"].median, convolved / found["convolution"].median)
    return Ceiling(most, 2 * size / found["copy"].median)  # a copy reads and writes


def work(call: Callable[[], object]) -> Work:
    """What a call of torch's computes."""
    with FlopCounterMode(display=False) as counter, _Traffic() as traffic, torch.no_grad():
        call()
    return Work(int(counter.get_total_flops()), traffic.bytes)


class _Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up what goes into and comes out of every operation that FlopCounterMode counts."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.overloadpacket not in flop_registry:
            with self:  # in inference mode what is made of several operations comes as one
                parts = func.decompose(*args, **(kwargs or {}))
            if parts is not NotImplemented:
                return parts
        found = func(*args, **(kwargs or {}))
        if func.overloadpacket in flop_registry:
            moved = [one for one in tree_leaves((args, found)) if isinstance(one, Tensor)]
            self.bytes += sum(one.numel() * one.element_size() for one in moved)
        return found


def memory() -> int:
    """Bytes that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
