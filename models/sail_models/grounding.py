"""Grounding: what the prompt means in the first frame, read by a small transformer over both.

A U-Net that must find out from noise which of three cups "the red cup" is takes many thousand steps to look
at the text at all. Here patches of the first frame and the prompt's tokens attend to each other before
anything is denoised, and from the patches comes the mean change that they let one expect: what a perfect
denoiser predicts from pure noise, and what grounding can therefore be fitted to alone, in steps that cost a
fraction of a denoiser's (`fit_grounding` in `sail/train/resumable.py`).
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from sail_models.change import ChangeShape

# Patches a side; the transformer's heads, each this wide.
_GRID, _HEAD_WIDTH = 8, 32


class Grounding(nn.Module):
    """`forward(first_frame, text)`: tokens (B, patches + L, width), and the expected change (B, F, C, h, w).

    first_frame: latents (B, C, h, w). text: (B, L, D).
    """

    def __init__(self, shape: ChangeShape, width: int, layers: int) -> None:
        super().__init__()
        self._shape = shape
        self._patch = max(1, shape.latent_size // _GRID)
        patches = (shape.latent_size // self._patch) ** 2
        # Each patch is seen with one latent pixel around it.
        self.look = nn.Conv2d(shape.latent_channels, width, self._patch + 2, self._patch, padding=1)
        self.read = nn.Linear(shape.text_width, width)
        self.place = nn.Parameter(0.5 * torch.randn(patches, width))
        self.kind = nn.Parameter(0.5 * torch.randn(1, width))  # tells words from patches
        layer = nn.TransformerEncoderLayer(
            width, max(1, width // _HEAD_WIDTH), 2 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.attend = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.expect = nn.Linear(width, shape.frames * shape.latent_channels * self._patch**2)

    def forward(self, first_frame: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens to attend to, and the change x_0 that is expected."""
        shape = self._shape
        seen = self.look(first_frame)
        patches = seen.flatten(2).transpose(1, 2) + self.place
        tokens = self.attend(torch.cat([patches, self.read(text) + self.kind], dim=1))
        on_grid = self.expect(tokens[:, : len(self.place)]).transpose(1, 2)
        change = pixel_shuffle(on_grid.reshape(len(text), -1, *seen.shape[2:]), self._patch)
        return tokens, change.reshape(len(text), shape.frames, *first_frame.shape[1:])
