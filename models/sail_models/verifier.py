"""A verifier: has what the prompt asks for been done, going by the first frame and the current one?"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sail.types import Float32, UInt8
from sail_models.autoencoder import frames_to_tensor
from sail_models.device import device_of
from sail_models.film import FilmEncoder


@dataclass(frozen=True)
class VerifierNetworkConfig:
    """widths: of the convolutions."""

    widths: tuple[int, ...] = (32, 64, 96, 128)
    features: int = 128
    frame_size: int = 64


class Verifier(nn.Module):
    """A convolutional network over both frames and their difference that reads the prompt."""

    def __init__(self, config: VerifierNetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = FilmEncoder(9, config.widths, config.frame_size, 0, config.features)
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(config.features, 1)

    def forward(self, first: Tensor, current: Tensor, text: Tensor) -> Tensor:
        """Log-odds (B,) that it is done; frames (B, 3, H, W) in -1..1, text (B, 16, 384)."""
        pictures = torch.cat([first, current, current - first], dim=1)
        features = self.encoder(pictures, text, text.new_zeros(text.shape[0], 0))
        logits: Tensor = self.head(self.dropout(features))[:, 0]
        return logits

    @torch.inference_mode()
    def judge(self, frames: UInt8, text: Tensor) -> Float32:
        """The probability that it is done at each of an episode's frames: uint8 (N, H, W, 3), the first of
        them the episode's own first, to float32 (N,). text: (1, 16, 384)."""
        self.eval()
        device = device_of(self)
        seen = frames_to_tensor(frames).to(device)
        logits = self(seen[:1].expand_as(seen), seen, text.to(device).expand(len(seen), -1, -1))
        done: Float32 = logits.sigmoid().cpu().numpy()
        return done
