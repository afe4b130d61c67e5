"""Gradients of a loss as a CUDA graph: captured once, then replayed.

A training step here runs hundreds of small kernels. Launching them one by one takes longer than running them.
"""

import dataclasses
from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

from sail.training.batches import to_device

Batch = TypeVar("Batch")

# Runs before the capture: libraries choose their kernels and allocate their memory in the first runs.
_WARM_UP = 3


class CapturedGraph(Generic[Batch]):
    """`compute(batch)` as a CUDA graph, captured again where the batch's shapes change.

    compute: leaves gradients at the parameters and returns the loss. It draws random numbers from `generator`
    alone, and neither waits for the GPU nor copies to the GPU.
    """

    def __init__(self, compute: Callable[[Batch], Tensor], generator: torch.Generator) -> None:
        self._compute, self._generator = compute, generator
        self._input: Batch | None = None

    def __call__(self, batch: Batch) -> Tensor:
        """The loss of a batch on any device. The next call overwrites the returned tensor."""
        if self._input is None or _shapes(batch) != _shapes(self._input):
            self._capture(batch)
        assert self._input is not None
        for name in _shapes(batch):
            getattr(self._input, name).copy_(getattr(batch, name), non_blocking=True)
        self._graph.replay()
        return self._loss

    def _capture(self, batch: Batch) -> None:
        device = self._generator.device
        self._input = given = to_device(batch, device)
        state = self._generator.get_state()
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                self._compute(given)
        torch.cuda.current_stream(device).wait_stream(stream)
        self._generator.set_state(state)
        self._graph = torch.cuda.CUDAGraph()
        self._graph.register_generator_state(self._generator)
        with torch.cuda.graph(self._graph):
            self._loss = self._compute(given)


def _shapes(batch: object) -> dict[str, torch.Size]:
    tensors = {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)}  # type: ignore[arg-type]
    return {name: tensor.shape for name, tensor in tensors.items() if tensor is not None}
