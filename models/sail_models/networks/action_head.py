"""From features of what is seen to a chunk of actions: by regression, or by diffusion over the chunk."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from sail.types import ACTION_SIZE
from sail_models.diffusion.schedule import cosine_alphas, to_noise

Head = Literal["regression", "diffusion"]

# Proprioception as the networks see it: centred on the workspace, about -1..1.
_CENTRE = (0.0, 0.65, 0.2, 0.5)
_SCALE = (0.3, 0.3, 0.2, 0.5)


class ArmInput(nn.Module):
    """Proprioception (B, 4) as the networks see it."""

    centre: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("centre", torch.tensor(_CENTRE), persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE), persistent=False)

    def forward(self, proprioception: Tensor) -> Tensor:
        """Centred and scaled, (B, 4)."""
        return (proprioception - self.centre) / self.scale


def coordinate_planes(size: int) -> Tensor:
    """Two channels (2, size, size) that tell a convolution where it is, -1..1."""
    line = torch.linspace(-1.0, 1.0, size)
    return torch.stack(torch.meshgrid(line, line, indexing="ij"))


def chunk_noise(seeds: Sequence[int], chunk: int) -> Tensor:
    """The noise that a chunk is drawn from, (B, chunk × 4), each row by its own seed."""
    size = chunk * ACTION_SIZE
    return torch.stack([torch.randn(size, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


class RegressionHead(nn.Linear):
    """The chunk is a linear map of the features."""

    def __init__(self, features: int, chunk: int) -> None:
        super().__init__(features, chunk * ACTION_SIZE)

    def loss(self, features: Tensor, actions: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Mean squared error of flat chunks (B, chunk × 4); it draws nothing."""
        predicted: Tensor = self(features)
        return (predicted - actions).square().mean()

    def sample(self, features: Tensor, noise: Tensor) -> Tensor:
        """Flat chunks (B, chunk × 4); of the noise it makes no use."""
        chunk: Tensor = self(features)
        return chunk


class DiffusionHead(nn.Sequential):
    """The chunk is denoised in a few steps, as in the paper's simulations."""

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
        """Mean squared error of flat chunks (B, chunk × 4), predicted from noisy ones."""
        timestep = torch.randint(
            0, len(self.alphas), (len(actions),), generator=generator, device=actions.device
        )
        alpha = self.alphas[timestep][:, None]
        noise = torch.randn(actions.shape, generator=generator, device=actions.device)
        noisy = alpha.sqrt() * actions + (1.0 - alpha).sqrt() * noise
        return (self._denoise(features, noisy, timestep) - actions).square().mean()

    def sample(self, features: Tensor, noise: Tensor) -> Tensor:
        """Flat chunks (B, chunk × 4) from noise, by deterministic DDIM (Song et al., arXiv 2010.02502,
        eq. 12 with σ = 0)."""
        chunk = noise
        times = np.linspace(len(self.alphas), 0, self.steps, endpoint=False).astype(int) - 1
        for time, following in zip(times, [*times[1:], -1], strict=True):
            alpha = self.alphas[time]
            timestep = torch.full((chunk.shape[0],), int(time), device=chunk.device)
            clean = self._denoise(features, chunk, timestep).clamp(-1.0, 1.0)
            left = to_noise(clean, chunk, alpha, "sample")
            after = self.alphas[following] if following >= 0 else torch.ones(())
            chunk = after.sqrt() * clean + (1.0 - after).sqrt() * left
        return clean

    def _denoise(self, features: Tensor, noisy: Tensor, timestep: Tensor) -> Tensor:
        time = timestep[:, None] / len(self.alphas)
        clean: Tensor = self(torch.cat([features, noisy, time.to(noisy)], dim=1))
        return clean


def make_head(
    kind: Head, features: int, chunk: int, hidden: int = 512, steps: int = 5
) -> "RegressionHead | DiffusionHead":
    """The head of that kind. hidden, steps: of the diffusion head."""
    if kind == "regression":
        return RegressionHead(features, chunk)
    return DiffusionHead(features, chunk, hidden, steps)
