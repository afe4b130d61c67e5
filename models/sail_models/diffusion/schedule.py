"""Noise schedules, and every formula that mixes a clean sample with noise or separates the two.

A noisy sample is x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) ε (Ho et al., arXiv 2006.11239, eq. 4). x_0 is the clean
sample, ε is standard normal noise, and the signal share a_t falls from almost 1 at timestep 0 to almost 0 at
the last timestep. A model predicts ε, x_0 or v = sqrt(a_t) ε - sqrt(1 - a_t) x_0 (Salimans & Ho, arXiv
2202.00512, appendix D).

In every function below `alpha` is a_t: a tensor that broadcasts to the samples. The samples are tensors of
any one shape.
"""

from typing import Literal

import torch
from torch import Tensor

PredictionType = Literal["epsilon", "sample", "v_prediction"]
TRAINING_STEPS = 1000


def cosine_alphas(steps: int = TRAINING_STEPS) -> Tensor:
    """Signal shares a_t of the cosine schedule (Nichol & Dhariwal, arXiv 2102.09672, eq. 17).

    float32 (steps,), falling from about 1 to 2.4e-9 (at 1000 steps). As in that paper, β is at most 0.999.
    """
    t = torch.arange(steps + 1, dtype=torch.float64) / steps
    curve = torch.cos((t + 0.008) / 1.008 * torch.pi / 2) ** 2
    betas = (1.0 - curve[1:] / curve[:-1]).clamp(max=0.999)
    return torch.cumprod(1.0 - betas, 0).float()


def stable_diffusion_alphas(steps: int = TRAINING_STEPS) -> Tensor:
    """Signal shares a_t of Stable Diffusion's schedule.

    sqrt(β) rises evenly from sqrt(0.00085) to sqrt(0.012). float32 (steps,), falling from 0.999 to 0.0047 (at
    1000 steps).
    """
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, steps, dtype=torch.float64) ** 2
    return torch.cumprod(1.0 - betas, 0).float()


def add_noise(clean: Tensor, noise: Tensor, alpha: Tensor) -> Tensor:
    """The noisy sample x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) ε (Ho et al., eq. 4)."""
    return alpha.sqrt() * clean + (1.0 - alpha).sqrt() * noise


def to_noise(prediction: Tensor, noisy: Tensor, alpha: Tensor, kind: PredictionType) -> Tensor:
    """The ε that a prediction of any kind implies about the noisy sample."""
    if kind == "epsilon":
        return prediction
    if kind == "sample":
        return (noisy - alpha.sqrt() * prediction) / (1.0 - alpha).sqrt()
    return alpha.sqrt() * prediction + (1.0 - alpha).sqrt() * noisy


def to_sample(noise: Tensor, noisy: Tensor, alpha: Tensor) -> Tensor:
    """The clean sample that ε implies: x_0 = (x_t - sqrt(1 - a_t) ε) / sqrt(a_t)."""
    return (noisy - (1.0 - alpha).sqrt() * noise) / alpha.sqrt()


def ddim_step(
    prediction: Tensor, noisy: Tensor, alpha: Tensor, following: Tensor, kind: PredictionType
) -> Tensor:
    """One deterministic DDIM step (Song et al., arXiv 2010.02502, eq. 12 with σ = 0).

    The predicted x_0 and ε are mixed anew at the signal share `following`, which broadcasts like alpha. With
    following = 1 the result is x_0.
    """
    noise = to_noise(prediction, noisy, alpha, kind)
    clean = prediction if kind == "sample" else to_sample(noise, noisy, alpha)
    return add_noise(clean, noise, following)


def weigh_in(sample: Tensor, variance: float, noisy: Tensor, alpha: Tensor) -> Tensor:
    """The likeliest x_0 given two sources: an estimate `sample`, and the noisy sample x_t.

    variance: of the estimate's error. x_t / sqrt(a_t) is an estimate too, with variance (1 - a_t) / a_t. Both
    errors are taken to be Gaussian and independent, so the result is the mean of the two estimates, weighted
    by their inverse variances. With a `sample` of 0 the result is the skip connection of Karras et al. (arXiv
    2206.00364, table 1).
    """
    return (variance * alpha.sqrt() * noisy + (1.0 - alpha) * sample) / (variance * alpha + 1.0 - alpha)


def timestep_at(alphas: Tensor, signal: Tensor) -> int:
    """The timestep whose signal share is nearest to `signal`, by the logarithm of the signal-to-noise ratio.

    alphas: a noise schedule (T,). signal: a scalar. A sample with a given signal share is the same on every
    noise schedule, so two models with different schedules are called at different timesteps of their own.
    """
    # In float64: in float32 the cleanest timesteps' 1 - a_t are mostly rounding error.
    a, wanted = alphas.double(), signal.double()
    return int((torch.logit(a) - torch.logit(wanted)).abs().argmin())
