"""Action heads: from a network's features to a chunk of actions, by regression or by diffusion."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from sail.types import ACTION_SIZE
from sail_models.diffusion.schedule import add_noise, cosine_alphas, ddim_step

Head = Literal["regression", "diffusion"]

# Metres, metres, metres, and the gripper's opening: MetaWorld's workspace becomes about -1..1. The Panda's
# table top is elsewhere: its hand begins at (0.36, 0.0, 0.22) m, which becomes (1.2, -2.2, 0.1). The weights
# that ship were trained with these numbers, the Panda's too.
_CENTRE = (0.0, 0.65, 0.2, 0.5)
_SCALE = (0.3, 0.3, 0.2, 0.5)


class ArmInput(nn.Module):
    """Centres and scales proprioception (B, 4): x, y, z in metres, and the gripper's opening 0..1."""

    centre: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("centre", torch.tensor(_CENTRE), persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE), persistent=False)

    def forward(self, proprioception: Tensor) -> Tensor:
        """The scaled proprioception (B, 4), without unit."""
        return (proprioception - self.centre) / self.scale


def coordinate_planes(size: int) -> Tensor:
    """Two channels (2, size, size) with each pixel's row and column, -1..1, as input of a convolution."""
    line = torch.linspace(-1.0, 1.0, size)
    return torch.stack(torch.meshgrid(line, line, indexing="ij"))


def chunk_noise(seeds: Sequence[int], chunk: int) -> Tensor:
    """The noise from which action chunks are drawn, float32 (B, chunk × 4), each row from its own seed."""
    size = chunk * ACTION_SIZE
    return torch.stack([torch.randn(size, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


class RegressionHead(nn.Linear):
    """A head whose chunk is a linear map of the features."""

    def __init__(self, features: int, chunk: int) -> None:
        super().__init__(features, chunk * ACTION_SIZE)

    def loss(self, features: Tensor, actions: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Mean squared error of flat chunks (B, chunk × 4). The generator is not used."""
        predicted: Tensor = self(features)
        return (predicted - actions).square().mean()

    def sample(self, features: Tensor, noise: Tensor) -> Tensor:
        """Flat chunks (B, chunk × 4). The noise is not used."""
        chunk: Tensor = self(features)
        return chunk


class DiffusionHead(nn.Sequential):
    """A head that denoises the chunk in a few steps, as in the paper's simulations."""

    alphas: Tensor

    def __init__(self, features: int, chunk: int, hidden: int, steps: int) -> None:
        actions = chunk * ACTION_SIZE
        super().__init__(
            nn.Linear(features + actions + 1, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, actions),
        )
        self.steps = steps
        self.register_buffer("alphas", cosine_alphas(), persistent=False)

    def loss(self, features: Tensor, actions: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Mean squared error of flat chunks (B, chunk × 4), predicted from noisy chunks."""
        timestep = torch.randint(
            0, len(self.alphas), (len(actions),), generator=generator, device=actions.device
        )
        alpha = self.alphas[timestep][:, None]
        noise = torch.randn(actions.shape, generator=generator, device=actions.device)
        noisy = add_noise(actions, noise, alpha)
        return (self._denoise(features, noisy, timestep) - actions).square().mean()

    def sample(self, features: Tensor, noise: Tensor) -> Tensor:
        """Flat chunks (B, chunk × 4) from noise (B, chunk × 4), by DDIM (see `ddim_step`)."""
        chunk = noise
        times = np.linspace(len(self.alphas), 0, self.steps, endpoint=False).astype(int) - 1
        for time, following in zip(times, [*times[1:], -1], strict=True):
            alpha = self.alphas[time]
            timestep = torch.full((chunk.shape[0],), int(time), device=chunk.device)
            clean = self._denoise(features, chunk, timestep).clamp(-1.0, 1.0)
            after = self.alphas[following] if following >= 0 else torch.ones(())
            chunk = ddim_step(clean, chunk, alpha, after, "sample")
        return chunk

    def _denoise(self, features: Tensor, noisy: Tensor, timestep: Tensor) -> Tensor:
        time = timestep[:, None] / len(self.alphas)
        clean: Tensor = self(torch.cat([features, noisy, time.to(noisy)], dim=1))
        return clean


def make_head(
    kind: Head, features: int, chunk: int, hidden: int = 512, steps: int = 5
) -> "RegressionHead | DiffusionHead":
    """A head of that kind. hidden, steps: width and denoising steps of the diffusion head."""
    if kind == "regression":
        return RegressionHead(features, chunk)
    return DiffusionHead(features, chunk, hidden, steps)
