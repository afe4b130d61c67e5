"""What every kind of batch has in common: it is a dataclass of tensors, or None, with the samples first."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Batch = TypeVar("Batch")


def moved(batch: Batch, device: torch.device) -> Batch:
    """The batch with every tensor on the device."""
    return _combined([batch], lambda tensors: tensors[0].to(device))


def join(batches: Sequence[Batch]) -> Batch:
    """One batch out of several of a kind."""
    return _combined(batches, torch.cat)


def reordered(batch: Batch, order: NDArray[np.int64]) -> Batch:
    """The samples of the batch in another order."""
    index = torch.from_numpy(order)
    return _combined([batch], lambda tensors: tensors[0][index])


def _combined(batches: Sequence[Batch], combine: Callable[[list[Tensor]], Tensor]) -> Batch:
    first = batches[0]
    names = [field.name for field in dataclasses.fields(first)]  # type: ignore[arg-type]
    there = [name for name in names if getattr(first, name) is not None]
    values = {name: combine([getattr(batch, name) for batch in batches]) for name in there}
    return dataclasses.replace(first, **values)  # type: ignore[type-var]
