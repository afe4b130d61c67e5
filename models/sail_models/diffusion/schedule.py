"""Noise schedules and prediction types: the one place where they are converted into each other.

A noisy latent is x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) ε with a_t the cumulative product of the schedule
(Ho et al., arXiv 2006.11239, eq. 4); v = sqrt(a_t) ε - sqrt(1 - a_t) x_0 (Salimans & Ho, arXiv
2202.00512, appendix D).
"""

from typing import Literal

import torch
from torch import Tensor

PredictionType = Literal["epsilon", "sample", "v_prediction"]
TRAINING_STEPS = 1000


def cosine_alphas(steps: int = TRAINING_STEPS) -> Tensor:
    """Cumulative signal shares a_t of the cosine schedule (Nichol & Dhariwal, arXiv 2102.09672, eq. 17).

    float32 (steps,), falling from about 1 to 2.4e-9 (at 1000 steps); a step adds at most 0.999 of noise
    (β), as there.
    """
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    curve = torch.cos((t + 0.008) / 1.008 * torch.pi / 2) ** 2
    betas = (1.0 - curve[1:] / curve[:-1]).clamp(max=0.999)
    return torch.cumprod(1.0 - betas, 0).float()


def stable_diffusion_alphas(steps: int = TRAINING_STEPS) -> Tensor:
    """Cumulative signal shares a_t of Stable Diffusion's schedule: sqrt(β) rises evenly from sqrt(0.00085)
    to sqrt(0.012). float32 (steps,), falling from 0.999 to 0.0047 (at 1000 steps)."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, steps, dtype=torch.float64) ** 2
    return torch.cumprod(1.0 - betas, 0).float()


def to_noise(prediction: Tensor, noisy: Tensor, alpha: Tensor, kind: PredictionType) -> Tensor:
    """Whatever a model predicts, as ε. alpha: a_t, broadcastable to the latents."""
    if kind == "epsilon":
        return prediction
    if kind == "sample":
        return (noisy - alpha.sqrt() * prediction) / (1.0 - alpha).sqrt()
    return alpha.sqrt() * prediction + (1.0 - alpha).sqrt() * noisy


def to_sample(noise: Tensor, noisy: Tensor, alpha: Tensor) -> Tensor:
    """The clean latents that ε implies: x_0 = (x_t - sqrt(1 - a_t) ε) / sqrt(a_t)."""
    return (noisy - (1.0 - alpha).sqrt() * noise) / alpha.sqrt()


def weigh_in(sample: Tensor, variance: float, noisy: Tensor, alpha: Tensor) -> Tensor:
    """The likeliest x_0, given an estimate of it whose error has `variance`, and noisy latents.

    Both errors taken for Gaussian and independent: the mean of the estimate and of x_t / sqrt(a_t), weighted
    by their inverse variances. With an estimate of 0 it is the skip connection of Karras et al. (arXiv
    2206.00364, table 1).
    """
    return (variance * alpha.sqrt() * noisy + (1.0 - alpha) * sample) / (variance * alpha + 1.0 - alpha)


def timestep_at(alphas: Tensor, signal: Tensor) -> int:
    """The timestep of a schedule (T,) whose signal share comes nearest to `signal` (a scalar), by the
    logarithm of the signal-to-noise ratio.

    Where noise and signal shares add up to one, latents of one signal share are the same whichever
    schedule they are on: two models on different schedules only need asking at different timesteps.
    """
    # In float64, or the cleanest timesteps' 1 - a_t are mostly rounding.
    a, asked = alphas.double(), signal.double()
    return int((torch.logit(a) - torch.logit(asked)).abs().argmin())
