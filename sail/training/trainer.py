"""The trainer of every network: any loss on batches of any kind, and a moving average of the weights."""

import copy
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from sail.training.cuda_graph import CapturedGraph
from sail.training.learning_rate import one_cycle
from sail_models.device import device_of

Network = TypeVar("Network", bound=nn.Module)
Batch = TypeVar("Batch")


class Trainer(Generic[Network, Batch]):
    """AdamW with a one-cycle learning rate, and an exponential moving average of the weights.

    `network` is trained in place, on its own device. `average` is the network that acts and is saved. loss:
    draws random numbers from the generator alone, and does not wait for a GPU (see `CapturedGraph`). steps:
    in all. learning_rate: the highest. ema: the average's decay a step. warmup: share of the steps in which
    the learning rate rises.
    """

    def __init__(
        self,
        network: Network,
        loss: Callable[[Network, Batch, torch.Generator], Tensor],
        steps: int,
        learning_rate: float,
        seed: int,
        ema: float = 0.998,
        warmup: float = 0.05,
    ) -> None:
        self._loss = loss
        self.network = network.train()
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        self.device = device_of(network)
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self.optimizer = torch.optim.AdamW(network.parameters(), learning_rate, weight_decay=1e-3, fused=True)
        self.schedule = one_cycle(self.optimizer, learning_rate, steps, warmup)
        self.steps, self.ema, self.step_count = steps, ema, 0
        on_gpu = self.device.type == "cuda"
        self._gradients = CapturedGraph(self._backward, self.generator) if on_gpu else self._backward

    def step(self, batch: Batch) -> float:
        """Take one optimiser step. Returns the loss before the step."""
        loss = self._gradients(batch)
        self.optimizer.step()
        self.schedule.step()
        self.step_count += 1
        # A young average forgets its random initial weights faster (the usual warm-up of an EMA).
        decay = min(self.ema, (1 + self.step_count) / (10 + self.step_count))
        with torch.no_grad():
            averaged: list[Tensor] = list(self.average.parameters())
            current: list[Tensor] = list(self.network.parameters())
            torch._foreach_lerp_(averaged, current, 1.0 - decay)
        return float(loss)

    def _backward(self, batch: Batch) -> Tensor:
        """The loss; its clipped gradients are left at the parameters."""
        with training_attention(self.device):
            loss = self._loss(self.network, batch, self.generator)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        return loss.detach()

    def state(self) -> dict[str, Tensor]:
        """Everything that `restore` needs, as named tensors (for safetensors)."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in moments.items()}
        tensors["generator"] = self.generator.get_state()
        tensors["step"] = torch.tensor(self.step_count)
        return {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Continue from a `state`, with the same steps, learning rate and network shapes."""
        self.network.load_state_dict(_under(tensors, "network."))
        self.average.load_state_dict(_under(tensors, "average."))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in _under(tensors, "optimizer.").items():
            index, key = name.split(".", 1)
            moments.setdefault(int(index), {})[key] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self.generator.set_state(tensors["generator"])
        self.step_count = int(tensors["step"])
        with warnings.catch_warnings():
            # The scheduler warns about optimiser steps that it did not see: they were taken before `state`.
            warnings.simplefilter("ignore", UserWarning)
            for _ in range(self.step_count):
                self.schedule.step()


def training_attention(device: torch.device) -> AbstractContextManager[object]:
    """A context with the attention kernel that is fastest in training.

    On processors the flash kernel's backward pass over a few tokens takes ten times as long as plain matrix
    products, a sixth of a planner's step.
    """
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
