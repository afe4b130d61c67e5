"""The one trainer: any loss of any network on batches of any kind, with an average that is what is kept."""

import copy
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from sail.training.cuda_graph import Recorded
from sail.training.learning_rate import one_cycle
from sail_models.device import device_of

Network = TypeVar("Network", bound=nn.Module)
Batch = TypeVar("Batch")


class Trainer(Generic[Network, Batch]):
    """AdamW on a loss with a cosine (or constant) learning rate and an exponential moving average.

    `network` is trained in place, where it is; `average` is what acts and is saved. loss: draws from the
    generator alone, and on a GPU does not wait for it (see `Recorded`).
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
        self._gradients = Recorded(self._backward, self.generator) if on_gpu else self._backward

    def step(self, batch: Batch) -> float:
        """One optimiser step; returns the loss."""
        loss = self._gradients(batch)
        self.optimizer.step()
        self.schedule.step()
        self.step_count += 1
        # A young average forgets its random beginning faster (the usual warm-up of an EMA).
        decay = min(self.ema, (1 + self.step_count) / (10 + self.step_count))
        with torch.no_grad():
            averaged: list[Tensor] = list(self.average.parameters())
            current: list[Tensor] = list(self.network.parameters())
            torch._foreach_lerp_(averaged, current, 1.0 - decay)
        return float(loss)

    def _backward(self, batch: Batch) -> Tensor:
        """The loss, its clipped gradients left at the parameters."""
        with _attention(self.device):
            loss = self._loss(self.network, batch, self.generator)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        return loss.detach()

    def state(self) -> dict[str, Tensor]:
        """Everything that going on needs, as named tensors (for safetensors)."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in moments.items()}
        tensors["generator"] = self.generator.get_state()
        tensors["step"] = torch.tensor(self.step_count)
        return {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `state` gave, with the same steps, learning rate and network shapes."""
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
            # It misses the optimiser steps, which were taken before `state`.
            warnings.simplefilter("ignore", UserWarning)
            for _ in range(self.step_count):
                self.schedule.step()


def _attention(device: torch.device) -> AbstractContextManager[object]:
    """On processors the flash kernel's backward pass over a few tokens takes ten times as long as the plain
    products do: a sixth of a planner's step."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
