"""How long planning takes, stage by stage, and how near that is to what the machine can do."""

import gc
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

# Of the measurement of what the machine can do: the side of a square matrix, bytes that are copied, and a
# convolution's channels and side.
_SIDE, _BYTES = 2048, 2**28
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
    """What this machine can do: float32 operations and copied bytes a second."""

    operations: float
    bytes: float


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


def ceiling(rounds: int = 5) -> Ceiling:
    """A large matrix product or a large convolution, whichever is the faster here, and a large copy."""
    image = torch.randn(1, _CHANNELS, _PIXELS, _PIXELS)
    kernel = torch.randn(_CHANNELS, _CHANNELS, 3, 3)
    a, b = torch.randn(_SIDE, _SIDE), torch.randn(_SIDE, _SIDE)
    source = torch.zeros(_BYTES, dtype=torch.uint8)
    target = torch.empty_like(source)
    found = timings(
        {
            "product": lambda: a @ b,
            "convolution": lambda: torch.nn.functional.conv2d(image, kernel),
            "copy": lambda: target.copy_(source),
        },
        rounds,
    )
    convolved = 2 * 9 * _CHANNELS**2 * (_PIXELS - 2) ** 2
    most = max(2 * _SIDE**3 / found["product"].median, convolved / found["convolution"].median)
    return Ceiling(most, 2 * _BYTES / found["copy"].median)  # a copy reads and writes


def operations(call: Callable[[], object]) -> int:
    """Floating-point operations of matrix products and convolutions in a call of torch's."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        call()
    return int(counter.get_total_flops())


def memory() -> int:
    """Bytes that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
