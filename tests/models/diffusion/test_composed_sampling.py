"""Two models composed, against the answer in closed form: both know Gaussian data, on schedules of their own.

Noise that is linear in the latents keeps them Gaussian, so the sampler's mean and spread follow from a
recursion over two numbers, written out here in float64.
"""

import pytest
import torch
from torch import Tensor

from sail_models.diffusion.composition import RULES, Part, Text
from sail_models.diffusion.sampler import LEAST_SIGNAL, ConditionedDenoiser, sample_latents
from sail_models.diffusion.schedule import PredictionType, cosine_alphas, stable_diffusion_alphas, to_noise

SHAPE = (2, 3, 2, 2)
COUNT = 4000
# Even its last step leaves some signal.
SCALED_LINEAR = stable_diffusion_alphas()


class Gaussian:
    """A model of data N(text's first number, spread²) that predicts what `kind` says."""

    latent_shape, frames, text_width = SHAPE[1:], SHAPE[0], 1

    def __init__(self, alphas: Tensor, spread: float, kind: PredictionType) -> None:
        self.alphas, self.spread, self.kind = alphas, spread, kind
        self.calls: list[int] = []

    def predict_noise(self, latents: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        self.calls.append(len(latents))
        alpha = self.alphas[timestep][:, None, None, None, None]
        mean = text[:, 0, 0][:, None, None, None, None]
        centred = (latents - alpha.sqrt() * mean) / (alpha * self.spread**2 + 1 - alpha)
        noise, clean = (1 - alpha).sqrt() * centred, mean + self.spread**2 * alpha.sqrt() * centred
        predicted = {
            "epsilon": noise,
            "sample": clean,
            "v_prediction": alpha.sqrt() * noise - (1 - alpha).sqrt() * clean,
        }
        return to_noise(predicted[self.kind], latents, alpha, self.kind)


MEANS: dict[tuple[Part, Text], float] = {
    ("domain", "text"): 0.5,
    ("domain", "empty"): -0.2,
    ("prior", "text"): 1.0,
    ("prior", "empty"): 0.1,
}


def models(
    domain: PredictionType = "sample",
    prior: PredictionType = "v_prediction",
    schedule: Tensor = SCALED_LINEAR,
) -> dict[Part, ConditionedDenoiser]:
    def conditioned(part: Part, model: Gaussian) -> ConditionedDenoiser:
        text, empty = (torch.full((COUNT, 1, 1), MEANS[part, kind]) for kind in ("text", "empty"))
        return ConditionedDenoiser(model, text, empty, torch.zeros(COUNT, *SHAPE[1:]))

    return {
        "domain": conditioned("domain", Gaussian(cosine_alphas(), 0.4, domain)),
        "prior": conditioned("prior", Gaussian(schedule, 0.6, prior)),
    }


# The rules' formulas as coefficients of the four noises, so that they are not tested with themselves.
def coefficients(rule: str, w: float, g: float) -> dict[tuple[Part, Text], float]:
    domain: dict[Text, tuple[Part, Text]] = {"text": ("domain", "text"), "empty": ("domain", "empty")}
    prior: dict[Text, tuple[Part, Text]] = {"text": ("prior", "text"), "empty": ("prior", "empty")}
    return {
        "in_domain": {domain["text"]: w, domain["empty"]: 1 - w},
        "prior": {prior["text"]: w, prior["empty"]: 1 - w},
        "probabilistic": {domain["text"]: w, domain["empty"]: 1 - w, prior["text"]: w * g},
        "inverse_probabilistic": {prior["text"]: w, prior["empty"]: 1 - w, domain["text"]: w * g},
        "normalised": {
            prior["text"]: w / (1 + g),
            prior["empty"]: 1 - w,
            domain["text"]: w * g / (1 + g),
        },
    }[rule]


def expected(
    rule: str,
    guidance: float,
    strength: float,
    steps: int,
    composed: int | None = None,
    both_cosine: bool = False,
) -> tuple[float, float]:
    """Mean and standard deviation of what DDIM (Song et al., arXiv 2010.02502, eq. 12, σ = 0) draws."""
    spreads: dict[Part, float] = {"domain": 0.4, "prior": 0.6}
    # The rules that may begin in pure noise, where the in-domain model has a say in any step.
    pure = rule in ("in_domain", "normalised") or composed == 0 or (rule == "prior" and composed is not None)
    alphas = (cosine_alphas() if pure else SCALED_LINEAR).double()
    mean, spread = 0.0, 1.0
    if both_cosine:
        # It begins where there is some signal, which the in-domain model guesses: in pure noise, its mean.
        alphas = cosine_alphas().double()
        alphas = alphas[alphas >= LEAST_SIGNAL]
        mean, spread = float(alphas[-1] ** 0.5) * MEANS["domain", "text"], float((1 - alphas[-1]) ** 0.5)
    count = len(alphas)
    times = [round(count - i * count / steps) - 1 for i in range(steps)]
    for index, (time, following) in enumerate(zip(times, [*times[1:], None], strict=True)):
        a = float(alphas[time])
        after = 1.0 if following is None else float(alphas[following])
        gain = offset = 0.0  # ε = gain · x + offset
        shares = coefficients(rule, guidance, strength)
        if composed is not None and index >= composed:
            shares = {("domain", "text"): 1.0}
        for (part, text), share in shares.items():
            # x_0 = believed · x + rest, as the model sees it at the noisiest that it knows.
            own = max(a, float(SCALED_LINEAR[-1])) if part == "prior" and not both_cosine else a
            believed = spreads[part] ** 2 * own**0.5 / (own * spreads[part] ** 2 + 1 - own)
            rest = MEANS[part, text] * (1 - own**0.5 * believed)
            gain += share * (1 - a**0.5 * believed) / (1 - a) ** 0.5
            offset -= share * a**0.5 * rest / (1 - a) ** 0.5
        kept, added = (after / a) ** 0.5, (1 - after) ** 0.5 - (after * (1 - a) / a) ** 0.5
        mean, spread = kept * mean + added * (gain * mean + offset), spread * (kept + added * gain)
    return mean, abs(spread)


def draw(
    rule: str,
    guidance: float,
    strength: float | None,
    steps: int,
    both: dict[Part, ConditionedDenoiser],
    until: float = 1.0,
) -> Tensor:
    noise = torch.randn((COUNT, *SHAPE), generator=torch.Generator().manual_seed(0))
    noise = (noise - noise.mean()) / noise.std()
    return sample_latents(RULES[rule], both, noise, steps, torch.full((COUNT,), guidance), strength, until)


@pytest.mark.parametrize("guidance", [1.0, 2.5])
@pytest.mark.parametrize("rule", sorted(RULES))
def test_mean_and_spread_are_those_of_the_formula(rule: str, guidance: float) -> None:
    latents = draw(rule, guidance, 0.3, 50, models())
    mean, spread = expected(rule, guidance, 0.3, 50)
    # The two schedules' timesteps do not meet exactly: up to half a timestep of difference.
    assert float(latents.mean()) == pytest.approx(mean, abs=0.01)
    assert float(latents.std()) == pytest.approx(spread, rel=0.02)


@pytest.mark.parametrize("rule", ["probabilistic", "inverse_probabilistic"])
def test_a_sum_that_is_off_in_pure_noise_begins_in_a_guess(rule: str) -> None:
    latents = draw(rule, 2.0, 0.3, 50, models(schedule=cosine_alphas()))
    mean, spread = expected(rule, 2.0, 0.3, 50, both_cosine=True)
    assert float(latents.mean()) == pytest.approx(mean, abs=0.01)
    assert float(latents.std()) == pytest.approx(spread, rel=0.02)


@pytest.mark.parametrize(("until", "composed"), [(0.0, 0), (0.31, 16), (0.5, 25)])
@pytest.mark.parametrize("rule", ["prior", "probabilistic", "normalised"])
def test_after_its_share_of_the_steps_the_prior_is_silent(rule: str, until: float, composed: int) -> None:
    both = models()
    latents = draw(rule, 2.5, 0.3, 50, both, until)
    mean, spread = expected(rule, 2.5, 0.3, 50, composed)
    if composed:
        assert float(latents.mean()) == pytest.approx(mean, abs=0.01)
        assert float(latents.std()) == pytest.approx(spread, rel=0.02)
    prior = both["prior"].denoiser
    assert isinstance(prior, Gaussian) and len(prior.calls) == composed


def test_every_rule_has_its_papers_strength_where_none_is_asked_for() -> None:
    for rule, strength in (("probabilistic", 0.1), ("inverse_probabilistic", 0.5)):
        latents = draw(rule, 1.5, None, 8, models())
        torch.testing.assert_close(latents, draw(rule, 1.5, strength, 8, models()), rtol=0, atol=0)


def test_what_a_model_predicts_does_not_matter() -> None:
    one = draw("inverse_probabilistic", 2.0, 0.3, 8, models("epsilon", "epsilon"))
    other = draw("inverse_probabilistic", 2.0, 0.3, 8, models("v_prediction", "sample"))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-3)


@pytest.mark.parametrize("rule", ["inverse_probabilistic", "normalised"])
def test_without_strength_the_prior_is_alone(rule: str) -> None:
    both = models()
    both["domain"].denoiser.alphas = SCALED_LINEAR  # type: ignore[misc]  # so that both rules follow the prior's
    alone = draw("prior", 2.0, None, 8, both)
    torch.testing.assert_close(draw(rule, 2.0, 0.0, 8, both), alone, rtol=0, atol=1e-5)


def test_two_models_that_agree_draw_what_one_draws() -> None:
    both = models()
    both["domain"] = both["prior"]
    alone = draw("prior", 2.0, None, 8, both)
    torch.testing.assert_close(draw("normalised", 2.0, 0.7, 8, both), alone, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("rule", "domain", "prior"),
    [
        ("in_domain", 2, 0),
        ("prior", 0, 2),
        ("probabilistic", 2, 1),
        ("inverse_probabilistic", 1, 2),
        ("normalised", 1, 2),
    ],
)
def test_a_step_is_one_pass_a_model_with_the_texts_the_rule_needs(rule: str, domain: int, prior: int) -> None:
    both = models()
    draw(rule, 2.0, 0.3, 3, both)
    for part, texts in (("domain", domain), ("prior", prior)):
        model = both[part].denoiser  # type: ignore[index]
        assert isinstance(model, Gaussian)
        assert model.calls == [texts * COUNT] * 3 * bool(texts)
