"""The sampler against a denoiser whose answer is known: data ~ N(μ, s² I), frame by frame."""

import math

import pytest
import torch
from torch import Tensor

from sail_models.diffusion.composition import RULES
from sail_models.diffusion.sampler import ConditionedDenoiser, sample_latents
from sail_models.diffusion.schedule import cosine_alphas

SPREAD = 0.5
SHAPE = (2, 3, 2, 2)


class GaussianDenoiser:
    """ε of data whose mean is the first frame's latents + the text's first number + the place's own."""

    latent_shape = SHAPE[1:]
    frames = SHAPE[0]
    alphas = cosine_alphas()
    offset = torch.linspace(-1.0, 1.0, math.prod(SHAPE)).reshape(SHAPE)

    def mean(self, text: Tensor, first_frame: Tensor) -> Tensor:
        return self.offset + first_frame[:, None] + text[:, 0, 0][:, None, None, None, None]

    def predict_noise(self, latents: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        alpha = self.alphas[timestep][:, None, None, None, None]
        variance = alpha * SPREAD**2 + 1 - alpha
        return (1 - alpha).sqrt() * (latents - alpha.sqrt() * self.mean(text, first_frame)) / variance


DENOISER = GaussianDenoiser()


def sample(noise: Tensor, text: Tensor, first_frame: Tensor, steps: int, guidance: Tensor) -> Tensor:
    model = ConditionedDenoiser(DENOISER, text, torch.zeros_like(text), first_frame)
    return sample_latents(RULES["in_domain"], {"domain": model}, noise, steps, guidance)


def draw(count: int, steps: int, text: float, guidance: float) -> tuple[Tensor, Tensor, Tensor]:
    """The noise, what the sampler made of it, and the conditional mean."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn((count, *SHAPE), generator=generator)
    first_frame = torch.randn((count, *SHAPE[1:]), generator=generator)
    texts = torch.full((count, 4, 5), text)
    latents = sample(noise, texts, first_frame, steps, torch.full((count,), guidance))
    return noise, latents, DENOISER.mean(texts, first_frame)


def recursion(noise: Tensor, mean: Tensor, steps: int) -> Tensor:
    """DDIM (Song et al., eq. 12, σ = 0) on the Gaussian, written out in float64 with trailing timesteps."""
    alphas = DENOISER.alphas.double()
    times = [round(1000 - i * 1000 / steps) - 1 for i in range(steps)]
    x = noise.double()
    for time, following in zip(times, [*times[1:], None], strict=True):
        a = alphas[time]
        after = torch.ones(()) if following is None else alphas[following]
        epsilon = (1 - a).sqrt() * (x - a.sqrt() * mean) / (a * SPREAD**2 + 1 - a)
        clean = mean + SPREAD**2 * a.sqrt() / (a * SPREAD**2 + 1 - a) * (x - a.sqrt() * mean)
        x = after.sqrt() * clean + (1 - after).sqrt() * epsilon
    return x.float()


# 3, 7, 60 and 91 do not divide 1000: each step has to arrive where the next one begins.
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7, 20, 60, 91, 100])
def test_every_number_of_steps_is_ddim(steps: int) -> None:
    noise, latents, mean = draw(20, steps, text=0.3, guidance=1.0)
    # Not closer: float32 ε says x_0 only to about 1e-7 / √a_T = 2e-3 at the first timestep.
    torch.testing.assert_close(latents, recursion(noise, mean, steps), rtol=0, atol=8e-3)


def test_noise_becomes_data() -> None:
    _, latents, mean = draw(3000, 200, text=0.3, guidance=1.0)
    centred = latents - mean
    assert float(centred.mean()) == pytest.approx(0.0, abs=0.01)
    assert float(centred.std()) == pytest.approx(SPREAD, rel=0.02)


def test_more_steps_approach_the_flow_of_the_ode() -> None:
    """For a Gaussian the probability flow maps x_T to μ + s (x_T − √a_T μ) / √(a_T s² + 1 − a_T)."""
    last = DENOISER.alphas[-1]
    errors = []
    for steps in (10, 40, 160):
        noise, latents, mean = draw(200, steps, text=-0.4, guidance=1.0)
        exact = mean + SPREAD * (noise - last.sqrt() * mean) / (last * SPREAD**2 + 1 - last).sqrt()
        errors.append(float((latents - exact).abs().max()))
    # DDIM is of first order: four times the steps, about a quarter of the error.
    assert errors[0] / 5 < errors[1] < errors[0] / 3
    assert errors[1] / 5 < errors[2] < errors[1] / 3


def test_one_step_gives_the_conditional_mean() -> None:
    _, latents, mean = draw(50, 1, text=0.7, guidance=1.0)
    torch.testing.assert_close(latents, mean, rtol=0, atol=8e-3)


@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.5])
def test_guidance_moves_the_mean_along_the_line(guidance: float) -> None:
    """Two Gaussians of one spread: guided, the mean is μ_∅ + w (μ_text − μ_∅); here that is w · text."""
    text = 0.8
    noise, latents, mean = draw(100, 50, text, guidance)
    guided_mean = mean - text + guidance * text
    torch.testing.assert_close(latents, recursion(noise, guided_mean, 50), rtol=0, atol=4e-3)


def test_every_plan_has_its_own_guidance_text_and_first_frame() -> None:
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn((3, *SHAPE), generator=generator)
    first_frame = torch.randn((3, *SHAPE[1:]), generator=generator)
    text = torch.tensor([0.5, -1.0, 2.0])[:, None, None].expand(3, 4, 5)
    weights = torch.tensor([0.0, 1.0, 3.0])
    together = sample(noise, text, first_frame, 4, weights)
    for i in range(3):
        one = slice(i, i + 1)
        alone = sample(noise[one], text[one], first_frame[one], 4, weights[one])
        torch.testing.assert_close(together[one], alone, rtol=0, atol=1e-5)
