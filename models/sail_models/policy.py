"""A policy: from the current frame, the prompt and the arm's state straight to actions, with no plan between.

A diffusion policy (Chi et al., arXiv 2303.04137) over one chunk of actions; the prompt scales and shifts the
features of every convolution (FiLM, Perez et al., arXiv 1709.07871).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sail.types import ACTION_SIZE, PROPRIOCEPTION_SIZE, Float32, UInt8
from sail_models.action_head import ArmInput, Head, chunk_noise, coordinate_planes, make_head
from sail_models.autoencoder import frames_to_tensor
from sail_models.text import TEXT_WIDTH


@dataclass(frozen=True)
class PolicyConfig:
    """head: as of inverse dynamics. chunk: actions decided at once. hidden: width of the diffusion head."""

    head: Head = "diffusion"
    chunk: int = 8
    widths: tuple[int, ...] = (32, 64, 96, 128)
    features: int = 256
    hidden: int = 512
    frame_size: int = 64
    diffusion_steps: int = 5


# compact: to act fast. wide: about as large as the compact planner, to be compared with it.
CONFIGURATIONS = {
    "compact": PolicyConfig(),
    "wide": PolicyConfig(widths=(64, 128, 256, 512), features=512, hidden=1024),
}


class Policy(nn.Module):
    """A convolutional network over the frame, with coordinate channels, that reads the prompt."""

    coordinates: Tensor

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.config = config
        inputs = (3 + 2, *config.widths[:-1])
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, width, 4, stride=2, padding=1)
            for before, width in zip(inputs, config.widths, strict=True)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(8, width) for width in config.widths)
        self.text = nn.Sequential(
            nn.Linear(TEXT_WIDTH, 128), nn.SiLU(), nn.Linear(128, 2 * sum(config.widths))
        )
        size = config.frame_size // 2 ** len(config.widths)
        self.features = nn.Sequential(
            nn.Linear(config.widths[-1] * size * size + PROPRIOCEPTION_SIZE, config.features),
            nn.SiLU(),
            nn.Linear(config.features, config.features),
            nn.SiLU(),
        )
        self.arm = ArmInput()
        self.head = make_head(
            config.head, config.features, config.chunk, config.hidden, config.diffusion_steps
        )
        self.register_buffer("coordinates", coordinate_planes(config.frame_size), persistent=False)

    def encode(self, frame: Tensor, text: Tensor, proprioception: Tensor) -> Tensor:
        """Features (B, features) of frames (B, 3, H, W) in -1..1, text (B, 16, 384) and proprioception
        (B, 4)."""
        said = text.sum(1) / (text.abs().sum(2) > 0).sum(1, keepdim=True).clamp(min=1)
        changes = self.text(said)[:, :, None, None].split([2 * width for width in self.config.widths], 1)
        seen = torch.cat([frame, self.coordinates.expand(frame.shape[0], -1, -1, -1)], dim=1)
        for convolution, norm, change in zip(self.convolutions, self.norms, changes, strict=True):
            scale, shift = change.chunk(2, dim=1)
            seen = nn.functional.silu(norm(convolution(seen)) * (1.0 + scale) + shift)
        features: Tensor = self.features(torch.cat([seen.flatten(1), self.arm(proprioception)], dim=1))
        return features

    def loss(
        self,
        frame: Tensor,
        text: Tensor,
        proprioception: Tensor,
        actions: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Mean squared error of the chunk (B, chunk, 4), as its head measures it."""
        return self.head.loss(self.encode(frame, text, proprioception), actions.flatten(1), generator)

    @torch.inference_mode()
    def act(self, frames: UInt8, text: Tensor, proprioception: Float32, seeds: Sequence[int]) -> Float32:
        """Action chunks: float32 (B, chunk, 4) in -1..1. frames: uint8 (B, H, W, 3). text: float32
        (B, 16, 384). proprioception: float32 (B, 4). seeds: one an environment."""
        self.eval()
        noise = chunk_noise(seeds, self.config.chunk)
        arm = torch.from_numpy(proprioception)
        actions: Float32 = self(frames_to_tensor(frames), text, arm, noise).numpy()
        return actions

    def forward(self, frame: Tensor, text: Tensor, proprioception: Tensor, noise: Tensor) -> Tensor:
        """Action chunks (B, chunk, 4) in -1..1, from noise (B, chunk × 4)."""
        chunk = self.head.sample(self.encode(frame, text, proprioception), noise)
        return chunk.clamp(-1.0, 1.0).reshape(-1, self.config.chunk, ACTION_SIZE)
