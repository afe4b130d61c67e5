"""The video planner: a frame and a prompt in, an imagined clip of the next frames out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from torch import Tensor

from sail.types import Float32, UInt8
from sail_models import composition
from sail_models.autoencoder import Autoencoder, frames_to_tensor, tensor_to_frames
from sail_models.denoiser import Denoiser
from sail_models.planner_network import PlannerNetwork
from sail_models.precision import mixed_precision
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
    denoiser: Denoiser,
    noise: Tensor,
    text: Tensor,
    first_frame: Tensor,
    steps: int,
    guidance: Tensor,
) -> Tensor:
    """Denoise (B, F, C, h, w) noise in `steps` DDIM steps under classifier-free guidance (B,).

    The conditional and the unconditional branch are one forward pass of batch 2B.
    """
    scheduler = make_scheduler(denoiser.alphas)
    scheduler.set_timesteps(steps)
    weight = guidance[:, None, None, None, None]
    both_text = torch.cat([text, torch.zeros_like(text)])
    both_first = torch.cat([first_frame, first_frame])
    latents = noise
    for timestep in scheduler.timesteps:
        both = torch.cat([latents, latents])
        times = timestep.expand(len(both))
        with_text, without = denoiser.predict_noise(both, times, both_text, both_first).chunk(2)
        guided = composition.in_domain(with_text, without, weight)
        latents = scheduler.step(guided, timestep, latents, return_dict=False)[0]
    return latents


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
                self.network, noise, text, first_frame, sampling.steps, torch.from_numpy(weights)
            )
        return self.network.to_frames(change, first_frame)


def _noise(seed: int, shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
