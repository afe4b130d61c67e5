"""The video planner: from a frame and a prompt to imagined next frames."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor

from sail.types import Float32, UInt8
from sail_models.device import device_of, mixed_precision
from sail_models.diffusion.composition import CONDITIONAL, RULES, Part, Rule
from sail_models.diffusion.denoiser import Denoiser
from sail_models.diffusion.sampler import ConditionedDenoiser, sample_latents
from sail_models.interfaces import Plan, Sampling, check_frames, check_prompts
from sail_models.networks.planner_network import PlannerNetwork
from sail_models.spaces.space import FrameCodec, PromptEncoder


class VideoPlanner:
    """Plans for a batch of environments.

    Each plan's noise is drawn from its own seed, so that a plan does not depend on the rest of the batch.

    network: the in-domain model. codec, text: the latent space's, which both models share. prior: a second
    model over the same changes, to compose plans with (see `prior.compatibility`). precision: gives the
    context in which the networks denoise on a device; `nullcontext` plans in float32.
    """

    def __init__(
        self,
        network: PlannerNetwork,
        codec: FrameCodec,
        text: PromptEncoder,
        prior: Denoiser | None = None,
        precision: Callable[[torch.device], AbstractContextManager[object]] = mixed_precision,
    ) -> None:
        self.network, self.codec, self.text, self.prior = network.eval(), codec, text, prior
        self.precision = precision

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

        frames: uint8 (B, H, W, 3) RGB. prompts, seeds: length B. guidance: float32 (B,), one weight a plan,
        in place of the sampling's. keep: number of frames to decode, the first ones; all F where None. Raises
        PromptError where a prompt is empty, FrameError for frames of another size than the network's.
        """
        change, first_frame = self._draw(frames, prompts, seeds, sampling, guidance)
        latents = self.network.to_frames(change, first_frame)[:, :keep]
        decoded = self.codec.decode_frames(latents.flatten(0, 1))
        motion = change.square().mean((1, 2, 3, 4)).sqrt().cpu().numpy()
        return Plan(decoded.reshape(*latents.shape[:2], *decoded.shape[1:]), motion)

    def plan_latents(
        self,
        frames: UInt8,
        prompts: Sequence[str],
        seeds: Sequence[int],
        sampling: Sampling,
        guidance: Float32 | None = None,
    ) -> Tensor:
        """The imagined frames as latents, float32 (B, F, C, h, w). For the arguments see `plan`."""
        return self.network.to_frames(*self._draw(frames, prompts, seeds, sampling, guidance))

    def rule(self, sampling: Sampling) -> Rule:
        """The rule that composes the noise. A distilled network has guidance and prior in its weights."""
        return CONDITIONAL if self.network.config.distilled else RULES[sampling.rule]

    @torch.inference_mode()
    def _draw(
        self,
        frames: UInt8,
        prompts: Sequence[str],
        seeds: Sequence[int],
        sampling: Sampling,
        guidance: Float32 | None,
    ) -> tuple[Tensor, Tensor]:
        """The denoised scaled changes (B, F, C, h, w), and the first frames' latents (B, C, h, w)."""
        check_prompts(prompts)
        check_frames(frames, *(self.codec.step * side for side in self.network.latent_shape[1:]))
        shape = (self.network.frames, *self.network.latent_shape)
        device = device_of(self.network)
        noise = torch.stack([noise_of(seed, shape) for seed in seeds]).to(device) * sampling.temperature
        weights = np.full(len(frames), sampling.guidance, np.float32) if guidance is None else guidance
        first_frame = self.codec.encode_frames(frames).to(device)
        text, empty = (self.text(one).to(device) for one in (list(prompts), [""] * len(prompts)))
        models: dict[Part, ConditionedDenoiser] = {
            "domain": ConditionedDenoiser(self.network, text, empty, first_frame)
        }
        if self.prior is not None:
            negative = self.text([sampling.negative] * len(prompts)).to(device)
            models["prior"] = ConditionedDenoiser(self.prior, text, negative, first_frame)
        with self.precision(device):
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
    """The starting noise of the plan with this seed, at temperature 1: float32 of this shape."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
