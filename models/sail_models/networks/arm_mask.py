"""The arm's pixels in a frame, found by a small U-Net.

The arm looks alike in every scene, so a network that saw the arm in some scenes finds it in others.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate


class ArmMask(nn.Module):
    """A small U-Net (Ronneberger et al., arXiv 1505.04597) over one frame."""

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.fine = nn.Sequential(_block(3, fine), _block(fine, fine))
        self.middle = nn.Sequential(_block(fine, middle, 2), _block(middle, middle))
        self.coarse = nn.Sequential(_block(middle, coarse, 2), _block(coarse, coarse), _block(coarse, coarse))
        self.to_middle, self.to_fine = _block(coarse + middle, middle), _block(middle + fine, fine)
        self.head = nn.Conv2d(fine, 1, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Log-odds (B, H, W) that a pixel shows the arm.

        frames: (B, 3, H, W) in -1..1, H and W multiples of 4.
        """
        fine = self.fine(frames)
        middle = self.middle(fine)
        features = self.to_middle(
            torch.cat([middle, interpolate(self.coarse(middle), scale_factor=2)], dim=1)
        )
        features = self.to_fine(torch.cat([fine, interpolate(features, scale_factor=2)], dim=1))
        logits: Tensor = self.head(features)[:, 0]
        return logits


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.GroupNorm(8, outputs), nn.SiLU()
    )
