"""The video planner: a frame and a prompt in, an imagined clip of the next frames out."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from sail.types import Float32, UInt8
from sail_models.device import device_of
from sail_models.diffusion.composition import FINISH, RULES, Part, Rule
from sail_models.diffusion.protocols import Denoiser, FrameCodec, Texts
from sail_models.diffusion.sampler import Conditioned, sample_latents
from sail_models.interfaces import Plan, Sampling, check_prompts
from sail_models.networks.planner_network import PlannerNetwork
from sail_models.precision import mixed_precision


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
        change, first_frame = self._draw(frames, prompts, seeds, sampling, guidance)
        latents = self.network.to_frames(change, first_frame)[:, :keep]
        decoded = self.codec.decode_frames(latents.flatten(0, 1))
        moved = change.square().mean((1, 2, 3, 4)).sqrt().cpu().numpy()
        return Plan(decoded.reshape(*latents.shape[:2], *decoded.shape[1:]), moved)

    def rule(self, sampling: Sampling) -> Rule:
        """By which the models' noise is combined; a distilled network's has been already."""
        return FINISH if self.network.config.distilled else RULES[sampling.rule]

    def plan_latents(
        self,
        frames: UInt8,
        prompts: Sequence[str],
        seeds: Sequence[int],
        sampling: Sampling,
        guidance: Float32 | None = None,
    ) -> Tensor:
        """The imagined frames as latents: float32 (B, F, C, h, w)."""
        return self.network.to_frames(*self._draw(frames, prompts, seeds, sampling, guidance))

    @torch.inference_mode()
    def _draw(
        self,
        frames: UInt8,
        prompts: Sequence[str],
        seeds: Sequence[int],
        sampling: Sampling,
        guidance: Float32 | None,
    ) -> tuple[Tensor, Tensor]:
        """The change that is diffused (B, F, C, h, w), and the first frames' latents."""
        check_prompts(prompts)
        shape = (self.network.frames, *self.network.latent_shape)
        device = device_of(self.network)
        noise = torch.stack([noise_of(seed, shape) for seed in seeds]).to(device) * sampling.temperature
        weights = np.full(len(frames), sampling.guidance, np.float32) if guidance is None else guidance
        first_frame = self.codec.encode_frames(frames).to(device)
        text, empty = (self.text(said).to(device) for said in (list(prompts), [""] * len(prompts)))
        models: dict[Part, Conditioned] = {"domain": Conditioned(self.network, text, empty, first_frame)}
        if self.prior is not None:
            negative = self.text([sampling.negative] * len(prompts)).to(device)
            models["prior"] = Conditioned(self.prior, text, negative, first_frame)
        with mixed_precision(device):
            change = sample_latents(
                self.rule(sampling),
                models,
                noise,
                sampling.steps,
                torch.from_numpy(weights).to(device),
                sampling.strength,
                sampling.until,
            )
        return change.float(), first_frame


def noise_of(seed: int, shape: tuple[int, ...]) -> Tensor:
    """What the plan with this seed begins with, at temperature 1: float32 of this shape."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
