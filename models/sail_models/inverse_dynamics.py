"""Inverse dynamics: from the current frame and the frame to reach to the actions that lead there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from sail.types import ACTION_SIZE, PROPRIOCEPTION_SIZE, Float32, UInt8
from sail_models.autoencoder import frames_to_tensor
from sail_models.schedule import cosine_alphas, to_noise

Head = Literal["regression", "diffusion"]

# Proprioception as the network sees it: centred on the workspace, about -1..1.
_CENTRE = (0.0, 0.65, 0.2, 0.5)
_SCALE = (0.3, 0.3, 0.2, 0.5)


@dataclass(frozen=True)
class InverseDynamicsConfig:
    """head: `regression` (mean squared error) or `diffusion` (denoises the action chunk, as the paper
    does in simulation). chunk: actions a goal, the control steps between two planned frames.
    proprioception: whether the arm's own state is an input beside the two frames."""

    head: Head = "regression"
    chunk: int = 8
    widths: tuple[int, ...] = (32, 64, 96, 128)
    features: int = 256
    frame_size: int = 64
    proprioception: bool = True
    diffusion_steps: int = 5


class InverseDynamics(nn.Module):
    """A convolutional network over both frames and their difference, with coordinate channels."""

    alphas: Tensor
    coordinates: Tensor
    centre: Tensor
    scale: Tensor

    def __init__(self, config: InverseDynamicsConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        channels = 3 * 3 + 2
        for width in config.widths:
            layers += [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.GroupNorm(8, width), nn.SiLU()]
            channels = width
        self.convolutions = nn.Sequential(*layers, nn.Flatten())
        size = config.frame_size // 2 ** len(config.widths)
        self.features = nn.Sequential(
            nn.Linear(channels * size * size + PROPRIOCEPTION_SIZE, config.features),
            nn.SiLU(),
            nn.Linear(config.features, config.features),
            nn.SiLU(),
        )
        actions = config.chunk * ACTION_SIZE
        if config.head == "regression":
            self.head: nn.Module = nn.Linear(config.features, actions)
        else:
            self.head = nn.Sequential(
                nn.Linear(config.features + actions + 1, 512),
                nn.SiLU(),
                nn.Linear(512, 512),
                nn.SiLU(),
                nn.Linear(512, actions),
            )
        line = torch.linspace(-1.0, 1.0, config.frame_size)
        self.register_buffer(
            "coordinates", torch.stack(torch.meshgrid(line, line, indexing="ij")), persistent=False
        )
        self.register_buffer("alphas", cosine_alphas(), persistent=False)
        self.register_buffer("centre", torch.tensor(_CENTRE), persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE), persistent=False)

    def encode(self, current: Tensor, goal: Tensor, proprioception: Tensor) -> Tensor:
        """Features (B, features) of frames (B, 3, H, W) in -1..1 and proprioception (B, 4)."""
        coordinates = self.coordinates.expand(current.shape[0], -1, -1, -1)
        flat = self.convolutions(torch.cat([current, goal, goal - current, coordinates], dim=1))
        arm = (proprioception - self.centre) / self.scale
        if not self.config.proprioception:
            arm = torch.zeros_like(arm)
        features: Tensor = self.features(torch.cat([flat, arm], dim=1))
        return features

    def loss(self, current: Tensor, goal: Tensor, proprioception: Tensor, actions: Tensor) -> Tensor:
        """Mean squared error of the chunk (B, chunk, 4), predicted directly or from its noisy version."""
        features = self.encode(current, goal, proprioception)
        target = actions.flatten(1)
        if self.config.head == "regression":
            predicted: Tensor = self.head(features)
            return (predicted - target).square().mean()
        timestep = torch.randint(0, len(self.alphas), (len(target),))
        alpha = self.alphas[timestep][:, None]
        noisy = alpha.sqrt() * target + (1.0 - alpha).sqrt() * torch.randn_like(target)
        return (self._denoise(features, noisy, timestep) - target).square().mean()

    def _denoise(self, features: Tensor, noisy: Tensor, timestep: Tensor) -> Tensor:
        time = timestep[:, None] / len(self.alphas)
        clean: Tensor = self.head(torch.cat([features, noisy, time.to(noisy)], dim=1))
        return clean

    @torch.inference_mode()
    def act(
        self, current: UInt8, goal: UInt8, proprioception: Float32, seeds: Sequence[int] | None = None
    ) -> Float32:
        """Action chunks: float32 (B, chunk, 4) in -1..1.

        current, goal: uint8 (B, H, W, 3). proprioception: float32 (B, 4). seeds: one an environment, for
        the diffusion head's noise (0 where None).
        """
        self.eval()
        size = self.config.chunk * ACTION_SIZE
        noise = torch.stack(
            [
                torch.randn(size, generator=torch.Generator().manual_seed(seed))
                for seed in (seeds if seeds is not None else [0] * len(current))
            ]
        )
        arm = torch.from_numpy(proprioception)
        actions: Float32 = self(frames_to_tensor(current), frames_to_tensor(goal), arm, noise).numpy()
        return actions

    def forward(self, current: Tensor, goal: Tensor, proprioception: Tensor, noise: Tensor) -> Tensor:
        """Action chunks (B, chunk, 4) in -1..1. Frames float (B, 3, H, W) in -1..1; noise (B, chunk × 4), of
        which the regression head makes no use."""
        features = self.encode(current, goal, proprioception)
        chunk: Tensor = (
            self.head(features) if self.config.head == "regression" else self._sample(features, noise)
        )
        return chunk.clamp(-1.0, 1.0).reshape(-1, self.config.chunk, ACTION_SIZE)

    def _sample(self, features: Tensor, chunk: Tensor) -> Tensor:
        """Deterministic DDIM (Song et al., arXiv 2010.02502, eq. 12 with σ = 0)."""
        times = np.linspace(len(self.alphas), 0, self.config.diffusion_steps, endpoint=False).astype(int) - 1
        for time, following in zip(times, [*times[1:], -1], strict=True):
            alpha = self.alphas[time]
            clean = self._denoise(features, chunk, torch.full((chunk.shape[0],), int(time))).clamp(-1.0, 1.0)
            noise = to_noise(clean, chunk, alpha, "sample")
            after = self.alphas[following] if following >= 0 else torch.ones(())
            chunk = after.sqrt() * clean + (1.0 - after).sqrt() * noise
        return clean
