"""Action heads: from a network's features to a chunk of actions, by regression or by diffusion."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from sail_models.diffusion.schedule import add_noise, cosine_alphas, ddim_step

Head = Literal["regression", "diffusion"]

# Lowest and highest value of each number of proprioception.
Ranges = tuple[tuple[float, float], ...]


class ArmInput(nn.Module):
    """Scales proprioception (B, P) by the embodiment's ranges: the lowest value becomes -1, the highest 1."""

    centre: Tensor
    scale: Tensor

    def __init__(self, ranges: Ranges) -> None:
        super().__init__()
        centre, scale = [(low + high) / 2 for low, high in ranges], [(high - low) / 2 for low, high in ranges]
        self.register_buffer("centre", torch.tensor(centre), persistent=False)
        self.register_buffer("scale", torch.tensor(scale), persistent=False)

    def forward(self, proprioception: Tensor) -> Tensor:
        """The scaled proprioception (B, P), without unit."""
        return (proprioception - self.centre) / self.scale


def coordinate_planes(height: int, width: int) -> Tensor:
    """Two channels (2, height, width) with each pixel's row and column, -1..1, as input of a convolution."""
    rows, columns = torch.linspace(-1.0, 1.0, height), torch.linspace(-1.0, 1.0, width)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"))


def chunk_noise(seeds: Sequence[int], size: int) -> Tensor:
    """The noise from which flat chunks are drawn, float32 (B, size), each row from its own seed."""
    return torch.stack([torch.randn(size, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


class RegressionHead(nn.Linear):
    """A head whose chunk is a linear map of the features."""

    def __init__(self, features: int, size: int) -> None:
        super().__init__(features, size)

    def loss(self, features: Tensor, actions: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Mean squared error of flat chunks (B, size). The generator is not used."""
        predicted: Tensor = self(features)
        return (predicted - actions).square().mean()

    def sample(self, features: Tensor, noise: Tensor) -> Tensor:
        """Flat chunks (B, size). The noise is not used."""
        chunk: Tensor = self(features)
        return chunk


class DiffusionHead(nn.Sequential):
    """A head that denoises the chunk in a few steps, as in the paper's simulations."""

    alphas: Tensor

    def __init__(self, features: int, size: int, hidden: int, steps: int) -> None:
        super().__init__(
            nn.Linear(features + size + 1, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, size),
        )
        self.steps = steps
        self.register_buffer("alphas", cosine_alphas(), persistent=False)

    def loss(self, features: Tensor, actions: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Mean squared error of flat chunks (B, size), predicted from noisy chunks."""
        timestep = torch.randint(
            0, len(self.alphas), (len(actions),), generator=generator, device=actions.device
        )
        alpha = self.alphas[timestep][:, None]
        noise = torch.randn(actions.shape, generator=generator, device=actions.device)
        noisy = add_noise(actions, noise, alpha)
        return (self._denoise(features, noisy, timestep) - actions).square().mean()

    def sample(self, features: Tensor, noise: Tensor) -> Tensor:
        """Flat chunks (B, size) from noise (B, size), by DDIM (see `ddim_step`)."""
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
    kind: Head, features: int, size: int, hidden: int = 512, steps: int = 5
) -> "RegressionHead | DiffusionHead":
    """A head of that kind. size: numbers of a flat chunk. hidden, steps: width and denoising steps of the
    diffusion head."""
    if kind == "regression":
        return RegressionHead(features, size)
    return DiffusionHead(features, size, hidden, steps)
