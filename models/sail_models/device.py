"""Where networks are, on the GPU if there is one that PyTorch can use; and random numbers made there."""

import dataclasses
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

Batch = TypeVar("Batch")


def best_device() -> torch.device:
    """The first GPU, or the processor; `CUDA_VISIBLE_DEVICES=` (empty) keeps everything on the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_of(network: nn.Module) -> torch.device:
    """Where a network's parameters are."""
    return next(network.parameters()).device


def moved(batch: Batch, device: torch.device) -> Batch:
    """A dataclass of tensors (or None) with every tensor on the device."""
    tensors = {
        field.name: getattr(batch, field.name).to(device)
        for field in dataclasses.fields(batch)  # type: ignore[arg-type]
        if isinstance(getattr(batch, field.name), Tensor)
    }
    return dataclasses.replace(batch, **tensors)  # type: ignore[type-var]


def normal(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Standard normal numbers, where the generator is."""
    return torch.randn(tuple(shape), generator=generator, device=generator.device)


def uniform(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Numbers uniform over 0..1, where the generator is."""
    return torch.rand(tuple(shape), generator=generator, device=generator.device)
