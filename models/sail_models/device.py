"""Where networks are, on the GPU if there is one that PyTorch can use; and random numbers made there."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def best_device() -> torch.device:
    """The first GPU, or the processor; `CUDA_VISIBLE_DEVICES=` (empty) keeps everything on the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_of(network: nn.Module) -> torch.device:
    """Where a network's parameters are."""
    return next(network.parameters()).device


def normal(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Standard normal numbers, where the generator is."""
    return torch.randn(tuple(shape), generator=generator, device=generator.device)


def uniform(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Numbers uniform over 0..1, where the generator is."""
    return torch.rand(tuple(shape), generator=generator, device=generator.device)
