"""Fitting a planner or a prior: the losses on windows of latents.

Diffusion for the network whole; for its grounding alone the expected change, which is what a denoiser
would predict from pure noise, and where the named thing is, if that is known.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from sail_models.device import normal, uniform
from sail_models.diffusion.denoiser import ChangeDenoiser
from sail_models.diffusion.schedule import TRAINING_STEPS
from sail_models.networks.grounding import Grounding
from sail_models.precision import mixed_precision

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
    noise = normal(clean.shape, generator)
    noisy = alpha.sqrt() * clean + (1.0 - alpha).sqrt() * noise
    text = _with_dropout(batch.text, generator)
    with mixed_precision(generator.device):
        predicted: Tensor = network(noisy, timestep, text, batch.first_frame)
    return (signal_weight(alpha) * (predicted.float() - clean).square()).mean()


def noisier_timesteps(count: int, generator: torch.Generator) -> Tensor:
    """Random timesteps (count,), half among the noisiest quarter: few-step plans are decided there."""
    timestep = (TRAINING_STEPS * (1.0 - uniform((count,), generator).square())).long()
    return timestep.clamp(max=TRAINING_STEPS - 1)


def signal_weight(alpha: Tensor) -> Tensor:
    """The weight of x_0's error where the signal's share is alpha."""
    return (alpha / (1.0 - alpha)).clamp(MINIMUM_SNR, MAXIMUM_SNR)


def grounding_loss(network: ChangeDenoiser) -> Callable[[Grounding, PlanBatch, torch.Generator], Tensor]:
    """The squared error of what the network's grounding expects, and the cross-entropy of where it sees the
    named thing, as a loss of that grounding (one scalar)."""

    def loss(grounding: Grounding, batch: PlanBatch, generator: torch.Generator) -> Tensor:
        clean = network.to_change(batch.future, batch.first_frame)
        text = _with_dropout(batch.text, generator)
        with mixed_precision(generator.device):
            _, place, expected = grounding(batch.first_frame, text)
        error: Tensor = (expected.float() - clean).square().mean()
        if batch.at is None:
            return error
        known = batch.at.isfinite().all(1) & text.any(2).any(1)
        patch = grounding.patch_at(batch.at.nan_to_num())
        misplaced = cross_entropy(place, patch, reduction="none") * known
        return error + PLACE_WEIGHT * misplaced.sum() / known.sum().clamp(min=1)

    return loss


def _with_dropout(text: Tensor, generator: torch.Generator) -> Tensor:
    dropped = uniform((len(text), 1, 1), generator) < TEXT_DROPOUT
    return text.masked_fill(dropped, 0.0)
