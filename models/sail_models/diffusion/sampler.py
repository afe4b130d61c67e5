"""Drawing plans' latents: a deterministic DDIM sampler over one model's noise, or two models' composed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sail_models.diffusion.composition import FINISH, Part, Rule, Text
from sail_models.diffusion.protocols import Denoiser
from sail_models.diffusion.schedule import timestep_at, to_noise, to_sample

# The least share of signal that a rule begins in whose weights do not sum to one: about where AnimateDiff's
# schedule ends.
LEAST_SIGNAL = 0.0015


@dataclass(frozen=True)
class Asked:
    """Where on its own schedule a model is asked: the timestep, and its share of signal there."""

    timestep: int
    signal: float


@dataclass(frozen=True)
class Step:
    """One denoising step: by which rule, from which share of signal to which, and where each model that has a
    say is asked."""

    rule: Rule
    signal: float
    following: float
    asked: Mapping[Part, Asked]


@dataclass(frozen=True)
class Schedule:
    """All steps, known before anything is sampled. guess: where the in-domain model is asked what it expects
    to see, if the first step does not begin in pure noise."""

    steps: tuple[Step, ...]
    guess: Asked | None


@dataclass(frozen=True)
class Conditioned:
    """A model and what its plans are conditioned on: its own text embeddings of the prompts and of the empty
    text (B, L, D), and the first frames' latents (B, C, h, w)."""

    denoiser: Denoiser
    text: Tensor
    empty: Tensor
    first_frame: Tensor

    def noises(self, latents: Tensor, signal: float, asked: Asked, texts: tuple[Text, ...]) -> list[Tensor]:
        """ε of latents (B, F, C, h, w) whose signal share is `signal`, one for each text, from one forward
        pass. Asked elsewhere on its own schedule, what counts is the model's x_0."""
        embeddings = torch.cat([self.text if text == "text" else self.empty for text in texts])
        count = len(texts)
        predicted = self.denoiser.predict_noise(
            torch.cat([latents] * count),
            torch.full((count * latents.shape[0],), asked.timestep, device=latents.device),
            embeddings,
            torch.cat([self.first_frame] * count),
        )
        noises = list(predicted.reshape(count, *latents.shape).unbind())
        if asked.signal == signal:
            return noises
        own, here = torch.tensor(asked.signal), torch.tensor(signal)
        cleans = [to_sample(one, latents, own) for one in noises]
        return [to_noise(clean, latents, here, "sample") for clean in cleans]


def make_schedule(rule: Rule, alphas: Mapping[Part, Tensor], steps: int, until: float = 1.0) -> Schedule:
    """The steps in which a rule samples.

    alphas: the schedules, float32 (T,), of at least the models that the rule takes noise of. until: the share
    of the steps, the noisiest, that the rule composes; in the others the in-domain model goes on alone
    (guidance in a limited interval: Kynkäänniemi et al., arXiv 2404.07724). Of two schedules the one is
    followed that ends with less signal: a model that expects some and is given pure noise takes it for
    stillness (Lin et al., arXiv 2305.08891). With a rule whose weights do not sum to one it is the other, and
    never less than LEAST_SIGNAL: in pure noise such a sum is off beyond any bound. What signal that is has to
    be guessed then; the in-domain model does. Steps are spaced trailing, the last timestep first (Lin et al.,
    table 2).
    """
    composed = math.ceil(until * steps)
    rules = [rule] * composed + [FINISH] * (steps - composed)
    used = {part: own for part, own in alphas.items() if any(one.texts(part) for one in rules)}
    pure = all(one.sums_to_one for one in rules)
    choose = min if pure else max
    followed = choose(used.values(), key=lambda own: float(own[-1]))
    guess = None
    if not pure and followed[-1] < LEAST_SIGNAL:
        followed = followed[followed >= LEAST_SIGNAL]
        domain = alphas["domain"]
        guess = Asked(len(domain) - 1, float(domain[-1]))
    spacing = len(followed) / steps
    signals = [float(followed[round(len(followed) - number * spacing) - 1]) for number in range(steps)]
    made = []
    for one, signal, following in zip(rules, signals, [*signals[1:], 1.0], strict=True):
        places = {
            part: timestep_at(own, torch.tensor(signal)) for part, own in used.items() if one.texts(part)
        }
        asked = {part: Asked(place, float(used[part][place])) for part, place in places.items()}
        made.append(Step(one, signal, following, asked))
    return Schedule(tuple(made), guess)


def denoise(
    schedule: Schedule,
    models: Mapping[Part, Conditioned],
    noise: Tensor,
    guidance: Tensor,
    strength: float | Tensor | None = None,
) -> Tensor:
    """Denoise (B, F, C, h, w) noise by DDIM (Song et al., arXiv 2010.02502, eq. 12 with σ = 0).

    models: each is one forward pass a step, with all its texts. guidance: float32 (B,). strength: γ, the
    rules' own where None.
    """
    latents = noise
    if schedule.guess is not None:
        latents = _guess(models["domain"], noise, schedule.guess, torch.tensor(schedule.steps[0].signal))
    weight = guidance[:, None, None, None, None]
    for step in schedule.steps:
        noises: dict[tuple[Part, Text], Tensor] = {}
        for part, asked in step.asked.items():
            texts = step.rule.texts(part)
            predicted = models[part].noises(latents, step.signal, asked, texts)
            noises |= {(part, text): epsilon for text, epsilon in zip(texts, predicted, strict=True)}
        epsilon = step.rule(noises, weight, strength)
        clean = to_sample(epsilon, latents, torch.tensor(step.signal))
        after = torch.tensor(step.following)
        latents = after.sqrt() * clean + (1.0 - after).sqrt() * epsilon
    return latents


@torch.inference_mode()
def sample_latents(
    rule: Rule,
    models: Mapping[Part, Conditioned],
    noise: Tensor,
    steps: int,
    guidance: Tensor,
    strength: float | None = None,
    until: float = 1.0,
) -> Tensor:
    """Denoise (B, F, C, h, w) noise in `steps` steps under a composition rule (see `make_schedule` and
    `denoise`)."""
    alphas = {part: model.denoiser.alphas.cpu() for part, model in models.items()}
    return denoise(make_schedule(rule, alphas, steps, until), models, noise, guidance, strength)


def _guess(model: Conditioned, noise: Tensor, asked: Asked, signal: Tensor) -> Tensor:
    """Noise (B, F, C, h, w) with a share of signal in it: what the model expects, under the prompt, where it
    sees nothing."""
    nothing = model.noises(noise, asked.signal, asked, ("text",))[0]
    expected = to_sample(nothing, noise, torch.tensor(asked.signal))
    return signal.sqrt() * expected + (1.0 - signal).sqrt() * noise
