"""Inverse dynamics: from the current frame and a goal frame to the actions that lead there."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sail.types import ACTION_SIZE, PROPRIOCEPTION_SIZE, Float32, UInt8
from sail_models.device import device_of
from sail_models.networks.action_head import ArmInput, Head, chunk_noise, coordinate_planes, make_head
from sail_models.spaces.autoencoder import frames_to_tensor


@dataclass(frozen=True)
class InverseDynamicsConfig:
    """Shapes and widths.

    head: "regression" (mean squared error), or "diffusion" (denoises the action chunk, as the paper does in
    simulation). chunk: actions a goal, as many as there are control steps between two planned frames.
    features: width of the input of the head. frame_size: pixels of a frame's side. proprioception: whether
    proprioception is an input beside the two frames. diffusion_steps: denoising steps of the diffusion head.
    """

    head: Head = "regression"
    chunk: int = 8
    widths: tuple[int, ...] = (32, 64, 96, 128)
    features: int = 256
    frame_size: int = 64
    proprioception: bool = True
    diffusion_steps: int = 5


class InverseDynamics(nn.Module):
    """A convolutional network over both frames and their difference, with coordinate channels."""

    coordinates: Tensor

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
        self.arm = ArmInput()
        self.head = make_head(config.head, config.features, config.chunk, steps=config.diffusion_steps)
        self.register_buffer("coordinates", coordinate_planes(config.frame_size), persistent=False)

    def encode(self, current: Tensor, goal: Tensor, proprioception: Tensor) -> Tensor:
        """Features (B, features) of frames (B, 3, H, W) in -1..1 and unscaled proprioception (B, 4)."""
        coordinates = self.coordinates.expand(current.shape[0], -1, -1, -1)
        flat = self.convolutions(torch.cat([current, goal, goal - current, coordinates], dim=1))
        arm: Tensor = self.arm(proprioception)
        if not self.config.proprioception:
            arm = torch.zeros_like(arm)
        features: Tensor = self.features(torch.cat([flat, arm], dim=1))
        return features

    def loss(
        self,
        current: Tensor,
        goal: Tensor,
        proprioception: Tensor,
        actions: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The head's mean squared error of the action chunk (B, chunk, 4) in -1..1 (one scalar)."""
        return self.head.loss(self.encode(current, goal, proprioception), actions.flatten(1), generator)

    @torch.inference_mode()
    def act(
        self, current: UInt8, goal: UInt8, proprioception: Float32, seeds: Sequence[int] | None = None
    ) -> Float32:
        """Action chunks: float32 (B, chunk, 4) in -1..1.

        current, goal: uint8 (B, H, W, 3) RGB. proprioception: float32 (B, 4). seeds: one an environment, for
        the diffusion head's noise; 0 for all where None.
        """
        self.eval()
        noise = chunk_noise(seeds if seeds is not None else [0] * len(current), self.config.chunk)
        arm = torch.from_numpy(proprioception)
        inputs = (frames_to_tensor(current), frames_to_tensor(goal), arm, noise)
        actions: Float32 = self(*(one.to(device_of(self)) for one in inputs)).cpu().numpy()
        return actions

    def forward(self, current: Tensor, goal: Tensor, proprioception: Tensor, noise: Tensor) -> Tensor:
        """Action chunks (B, chunk, 4) in -1..1.

        current, goal: (B, 3, H, W) in -1..1. noise: (B, chunk × 4), which only the diffusion head uses.
        """
        chunk = self.head.sample(self.encode(current, goal, proprioception), noise)
        return chunk.clamp(-1.0, 1.0).reshape(-1, self.config.chunk, ACTION_SIZE)
