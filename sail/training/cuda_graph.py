"""The gradients of a loss, on a GPU recorded once and replayed: launching hundreds of small kernels one by
one takes longer than they do."""

import dataclasses
from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

from sail.training.batches import moved

Batch = TypeVar("Batch")

# Before recording, as libraries choose their kernels and take their memory when first called.
_WARM_UP = 3


class Recorded(Generic[Batch]):
    """`compute(batch)` as a CUDA graph, recorded anew where batches change shape.

    compute: leaves gradients where the parameters are, returns the loss, draws from `generator` alone, and
    neither waits for the GPU nor copies to it.
    """

    def __init__(self, compute: Callable[[Batch], Tensor], generator: torch.Generator) -> None:
        self._compute, self._generator = compute, generator
        self._given: Batch | None = None

    def __call__(self, batch: Batch) -> Tensor:
        """The loss of a batch, wherever its tensors are; it stands until the next call."""
        if self._given is None or _shapes(batch) != _shapes(self._given):
            self._record(batch)
        assert self._given is not None
        for name in _shapes(batch):
            getattr(self._given, name).copy_(getattr(batch, name), non_blocking=True)
        self._graph.replay()
        return self._loss

    def _record(self, batch: Batch) -> None:
        device = self._generator.device
        self._given = given = moved(batch, device)
        drawn = self._generator.get_state()
        beside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(beside):
            for _ in range(_WARM_UP):
                self._compute(given)
        torch.cuda.current_stream(device).wait_stream(beside)
        self._generator.set_state(drawn)
        self._graph = torch.cuda.CUDAGraph()
        self._graph.register_generator_state(self._generator)
        with torch.cuda.graph(self._graph):
            self._loss = self._compute(given)


def _shapes(batch: object) -> dict[str, torch.Size]:
    tensors = {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)}  # type: ignore[arg-type]
    return {name: tensor.shape for name, tensor in tensors.items() if tensor is not None}
