"""Grounding: what the prompt means in the first frame, read by a small transformer over both.

A U-Net that must find out from noise which of three cups "the red cup" is takes many thousand steps to look
at the text at all. Here patches of the first frame and the prompt's tokens attend to each other before
anything is denoised. From the patches comes where the named thing is, and from there, by convolutions, the
mean change that this lets one expect: what a perfect denoiser predicts from pure noise, and what grounding
can therefore be fitted to alone, in steps that cost a fraction of a denoiser's (`fit_grounding` in
`sail/training/resume.py`).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from sail_models.diffusion.denoiser import ChangeShape

# Patches a side; the transformer's heads, each this wide.
_GRID, _HEAD_WIDTH = 8, 32
# Of the convolutions: together they see the whole grid from everywhere.
_DILATIONS, _GROUPS = (1, 2, 3, 1), 8
# How much brighter than by the others a patch is marked where the named thing is sure to be.
_MARK = 4.0


class Grounded(NamedTuple):
    """tokens: (B, patches + L, width). place: for each patch (row by row), the logit that the named thing is
    there, (B, patches). change: the change that is expected, (B, F, C, h, w)."""

    tokens: Tensor
    place: Tensor
    change: Tensor


class Grounding(nn.Module):
    """`forward(first_frame, text)` gives a `Grounded`.

    first_frame: latents (B, C, h, w). text: (B, L, D).
    """

    def __init__(self, shape: ChangeShape, width: int, layers: int) -> None:
        super().__init__()
        self._shape = shape
        self._patch = max(1, shape.latent_size // _GRID)
        self._side = shape.latent_size // self._patch
        # Each patch is seen with one latent pixel around it.
        self.look = nn.Conv2d(shape.latent_channels, width, self._patch + 2, self._patch, padding=1)
        self.read = nn.Linear(shape.text_width, width)
        self.place = nn.Parameter(0.5 * torch.randn(self._side**2, width))
        self.kind = nn.Parameter(0.5 * torch.randn(1, width))  # tells words from patches
        layer = nn.TransformerEncoderLayer(
            width, max(1, width // _HEAD_WIDTH), 2 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.attend = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.point = nn.Linear(width, 1)
        self.mark = nn.Parameter(0.5 * torch.randn(width))
        self.spread = nn.ModuleList(_convolution(width, dilation) for dilation in _DILATIONS)
        self.expect = nn.Conv2d(width, shape.frames * shape.latent_channels * self._patch**2, 1)

    def forward(self, first_frame: Tensor, text: Tensor) -> Grounded:
        """What there is to attend to, where the named thing is, and what then happens."""
        shape = self._shape
        patches = self.look(first_frame).flatten(2).transpose(1, 2) + self.place
        tokens = self.attend(torch.cat([patches, self.read(text) + self.kind], dim=1))
        patches, words = tokens.split([len(self.place), text.shape[1]], dim=1)
        place = self.point(patches)[..., 0].float()
        patches = patches + _MARK * place.softmax(1)[..., None] * self.mark
        on_grid = patches.transpose(1, 2).unflatten(2, (self._side, self._side))
        for convolution in self.spread:
            on_grid = on_grid + convolution(on_grid)
        change = pixel_shuffle(self.expect(on_grid), self._patch)
        change = change.reshape(text.shape[0], shape.frames, *first_frame.shape[1:])
        return Grounded(torch.cat([patches, words], dim=1), place, change)

    def patch_at(self, at: Tensor) -> Tensor:
        """The number of the patch at `at`: (N, 2), shares of the frame from the left and from the top."""
        column, row = (self._side * at).long().clamp(0, self._side - 1).unbind(1)
        return self._side * row + column


def _convolution(width: int, dilation: int) -> nn.Module:
    return nn.Sequential(
        nn.GroupNorm(_GROUPS, width),
        nn.GELU(),
        nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation),
    )
