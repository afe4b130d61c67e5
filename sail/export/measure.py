"""How long planning takes, stage by stage, and how near that is to what the machine can do."""

import gc
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, flop_registry

# Of the measurement of what the machine can do: the side of a square matrix and bytes that are copied, on the
# processor and on a GPU; a convolution's channels and side.
_SIDE, _BYTES = {"cpu": 2048, "cuda": 8192}, {"cpu": 2**28, "cuda": 2**32}
_CHANNELS, _PIXELS = 256, 64
# Before anything is timed: what is compiled or allocated on the first runs is no part of it.
_WARM = 2


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
