"""The video planner: a frame and a prompt in, an imagined clip of the next frames out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sail.types import Float32, UInt8
from sail_models.autoencoder import Autoencoder, frames_to_tensor, tensor_to_frames
from sail_models.composition import RULES
from sail_models.planner_network import PlannerNetwork
from sail_models.precision import mixed_precision
from sail_models.sampler import Conditioned, sample_latents
from sail_models.text import TextEncoder


@dataclass(frozen=True)
class Plan:
    """Imagined frames uint8 (B, F, H, W, 3) RGB, `frame_skip` control steps apart."""

    frames: UInt8


@dataclass(frozen=True)
class Sampling:
    """How plans are drawn. steps: denoising steps. guidance: text guidance w (1 is the conditional model,
    0 ignores the text). temperature: standard deviation of the starting noise."""

    steps: int = 4
    guidance: float = 2.0
    temperature: float = 1.0


class VideoPlanner:
    """Plans for many environments at once. `seeds` decide the noise, one an environment, so that a plan
    does not depend on which others are in the batch."""

    def __init__(self, network: PlannerNetwork, autoencoder: Autoencoder, text: TextEncoder) -> None:
        self.network = network.eval()
        self.autoencoder = autoencoder.eval()
        self.text = text

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
        sampling's own for every plan. keep: decode only that many frames (all F where None).
        """
        latents = self.plan_latents(frames, prompts, seeds, sampling, guidance)[:, :keep]
        with torch.inference_mode():
            decoded = self.autoencoder.decode(latents.flatten(0, 1))
        return Plan(tensor_to_frames(torch.unflatten(decoded, 0, latents.shape[:2])))

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
        shape = (self.network.frames, *self.network.latent_shape)
        noise = torch.stack([_noise(seed, shape) for seed in seeds]) * sampling.temperature
        weights = np.full(len(frames), sampling.guidance, np.float32) if guidance is None else guidance
        first_frame = self.autoencoder.encode(frames_to_tensor(frames))
        text = self.text(list(prompts))
        with mixed_precision():
            change = sample_latents(
                RULES["in_domain"],
                {"domain": Conditioned(self.network, text, torch.zeros_like(text), first_frame)},
                noise,
                sampling.steps,
                torch.from_numpy(weights),
            )
        return self.network.to_frames(change, first_frame)


def _noise(seed: int, shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
