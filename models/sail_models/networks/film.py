"""A convolutional encoder of pictures and text: the text scales and shifts every layer's channels.

FiLM, Perez et al., arXiv 1709.07871.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sail_models.networks.action_head import coordinate_planes
from sail_models.spaces.text_encoder import TEXT_WIDTH

_TEXT_FEATURES = 128


class FilmEncoder(nn.Module):
    """Strided convolutions over pictures (B, channels, *size) with coordinate channels.

    size: height and width of a picture. beside: count of further input numbers, which join the pictures'
    features before the last layers.
    """

    coordinates: Tensor

    def __init__(
        self, channels: int, widths: Sequence[int], size: tuple[int, int], beside: int, features: int
    ) -> None:
        super().__init__()
        self.widths = tuple(widths)
        inputs = (channels + 2, *widths[:-1])
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, width, 4, stride=2, padding=1)
            for before, width in zip(inputs, widths, strict=True)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(8, width) for width in widths)
        self.text = nn.Sequential(
            nn.Linear(TEXT_WIDTH, _TEXT_FEATURES), nn.SiLU(), nn.Linear(_TEXT_FEATURES, 2 * sum(widths))
        )
        height, width = (side // 2 ** len(self.widths) for side in size)
        self.features = nn.Sequential(
            nn.Linear(widths[-1] * height * width + beside, features),
            nn.SiLU(),
            nn.Linear(features, features),
            nn.SiLU(),
        )
        self.register_buffer("coordinates", coordinate_planes(*size), persistent=False)

    def forward(self, pictures: Tensor, text: Tensor, beside: Tensor) -> Tensor:
        """Features (B, features). text: (B, 16, 384). beside: (B, beside)."""
        # The mean over the prompt's tokens; places past the prompt's end are zero.
        mean = text.sum(1) / (text.abs().sum(2) > 0).sum(1, keepdim=True).clamp(min=1)
        modulations = self.text(mean)[:, :, None, None].split([2 * width for width in self.widths], 1)
        seen = torch.cat([pictures, self.coordinates.expand(pictures.shape[0], -1, -1, -1)], dim=1)
        for convolution, norm, modulation in zip(self.convolutions, self.norms, modulations, strict=True):
            scale, shift = modulation.chunk(2, dim=1)
            seen = nn.functional.silu(norm(convolution(seen)) * (1.0 + scale) + shift)
        features: Tensor = self.features(torch.cat([seen.flatten(1), beside], dim=1))
        return features
