"""The video planner: a frame and a prompt in, an imagined clip of the next frames out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sail.types import Float32, SailError, UInt8
from sail_models.composition import RULES, Part
from sail_models.denoiser import Denoiser, FrameCodec, Texts
from sail_models.planner_network import PlannerNetwork
from sail_models.precision import mixed_precision
from sail_models.sampler import Conditioned, sample_latents


class PromptError(SailError):
    """A prompt that says nothing."""


@dataclass(frozen=True)
class Plan:
    """Imagined frames uint8 (B, F, H, W, 3) RGB, `frame_skip` control steps apart."""

    frames: UInt8


@dataclass(frozen=True)
class Sampling:
    """How plans are drawn.

    steps: denoising steps. guidance: text guidance w (1 is the conditional model, 0 ignores the text).
    temperature: standard deviation of the starting noise. rule: the composition's name (see `RULES`); all but
    "in_domain" want a prior. strength: γ, the rule's own where None. until: the share of the steps, the
    noisiest, that are composed. negative: the prior's unconditional text.
    """

    steps: int = 4
    guidance: float = 2.0
    temperature: float = 1.0
    rule: str = "in_domain"
    strength: float | None = None
    until: float = 1.0
    negative: str = ""


class VideoPlanner:
    """Plans for many environments at once. `seeds` decide the noise, one an environment, so that a plan
    does not depend on which others are in the batch.

    network: the in-domain model. codec, text: what both models see frames and prompts through. prior: a
    second model over the same changes, where plans are composed (see `prior.fitting`).
    """

    def __init__(
        self, network: PlannerNetwork, codec: FrameCodec, text: Texts, prior: Denoiser | None = None
    ) -> None:
        self.network, self.codec, self.text, self.prior = network.eval(), codec, text, prior

    def plan(
        self,
        frames: UInt8,
        prompts: Sequence[str],
        seeds: Sequence[int],
        sampling: Sampling,
        guidance: Float32 | None = None,
        keep: int | None = None,
    ) -> Plan:
        """Imagine the next frames.

        frames: uint8 (B, H, W, 3). prompts, seeds: length B. guidance: float32 (B,), instead of the
        sampling's own for every plan. keep: decode only that many frames (all F where None). Raises
        PromptError where a prompt is empty.
        """
        latents = self.plan_latents(frames, prompts, seeds, sampling, guidance)[:, :keep]
        decoded = self.codec.decode_frames(latents.flatten(0, 1))
        return Plan(decoded.reshape(*latents.shape[:2], *decoded.shape[1:]))

    @torch.inference_mode()
    def plan_latents(
        self,
        frames: UInt8,
        prompts: Sequence[str],
        seeds: Sequence[int],
        sampling: Sampling,
        guidance: Float32 | None = None,
    ) -> Tensor:
        """The imagined frames as latents: float32 (B, F, C, h, w)."""
        if not all(prompt.strip() for prompt in prompts):
            raise PromptError("an empty prompt plans nothing: say what the arm is to do")
        shape = (self.network.frames, *self.network.latent_shape)
        noise = torch.stack([_noise(seed, shape) for seed in seeds]) * sampling.temperature
        weights = np.full(len(frames), sampling.guidance, np.float32) if guidance is None else guidance
        first_frame = self.codec.encode_frames(frames)
        text, empty = self.text(list(prompts)), self.text([""] * len(prompts))
        models: dict[Part, Conditioned] = {"domain": Conditioned(self.network, text, empty, first_frame)}
        if self.prior is not None:
            negative = self.text([sampling.negative] * len(prompts))
            models["prior"] = Conditioned(self.prior, text, negative, first_frame)
        with mixed_precision():
            change = sample_latents(
                RULES[sampling.rule],
                models,
                noise,
                sampling.steps,
                torch.from_numpy(weights),
                sampling.strength,
                sampling.until,
            )
        return self.network.to_frames(change, first_frame)


def _noise(seed: int, shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
