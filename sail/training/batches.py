"""Operations on batches of any kind.

A batch is a dataclass of tensors, or None in place of a tensor, whose first axis numbers the samples.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Batch = TypeVar("Batch")


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with every tensor on the device."""
    return _combine([batch], lambda tensors: tensors[0].to(device))


def join(batches: Sequence[Batch]) -> Batch:
    """One batch of the samples of several batches of a kind."""
    return _combine(batches, torch.cat)


def reorder(batch: Batch, order: NDArray[np.int64]) -> Batch:
    """The batch with its samples in another order. order: int64 (B,), indices of the samples."""
    index = torch.from_numpy(order)
    return _combine([batch], lambda tensors: tensors[0][index])


def _combine(batches: Sequence[Batch], combine: Callable[[list[Tensor]], Tensor]) -> Batch:
    first = batches[0]
    names = [field.name for field in dataclasses.fields(first)]  # type: ignore[arg-type]
    present = [name for name in names if getattr(first, name) is not None]
    values = {name: combine([getattr(batch, name) for batch in batches]) for name in present}
    return dataclasses.replace(first, **values)  # type: ignore[type-var]
