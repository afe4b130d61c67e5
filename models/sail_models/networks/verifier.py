"""A verifier: judges from the first frame and the current frame whether the prompt's task is done.

The arm's pixels are left out of both frames.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sail.types import Float32, UInt8
from sail_models.device import device_of
from sail_models.interfaces import check_frames
from sail_models.networks.arm_mask import ArmMask
from sail_models.networks.film import FilmEncoder
from sail_models.networks.sizes import halvings, with_finer
from sail_models.spaces.autoencoder import frames_to_tensor

# IS_ARM: probability above which a pixel counts as the arm's. HAS_CHANGED: difference of a colour (in -1..1)
# above which a pixel counts as changed.
IS_ARM, HAS_CHANGED = 0.1, 24 / 127.5


@dataclass(frozen=True)
class VerifierNetworkConfig:
    """Shapes and widths.

    height, width: of a frame, in pixels. widths: of the convolutions. arm: whether the verifier was taught to
    find the arm, and leaves it out. arm_widths: of the network that finds the arm, fine to coarse.
    """

    height: int
    width: int
    widths: tuple[int, ...] = (32, 64, 96, 128)
    features: int = 128
    arm: bool = True
    arm_widths: tuple[int, int, int] = (16, 32, 48)


def verifier_config(height: int, width: int, arm: bool) -> VerifierNetworkConfig:
    """A verifier for frames of a size, in pixels: a larger frame has finer levels before the others."""
    widths = with_finer(VerifierNetworkConfig.widths, halvings(height, width), 16)
    return VerifierNetworkConfig(height, width, widths, arm=arm)


class Judgement(NamedTuple):
    """The verifier's judgement of N frames.

    log_odds: that the task is done in the frame, float32 (N,). changed: how many pixels differ from the first
    frame, of those that show the arm in neither, int64 (N,); None where the verifier cannot find the arm.
    """

    log_odds: Float32
    changed: NDArray[np.int64] | None


class Verifier(nn.Module):
    """A convolutional network over both frames, their difference and the prompt."""

    def __init__(self, config: VerifierNetworkConfig) -> None:
        super().__init__()
        self.config = config
        size = config.height, config.width
        self.encoder = FilmEncoder(11, config.widths, size, 0, config.features)
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(config.features, 1)
        self.arm_mask = ArmMask(config.arm_widths) if config.arm else None

    def forward(self, first: Tensor, current: Tensor, arms: Tensor, text: Tensor) -> Tensor:
        """Log-odds (B,) that the task is done.

        first, current: frames (B, 3, H, W) in -1..1. arms: (B, 2, H, W), 1 where the first and the current
        frame show the arm, else 0. text: (B, 16, 384).
        """
        scene = 1.0 - arms
        first, current = first * scene[:, :1], current * scene[:, 1:]
        change = (current - first) * scene.prod(1, keepdim=True)
        features = self.encoder(
            torch.cat([first, current, change, arms], dim=1), text, text.new_zeros(text.shape[0], 0)
        )
        logits: Tensor = self.head(self.dropout(features))[:, 0]
        return logits

    def find_arm(self, frames: Tensor) -> Tensor:
        """The arm in frames (B, 3, H, W) in -1..1: (B, H, W), 1 where a pixel shows the arm, else 0."""
        if self.arm_mask is None:
            return torch.zeros_like(frames[:, 0])
        arm: Tensor = self.arm_mask(frames).sigmoid()
        return (arm > IS_ARM).to(frames.dtype)

    @torch.inference_mode()
    def judge(self, frames: UInt8, text: Tensor) -> Judgement:
        """Judge frames of an episode.

        frames: uint8 (N, H, W, 3) RGB, beginning with the episode's first frame. text: (1, 16, 384). Raises
        FrameError for frames of another size.
        """
        self.eval()
        check_frames(frames, self.config.height, self.config.width)
        device = device_of(self)
        seen = frames_to_tensor(frames).to(device)
        first, arm = seen[:1].expand_as(seen), self.find_arm(seen)
        arms = torch.stack([arm[:1].expand_as(arm), arm], dim=1)
        logits = self(first, seen, arms, text.to(device).expand(len(seen), -1, -1))
        log_odds: Float32 = logits.float().cpu().numpy()
        if self.arm_mask is None:
            return Judgement(log_odds, None)
        other = ((seen - first).abs().amax(1) > HAS_CHANGED) & (arms.sum(1) == 0)
        return Judgement(log_odds, other.sum((1, 2)).cpu().numpy())
