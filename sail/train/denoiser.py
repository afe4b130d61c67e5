"""Fitting a planner or a prior: the losses on windows of latents, and a trainer with an EMA.

Diffusion for the network whole; for its grounding alone the expected change, which is what a denoiser
would predict from pure noise, and where the named thing is, if that is known.
"""

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sail.train.learning_rate import one_cycle
from sail_models.change import ChangeDenoiser
from sail_models.grounding import Grounding
from sail_models.precision import mixed_precision
from sail_models.schedule import TRAINING_STEPS

Network = TypeVar("Network", bound=nn.Module)
TEXT_DROPOUT = 0.1
# The weight of x_0's error is the signal-to-noise ratio, truncated below (Salimans & Ho, arXiv 2202.00512,
# section 4) because few-step sampling lives on the noisiest predictions, and above (min-SNR, Hang et al.,
# arXiv 2303.09556).
MINIMUM_SNR, MAXIMUM_SNR = 1.0, 5.0
PLACE_WEIGHT = 0.2


@dataclass(frozen=True)
class PlanBatch:
    """first_frame: latents (B, C, h, w). future: latents (B, F, C, h, w). text: (B, L, D). at: where the
    named thing is in the first frame, (B, 2) shares from the left and from the top; nan where not known,
    None where it never is. noise: what a teacher drew the future from, like it; None where it was seen."""

    first_frame: Tensor
    future: Tensor
    text: Tensor
    at: Tensor | None = None
    noise: Tensor | None = None


def diffusion_loss(network: ChangeDenoiser, batch: PlanBatch, generator: torch.Generator) -> Tensor:
    """The weighted squared error of the predicted x_0 at random timesteps (one scalar)."""
    clean = network.to_change(batch.future, batch.first_frame)
    timestep = noisier_timesteps(len(clean), generator)
    alpha = network.alphas[timestep][:, None, None, None, None]
    noise = torch.randn(clean.shape, generator=generator)
    noisy = alpha.sqrt() * clean + (1.0 - alpha).sqrt() * noise
    text = _with_dropout(batch.text, generator)
    with mixed_precision():
        predicted: Tensor = network(noisy, timestep, text, batch.first_frame)
    return (signal_weight(alpha) * (predicted.float() - clean).square()).mean()


def noisier_timesteps(count: int, generator: torch.Generator) -> Tensor:
    """Random timesteps (count,), half among the noisiest quarter: few-step plans are decided there."""
    timestep = (TRAINING_STEPS * (1.0 - torch.rand(count, generator=generator).square())).long()
    return timestep.clamp(max=TRAINING_STEPS - 1)


def signal_weight(alpha: Tensor) -> Tensor:
    """The weight of x_0's error where the signal's share is alpha."""
    return (alpha / (1.0 - alpha)).clamp(MINIMUM_SNR, MAXIMUM_SNR)


Loss = Callable[[Any, PlanBatch, torch.Generator], Tensor]


def grounding_loss(network: ChangeDenoiser) -> Loss:
    """The squared error of what the network's grounding expects, and the cross-entropy of where it sees the
    named thing, as a loss of that grounding (one scalar)."""

    def loss(grounding: Grounding, batch: PlanBatch, generator: torch.Generator) -> Tensor:
        clean = network.to_change(batch.future, batch.first_frame)
        text = _with_dropout(batch.text, generator)
        with mixed_precision():
            _, place, expected = grounding(batch.first_frame, text)
        error: Tensor = (expected.float() - clean).square().mean()
        if batch.at is None:
            return error
        known = batch.at.isfinite().all(1) & text.any(2).any(1)
        if not known.any():
            return error
        return error + PLACE_WEIGHT * cross_entropy(place[known], grounding.patch_at(batch.at[known]))

    return loss


def _with_dropout(text: Tensor, generator: torch.Generator) -> Tensor:
    dropped = torch.rand(len(text), 1, 1, generator=generator) < TEXT_DROPOUT
    return text.masked_fill(dropped, 0.0)


class DenoiserTrainer(Generic[Network]):
    """AdamW on a loss with a cosine (or constant) learning rate and an exponential moving average.

    `network` is trained in place; `average` is what plans and is saved.
    """

    def __init__(
        self,
        network: Network,
        steps: int,
        learning_rate: float,
        seed: int,
        ema: float = 0.998,
        warmup: float = 0.05,
        loss: Loss = diffusion_loss,
    ) -> None:
        self._loss = loss
        self.network = network.train()
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        self.generator = torch.Generator().manual_seed(seed)
        self.optimizer = torch.optim.AdamW(network.parameters(), learning_rate, weight_decay=1e-3, fused=True)
        self.schedule = one_cycle(self.optimizer, learning_rate, steps, warmup)
        self.steps, self.ema, self.step_count = steps, ema, 0

    def step(self, batch: PlanBatch) -> float:
        """One optimiser step; returns the loss."""
        loss = self._loss(self.network, batch, self.generator)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.step_count += 1
        # A young average forgets its random beginning faster (the usual warm-up of an EMA).
        decay = min(self.ema, (1 + self.step_count) / (10 + self.step_count))
        with torch.no_grad():
            for averaged, current in zip(self.average.parameters(), self.network.parameters(), strict=True):
                averaged.lerp_(current, 1.0 - decay)
        return float(loss.detach())

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


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
