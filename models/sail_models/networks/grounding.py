"""Grounding: a small transformer that finds the prompt's object in the first frame; and its loss.

A U-Net that must find out from noise which of three cups is "the red cup" trains for many thousand steps
before it reads the text at all. Here the first frame's patches and the prompt's tokens attend to each other
before denoising. The patches say where the named object is, and convolutions over the patches say the mean
change to expect. A perfect denoiser predicts the same mean change from pure noise, so grounding can be fitted
alone, in steps that cost a fraction of the denoiser's (`fit_grounding`).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad, pixel_shuffle

from sail_models.device import mixed_precision
from sail_models.diffusion.denoiser import ChangeDenoiser, ChangeShape, PlanBatch, drop_text

# The weight of the cross-entropy of the object's place beside the squared error of the change.
PLACE_WEIGHT = 0.2
# About so many patches a side (fewer where the latents are smaller), and the width of each of the
# transformer's heads.
_GRID, _HEAD_WIDTH = 8, 32
# The convolutions': with these dilations every patch influences the whole grid.
_DILATIONS, _GROUPS = (1, 2, 3, 1), 8
# The factor of the learnt vector that is added to the patch where the named object is sure to be.
_MARK = 4.0


class GroundingOutput(NamedTuple):
    """The output of `Grounding`.

    tokens: patches and words, (B, patches + L, width), for the denoiser to attend to. place: for each patch,
    row by row, the logit that the named object is there, float32 (B, patches). change: the expected scaled
    change, (B, F, C, h, w).
    """

    tokens: Tensor
    place: Tensor
    change: Tensor


class Grounding(nn.Module):
    """A transformer over the first frame's patches and the prompt's tokens.

    `forward(first_frame, text)` takes latents (B, C, h, w) and text (B, L, D), and gives a `GroundingOutput`.
    """

    def __init__(self, shape: ChangeShape, width: int, layers: int) -> None:
        super().__init__()
        self._shape = shape
        sides = shape.latent_height, shape.latent_width
        self._patch = max(1, round((sides[0] * sides[1]) ** 0.5 / _GRID))
        self._rows, self._columns = (-(-side // self._patch) for side in sides)
        # The last row and column of patches may reach beyond the latents, by so many of them.
        self._below, self._right = (-side % self._patch for side in sides)
        # A patch's token also sees one latent pixel around the patch.
        self.look = nn.Conv2d(shape.latent_channels, width, self._patch + 2, self._patch, padding=1)
        self.read = nn.Linear(shape.text_width, width)
        self.place = nn.Parameter(0.5 * torch.randn(self._rows * self._columns, width))
        # Added to the words, which tells them from the patches.
        self.kind = nn.Parameter(0.5 * torch.randn(1, width))
        layer = nn.TransformerEncoderLayer(
            width, max(1, width // _HEAD_WIDTH), 2 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.attend = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.point = nn.Linear(width, 1)
        self.mark = nn.Parameter(0.5 * torch.randn(width))
        self.spread = nn.ModuleList(_convolution(width, dilation) for dilation in _DILATIONS)
        self.expect = nn.Conv2d(width, shape.frames * shape.latent_channels * self._patch**2, 1)

    def forward(self, first_frame: Tensor, text: Tensor) -> GroundingOutput:
        """The tokens, the named object's place, and the expected change."""
        shape = self._shape
        patches = self.look(self._whole(first_frame)).flatten(2).transpose(1, 2) + self.place
        tokens = self.attend(torch.cat([patches, self.read(text) + self.kind], dim=1))
        patches, words = tokens.split([len(self.place), text.shape[1]], dim=1)
        place = self.point(patches)[..., 0].float()
        patches = patches + _MARK * place.softmax(1)[..., None] * self.mark
        on_grid = patches.transpose(1, 2).unflatten(2, (self._rows, self._columns))
        for convolution in self.spread:
            on_grid = on_grid + convolution(on_grid)
        height, width = first_frame.shape[2:]
        change = pixel_shuffle(self.expect(on_grid), self._patch)[..., :height, :width]
        change = change.reshape(text.shape[0], shape.frames, *first_frame.shape[1:])
        return GroundingOutput(torch.cat([patches, words], dim=1), place, change)

    def patch_at(self, at: Tensor) -> Tensor:
        """Numbers (N,) of the patches at positions (N, 2): shares of the frame from left and top."""
        shape = self._shape
        column = (shape.latent_width * at[:, 0] / self._patch).long().clamp(0, self._columns - 1)
        row = (shape.latent_height * at[:, 1] / self._patch).long().clamp(0, self._rows - 1)
        patches: Tensor = self._columns * row + column
        return patches

    def _whole(self, first_frame: Tensor) -> Tensor:
        """The latents, with zeros around them up to whole patches."""
        if not self._right and not self._below:
            return first_frame
        return pad(first_frame, (0, self._right, 0, self._below))


def grounding_loss(network: ChangeDenoiser) -> Callable[[Grounding, PlanBatch, torch.Generator], Tensor]:
    """The loss that fits the grounding of a network (one scalar).

    The loss is the squared error of the expected change, plus PLACE_WEIGHT times the cross-entropy of the
    named object's place over the samples whose place is known. The network itself only scales the changes.
    """

    def loss(grounding: Grounding, batch: PlanBatch, generator: torch.Generator) -> Tensor:
        clean = network.to_change(batch.future, batch.first_frame)
        text = drop_text(batch.text, generator)
        with mixed_precision(generator.device):
            _, place, expected = grounding(batch.first_frame, text)
        error: Tensor = (expected.float() - clean).square().mean()
        if batch.at is None:
            return error
        known = batch.at.isfinite().all(1) & text.any(2).any(1)
        patch = grounding.patch_at(batch.at.nan_to_num())
        misplaced = cross_entropy(place, patch, reduction="none") * known
        return error + PLACE_WEIGHT * misplaced.sum() / known.sum().clamp(min=1)

    return loss


def _convolution(width: int, dilation: int) -> nn.Module:
    return nn.Sequential(
        nn.GroupNorm(_GROUPS, width),
        nn.GELU(),
        nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation),
    )
