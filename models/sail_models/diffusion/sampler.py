"""The sampler: deterministic DDIM with one model's noise, or with two models' noise composed by a rule."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sail_models.diffusion.composition import CONDITIONAL, Part, Rule, Text
from sail_models.diffusion.denoiser import Denoiser
from sail_models.diffusion.schedule import add_noise, ddim_step, timestep_at, to_noise, to_sample

# The smallest signal share in which sampling begins under a rule whose weights do not sum to one: about the
# share in which AnimateDiff's noise schedule ends.
LEAST_SIGNAL = 0.0015


@dataclass(frozen=True)
class SchedulePoint:
    """A point of a model's own noise schedule: the timestep, and the signal share there."""

    timestep: int
    signal: float


@dataclass(frozen=True)
class Step:
    """One denoising step, from signal share `signal` to signal share `following`.

    rule: composes the step's noise. points: for each model that the rule needs, the point of its own noise
    schedule at which it is called.
    """

    rule: Rule
    signal: float
    following: float
    points: Mapping[Part, SchedulePoint]


@dataclass(frozen=True)
class SamplingSchedule:
    """All denoising steps, known before sampling begins.

    guess: where sampling begins with some signal, the point at which the in-domain model predicts that signal
    from pure noise; None where sampling begins in pure noise.
    """

    steps: tuple[Step, ...]
    guess: SchedulePoint | None


@dataclass(frozen=True)
class ConditionedDenoiser:
    """A model with the conditions of a batch of plans.

    text, empty: the prompts and the empty (or negative) text as the model's own encoder embeds them, each (B,
    L, D). first_frame: latents (B, C, h, w).
    """

    denoiser: Denoiser
    text: Tensor
    empty: Tensor
    first_frame: Tensor

    def predict_noises(
        self, latents: Tensor, signal: float, point: SchedulePoint, texts: tuple[Text, ...]
    ) -> list[Tensor]:
        """ε of latents (B, F, C, h, w) with signal share `signal`, one tensor a text, from one forward pass.

        The model is called at `point`. Where the point's signal share differs from `signal`, the model's x_0
        is kept, and ε is computed from x_0 at `signal`.
        """
        embeddings = torch.cat([self.text if text == "text" else self.empty for text in texts])
        count = len(texts)
        predicted = self.denoiser.predict_noise(
            torch.cat([latents] * count),
            torch.full((count * latents.shape[0],), point.timestep, device=latents.device),
            embeddings,
            torch.cat([self.first_frame] * count),
        )
        noises = list(predicted.reshape(count, *latents.shape).unbind())
        if point.signal == signal:
            return noises
        own, here = torch.tensor(point.signal), torch.tensor(signal)
        cleans = [to_sample(one, latents, own) for one in noises]
        return [to_noise(clean, latents, here, "sample") for clean in cleans]


def make_sampling_schedule(
    rule: Rule, alphas: Mapping[Part, Tensor], steps: int, until: float = 1.0
) -> SamplingSchedule:
    """The steps in which a rule samples.

    alphas: the noise schedules, float32 (T,), of at least the models that the rule needs. until: the share of
    the steps, the noisiest, that the rule composes. The in-domain model alone denoises in the other steps
    (guidance in a limited interval: Kynkäänniemi et al., arXiv 2404.07724).

    Of two noise schedules the sampler follows the one that ends with less signal: a model that expects some
    signal and is given pure noise takes the noise for stillness (Lin et al., arXiv 2305.08891). Under a rule
    whose weights do not sum to one the sampler follows the other schedule, and never below LEAST_SIGNAL,
    because in pure noise such a sum is wrong beyond any bound. Sampling then begins with some signal, which
    the in-domain model guesses. Steps are spaced trailing, the last timestep first (Lin et al., table 2).
    """
    composed = math.ceil(until * steps)
    rules = [rule] * composed + [CONDITIONAL] * (steps - composed)
    used = {part: own for part, own in alphas.items() if any(one.texts(part) for one in rules)}
    pure = all(one.sums_to_one for one in rules)
    choose = min if pure else max
    followed = choose(used.values(), key=lambda own: float(own[-1]))
    guess = None
    if not pure and followed[-1] < LEAST_SIGNAL:
        followed = followed[followed >= LEAST_SIGNAL]
        domain = alphas["domain"]
        guess = SchedulePoint(len(domain) - 1, float(domain[-1]))
    spacing = len(followed) / steps
    signals = [float(followed[round(len(followed) - number * spacing) - 1]) for number in range(steps)]
    made = []
    for one, signal, following in zip(rules, signals, [*signals[1:], 1.0], strict=True):
        timesteps = {
            part: timestep_at(own, torch.tensor(signal)) for part, own in used.items() if one.texts(part)
        }
        points = {
            part: SchedulePoint(timestep, float(used[part][timestep])) for part, timestep in timesteps.items()
        }
        made.append(Step(one, signal, following, points))
    return SamplingSchedule(tuple(made), guess)


@torch.inference_mode()
def sample_latents(
    rule: Rule,
    models: Mapping[Part, ConditionedDenoiser],
    noise: Tensor,
    steps: int,
    guidance: Tensor,
    strength: float | None = None,
    until: float = 1.0,
) -> Tensor:
    """Denoise noise (B, F, C, h, w) in `steps` steps (see `make_sampling_schedule` and `denoise`)."""
    alphas = {part: model.denoiser.alphas.cpu() for part, model in models.items()}
    return denoise(make_sampling_schedule(rule, alphas, steps, until), models, noise, guidance, strength)


def denoise(
    schedule: SamplingSchedule,
    models: Mapping[Part, ConditionedDenoiser],
    noise: Tensor,
    guidance: Tensor,
    strength: float | Tensor | None = None,
) -> Tensor:
    """Denoise noise (B, F, C, h, w) by the steps of a sampling schedule, with DDIM.

    models: each runs one forward pass a step, with all its texts. guidance: float32 (B,). strength: γ; the
    rules' own where None. Returns x_0, (B, F, C, h, w).
    """
    latents = noise
    if schedule.guess is not None:
        latents = _begin(models["domain"], noise, schedule.guess, torch.tensor(schedule.steps[0].signal))
    weight = guidance[:, None, None, None, None]
    for step in schedule.steps:
        noises: dict[tuple[Part, Text], Tensor] = {}
        for part, point in step.points.items():
            texts = step.rule.texts(part)
            predicted = models[part].predict_noises(latents, step.signal, point, texts)
            noises |= {(part, text): epsilon for text, epsilon in zip(texts, predicted, strict=True)}
        epsilon = step.rule(noises, weight, strength)
        alpha, following = torch.tensor(step.signal), torch.tensor(step.following)
        latents = ddim_step(epsilon, latents, alpha, following, "epsilon")
    return latents


def _begin(model: ConditionedDenoiser, noise: Tensor, point: SchedulePoint, signal: Tensor) -> Tensor:
    """Noise (B, F, C, h, w) with signal share `signal`: the x_0 that the model predicts from the noise alone,
    under the prompt, noised by the same noise."""
    epsilon = model.predict_noises(noise, point.signal, point, ("text",))[0]
    expected = to_sample(epsilon, noise, torch.tensor(point.signal))
    return add_noise(expected, noise, signal)
