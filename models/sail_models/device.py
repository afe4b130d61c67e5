"""Where networks are and in which precision they compute; and random numbers drawn there.

The device is the GPU if there is one that PyTorch can use.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def best_device() -> torch.device:
    """The first GPU, or else the processor. `CUDA_VISIBLE_DEVICES=` (empty) hides the GPUs."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_of(network: nn.Module) -> torch.device:
    """The device of a network's parameters."""
    return next(network.parameters()).device


def mixed_precision(device: torch.device) -> torch.autocast:
    """A context with matrix products in bfloat16 on the processors that are faster with it, else in float32.

    AMX is faster, and so are AMD's AVX-512 units. Intel's AVX-512 units take up to twice as long in bfloat16
    as in float32, which matters where a virtual machine hides AMX. AVX512-FP16, which AMD lacks, tells
    Intel's from AMD's. GPUs compute in float32.
    """
    if device.type != "cpu":
        return torch.autocast(device.type, enabled=False)
    has = torch.cpu.get_capabilities()
    gains = has.get("amx_bf16", False) or (
        has.get("avx512_bf16", False) and not has.get("avx512_fp16", False)
    )
    return torch.autocast("cpu", torch.bfloat16, enabled=bool(gains))


def normal(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Standard normal numbers on the generator's device, float32."""
    return torch.randn(tuple(shape), generator=generator, device=generator.device)


def uniform(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Numbers uniform over 0..1 on the generator's device, float32."""
    return torch.rand(tuple(shape), generator=generator, device=generator.device)
