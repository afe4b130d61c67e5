"""What is exported: networks as modules whose inputs and outputs are plain tensors."""

import torch
from torch import Tensor, nn

from sail_models.diffusion.composition import Part
from sail_models.diffusion.sampler import ConditionedDenoiser, denoise, make_sampling_schedule
from sail_models.diffusion.video_planner import VideoPlanner
from sail_models.interfaces import Sampling
from sail_models.networks.inverse_dynamics import InverseDynamics
from sail_models.networks.policy import Policy
from sail_models.spaces.autoencoder import Autoencoder
from sail_models.spaces.text_encoder import standardise


class PlanGraph(nn.Module):
    """A whole plan but for its decoding: the sampler's steps, with all branches of all models, unrolled."""

    negative: Tensor

    def __init__(self, planner: VideoPlanner, sampling: Sampling) -> None:
        super().__init__()
        assert isinstance(planner.codec, Autoencoder)
        self.codec, self.network, self.prior = planner.codec, planner.network, planner.prior
        rule = planner.rule(sampling)
        alphas: dict[Part, Tensor] = {"domain": planner.network.alphas}
        if planner.prior is not None:
            alphas["prior"] = planner.prior.alphas
        self.schedule = make_sampling_schedule(rule, alphas, sampling.steps, sampling.until)
        self.strength = rule.strength if sampling.strength is None else sampling.strength
        self.register_buffer("negative", planner.text([sampling.negative]), persistent=False)

    def forward(self, frames: Tensor, text: Tensor, noise: Tensor, guidance: Tensor) -> tuple[Tensor, Tensor]:
        """Latents of the imagined frames, one after the other, float32 (B × F, C, h, w), and how much moves
        in them, float32 (B,).

        frames: uint8 (B, H, W, 3). text: (B, L, D). noise: (B, F, C, h, w). guidance: (B,).
        """
        first = self.codec.encode(_pixels(frames))
        models: dict[Part, ConditionedDenoiser] = {
            "domain": ConditionedDenoiser(self.network, text, torch.zeros_like(text), first)
        }
        if self.prior is not None:
            negative = self.negative.expand(text.shape)
            models["prior"] = ConditionedDenoiser(self.prior, text, negative, first)
        change = denoise(self.schedule, models, noise, guidance, self.strength)
        latents = self.network.to_frames(change, first)
        return latents.flatten(0, 1).float(), change.float().square().mean((1, 2, 3, 4)).sqrt()


class DecodeGraph(nn.Module):
    """Latents to pixels."""

    def __init__(self, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, latents: Tensor) -> Tensor:
        """Frames uint8 (N, H, W, 3) of latents (N, C, h, w)."""
        pixels = (self.autoencoder.decode(latents).float().clamp(-1.0, 1.0) + 1.0) * 127.5
        return pixels.round().to(torch.uint8).movedim(1, -1)


class DynamicsGraph(nn.Module):
    """Inverse dynamics on pixels."""

    def __init__(self, model: InverseDynamics) -> None:
        super().__init__()
        self.model = model

    def forward(self, current: Tensor, goal: Tensor, proprioception: Tensor, noise: Tensor) -> Tensor:
        """Action chunks (B, chunk, 4) in -1..1. current, goal: uint8 (B, H, W, 3); noise: (B, chunk × 4)."""
        actions: Tensor = self.model(_pixels(current), _pixels(goal), proprioception, noise)
        return actions.float()


class PolicyGraph(nn.Module):
    """A policy on pixels."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, frames: Tensor, text: Tensor, proprioception: Tensor, noise: Tensor) -> Tensor:
        """Action chunks (B, chunk, 4) in -1..1. frames: uint8 (B, H, W, 3); noise: (B, chunk × 4)."""
        actions: Tensor = self.policy(_pixels(frames), text, proprioception, noise)
        return actions.float()


class TextGraph(nn.Module):
    """The sentence encoder's tokens, standardised."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: Tensor) -> Tensor:
        """Embeddings (1, L, D) of one prompt's token numbers (1, L)."""
        hidden = self.encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        return standardise(hidden)


def _pixels(frames: Tensor) -> Tensor:
    return frames.movedim(-1, -3).float() / 127.5 - 1.0
