"""The noise schedule is the published one, and every prediction type says the same thing."""

import math
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sail_models.diffusion.schedule import (
    TRAINING_STEPS,
    PredictionType,
    add_noise,
    cosine_alphas,
    ddim_step,
    timestep_at,
    to_noise,
    to_sample,
    weigh_in,
)

ROOT = Path(__file__).parents[3]
NUMBERS = st.floats(-5.0, 5.0)
ALPHAS = st.floats(1e-4, 1.0 - 1e-4)


def curve(t: float) -> float:
    """f(t) of Nichol & Dhariwal, eq. 17, with s = 0.008."""
    return math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2


def test_the_cosine_schedule_is_the_papers() -> None:
    alphas = cosine_alphas()
    assert alphas.shape == (TRAINING_STEPS,)
    assert alphas.dtype == torch.float32
    expected = torch.tensor([curve(t / 1000) / curve(0) for t in range(1, 1000)])
    torch.testing.assert_close(alphas[:-1], expected, rtol=2e-5, atol=0)
    # f(1) is 0: the last β would be 1 and is limited to 0.999.
    assert float(alphas[-1] / alphas[-2]) == pytest.approx(0.001, rel=1e-5)


@pytest.mark.parametrize("steps", [1, 10, 1000])
def test_the_schedule_falls_from_signal_to_noise(steps: int) -> None:
    alphas = cosine_alphas(steps)
    assert len(alphas) == steps
    assert bool((alphas.diff() < 0).all())
    assert 0 < float(alphas[-1]) < 0.01
    assert float(alphas[0]) < 1


@given(NUMBERS, NUMBERS, ALPHAS)
def test_all_prediction_types_are_the_same_noise(clean: float, noise: float, alpha: float) -> None:
    x_0, epsilon, a = (torch.tensor([value], dtype=torch.float64) for value in (clean, noise, alpha))
    noisy = a.sqrt() * x_0 + (1 - a).sqrt() * epsilon
    predictions: dict[PredictionType, torch.Tensor] = {
        "epsilon": epsilon,
        "sample": x_0,
        "v_prediction": a.sqrt() * epsilon - (1 - a).sqrt() * x_0,
    }
    for kind, prediction in predictions.items():
        found = to_noise(prediction, noisy, a, kind)
        torch.testing.assert_close(found, epsilon, rtol=0, atol=1e-9)
        torch.testing.assert_close(to_sample(found, noisy, a), x_0, rtol=0, atol=1e-9)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.99, 1.0])
def test_noise_is_added_with_the_schedules_mean_and_variance(alpha: float) -> None:
    noise = torch.randn(200_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    noise = (noise - noise.mean()) / noise.std()
    noisy = add_noise(torch.tensor(3.0, dtype=torch.float64), noise, torch.tensor(alpha, dtype=torch.float64))
    assert float(noisy.mean()) == pytest.approx(3.0 * alpha**0.5, abs=1e-9)
    assert float(noisy.var()) == pytest.approx(1.0 - alpha, abs=1e-9)


@given(NUMBERS, NUMBERS, ALPHAS)
def test_the_clean_sample_comes_back_out_of_its_noise(clean: float, noise: float, alpha: float) -> None:
    x_0, epsilon, a = (torch.tensor([value], dtype=torch.float64) for value in (clean, noise, alpha))
    noisy = add_noise(x_0, epsilon, a)
    torch.testing.assert_close(to_sample(epsilon, noisy, a), x_0, rtol=0, atol=1e-9)
    torch.testing.assert_close(to_noise(x_0, noisy, a, "sample"), epsilon, rtol=0, atol=1e-9)


@given(NUMBERS, NUMBERS, ALPHAS, ALPHAS)
def test_a_ddim_step_stays_on_the_trajectory(clean: float, noise: float, alpha: float, after: float) -> None:
    x_0, epsilon, a, b = (torch.tensor([v], dtype=torch.float64) for v in (clean, noise, alpha, after))
    noisy = add_noise(x_0, epsilon, a)
    predictions: dict[PredictionType, torch.Tensor] = {
        "epsilon": epsilon,
        "sample": x_0,
        "v_prediction": a.sqrt() * epsilon - (1 - a).sqrt() * x_0,
    }
    for kind, prediction in predictions.items():
        found = ddim_step(prediction, noisy, a, b, kind)
        torch.testing.assert_close(found, b.sqrt() * x_0 + (1 - b).sqrt() * epsilon, rtol=0, atol=1e-8)
        last = ddim_step(prediction, noisy, a, torch.ones(()), kind)
        torch.testing.assert_close(last, x_0, rtol=0, atol=1e-8)


# The factor of the noise in x_t: (1.0 - alpha).sqrt() *, whatever the signal share is called.
MIXING = re.compile(r"\(1(\.0?)? - [^()]+\)(\.sqrt\(\)| ?\*\* ?0?\.5) \*|sqrt\(1(\.0?)? - \w*alpha")


def test_noise_is_mixed_in_the_schedule_alone() -> None:
    sources = [path for folder in ("models", "sail") for path in sorted((ROOT / folder).rglob("*.py"))]
    found = [path.relative_to(ROOT).as_posix() for path in sources if MIXING.search(path.read_text())]
    assert found == ["models/sail_models/diffusion/schedule.py"]


@given(ALPHAS, st.floats(0.01, 2.0))
def test_an_estimate_and_noisy_latents_are_weighed_by_their_errors(alpha: float, variance: float) -> None:
    generator = torch.Generator().manual_seed(0)
    x_0, error, noise = torch.randn(3, 20_000, generator=generator, dtype=torch.float64)
    a = torch.tensor(alpha, dtype=torch.float64)
    estimate, noisy = x_0 + variance**0.5 * error, a.sqrt() * x_0 + (1 - a).sqrt() * noise
    found = float((weigh_in(estimate, variance, noisy, a) - x_0).square().mean())
    # Of two independent unbiased estimates the best has the sum of their precisions.
    assert found == pytest.approx(1 / (1 / variance + alpha / (1 - alpha)), rel=0.1)
    torch.testing.assert_close(weigh_in(estimate, 0.0, noisy, a), estimate)


def test_a_schedule_finds_its_own_timesteps() -> None:
    alphas = cosine_alphas()
    assert [timestep_at(alphas, alphas[t]) for t in range(TRAINING_STEPS)] == list(range(TRAINING_STEPS))


def test_the_nearest_timestep_is_nearest_by_signal_to_noise() -> None:
    alphas = torch.tensor([0.999, 0.9, 0.5, 0.1, 0.001])
    # Between 0.9 (9 to 1) and 0.5 (1 to 1) the middle is 3 to 1.
    assert timestep_at(alphas, torch.tensor(0.76)) == 1
    assert timestep_at(alphas, torch.tensor(0.74)) == 2
    assert timestep_at(alphas, torch.tensor(0.9999)) == 0
    assert timestep_at(alphas, torch.tensor(1e-9)) == 4
