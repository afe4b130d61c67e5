"""Drawing plans' latents: a deterministic DDIM sampler over one model's noise, or two models' composed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from torch import Tensor

from sail_models.composition import FINISH, Part, Rule, Text
from sail_models.denoiser import Denoiser
from sail_models.schedule import timestep_at, to_noise, to_sample

# The least share of signal that a rule begins in whose weights do not sum to one: about where AnimateDiff's
# schedule ends.
LEAST_SIGNAL = 0.0015


@dataclass(frozen=True)
class Conditioned:
    """A model and what its plans are conditioned on: its own text embeddings of the prompts and of the empty
    text (B, L, D), and the first frames' latents (B, C, h, w)."""

    denoiser: Denoiser
    text: Tensor
    empty: Tensor
    first_frame: Tensor

    def noises(self, latents: Tensor, signal: Tensor, texts: tuple[Text, ...]) -> list[Tensor]:
        """ε of latents (B, F, C, h, w) whose signal share is `signal`, one for each text, from one forward
        pass. The model is asked at the timestep of its own schedule that comes nearest; its x_0 counts."""
        embeddings = torch.cat([self.text if text == "text" else self.empty for text in texts])
        timestep = timestep_at(self.denoiser.alphas, signal)
        count = len(texts)
        noise = self.denoiser.predict_noise(
            torch.cat([latents] * count),
            torch.full((count * len(latents),), timestep),
            embeddings,
            torch.cat([self.first_frame] * count),
        )
        own = self.denoiser.alphas[timestep]
        if own == signal:
            return list(noise.chunk(count))
        cleans = [to_sample(one, latents, own) for one in noise.chunk(count)]
        return [to_noise(clean, latents, signal, "sample") for clean in cleans]


def make_scheduler(alphas: Tensor) -> DPMSolverMultistepScheduler:
    """A deterministic DDIM scheduler on the given cumulative signal shares; takes ε.

    DPM-Solver++ of order 1 is DDIM (Lu et al., arXiv 2211.01095, section 4). diffusers' own DDIMScheduler
    steps to other timesteps than it announces where the number of steps does not divide the schedule's.
    """
    previous = torch.cat([torch.ones(1), alphas[:-1]])
    scheduler: DPMSolverMultistepScheduler = DPMSolverMultistepScheduler(
        num_train_timesteps=len(alphas),
        trained_betas=(1.0 - alphas / previous).tolist(),
        prediction_type="epsilon",
        algorithm_type="dpmsolver++",
        solver_order=1,
        final_sigmas_type="zero",
        timestep_spacing="trailing",
    )
    return scheduler


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
    """Denoise (B, F, C, h, w) noise in `steps` DDIM steps under a composition rule.

    models: at least those that the rule takes noise of. Each is one forward pass a step, with all its texts.
    guidance: float32 (B,). strength: γ, the rule's own where None. until: the share of the steps, the
    noisiest, that the rule composes; in the others the in-domain model goes on alone (guidance in a limited
    interval: Kynkäänniemi et al., arXiv 2404.07724). Of two schedules the one is followed that ends with less
    signal: a model that expects some and is given pure noise takes it for stillness (Lin et al., arXiv
    2305.08891). With a rule whose weights do not sum to one it is the other, and never less than
    LEAST_SIGNAL: in pure noise such a sum is off beyond any bound. What signal that is has to be guessed
    then; the in-domain model does.
    """
    composed = math.ceil(until * steps)
    rules = [rule] * composed + [FINISH] * (steps - composed)
    used = {part: model for part, model in models.items() if any(one.texts(part) for one in rules)}
    pure = all(one.sums_to_one for one in rules)
    choose = min if pure else max
    alphas = choose((model.denoiser.alphas for model in used.values()), key=lambda alphas: float(alphas[-1]))
    latents = noise
    if not pure and alphas[-1] < LEAST_SIGNAL:
        alphas = alphas[alphas >= LEAST_SIGNAL]
        latents = _guess(used["domain"], noise, alphas[-1])
    scheduler = make_scheduler(alphas)
    scheduler.set_timesteps(steps)
    weight = guidance[:, None, None, None, None]
    for one, timestep in zip(rules, scheduler.timesteps, strict=True):
        noises: dict[tuple[Part, Text], Tensor] = {}
        for part, model in used.items():
            texts = one.texts(part)
            if not texts:
                continue
            predicted = model.noises(latents, alphas[timestep], texts)
            noises |= {(part, text): epsilon for text, epsilon in zip(texts, predicted, strict=True)}
        latents = scheduler.step(one(noises, weight, strength), timestep, latents, return_dict=False)[0]
    return latents


def _guess(model: Conditioned, noise: Tensor, signal: Tensor) -> Tensor:
    """Noise (B, F, C, h, w) with a share of signal in it: what the model expects, under the prompt, where it
    sees nothing."""
    last = model.denoiser.alphas[-1]
    expected = to_sample(model.noises(noise, last, ("text",))[0], noise, last)
    return signal.sqrt() * expected + (1.0 - signal).sqrt() * noise
