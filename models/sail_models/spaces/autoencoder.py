"""A small convolutional autoencoder: from frames to latents of 16 channels at 1/8 of the size, and back."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sail.embodiment import Embodiment, EmbodimentError
from sail.types import UInt8

# Pixels a side of the square that one place of the latents stands for.
STEP = 8
# Pixels of the smallest side: inverse dynamics halves a frame four times.
LEAST = 16
# Pixels that are encoded or decoded together, which bounds the memory: 256 frames of 64 pixels a side.
_PIXELS = 256 * 64 * 64


@dataclass(frozen=True)
class AutoencoderConfig:
    """Shapes and widths.

    widths: channels at 1/2, 1/4 and 1/8 of the frame's resolution. change_scale: the scale that all networks
    over these latents share (see `ChangeShape`); empty where each planner has its own.
    """

    latent_channels: int = 16
    widths: tuple[int, int, int] = (32, 80, 160)
    change_scale: tuple[float, ...] = ()


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a skip connection; the output is as wide as the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        change: Tensor = self.layers(x)
        return x + change


def _upsample(channels: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 4 * width, 3, padding=1), nn.PixelShuffle(2))


class Autoencoder(nn.Module):
    """Frames (B, 3, H, W) in -1..1 to latents (B, C, H/8, W/8) of zero mean and unit variance, and back.

    H and W are multiples of `step`. Each channel of the latents is normalised with its mean and standard
    deviation over the training frames, which are buffers.
    """

    step = STEP
    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        half, quarter, eighth = config.widths
        self.encoder = nn.Sequential(
            nn.Conv2d(3, half, 4, stride=2, padding=1),
            ResidualBlock(half),
            nn.Conv2d(half, quarter, 4, stride=2, padding=1),
            ResidualBlock(quarter),
            nn.Conv2d(quarter, eighth, 4, stride=2, padding=1),
            ResidualBlock(eighth),
            ResidualBlock(eighth),
            nn.Conv2d(eighth, config.latent_channels, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(config.latent_channels, eighth, 3, padding=1),
            ResidualBlock(eighth),
            ResidualBlock(eighth),
            _upsample(eighth, quarter),
            ResidualBlock(quarter),
            _upsample(quarter, half),
            ResidualBlock(half),
            _upsample(half, 3),
        )
        self.register_buffer("latent_mean", torch.zeros(config.latent_channels, 1, 1))
        self.register_buffer("latent_std", torch.ones(config.latent_channels, 1, 1))

    def encode(self, frames: Tensor) -> Tensor:
        """Frames float (B, 3, H, W) in -1..1 to normalised latents (B, C, H/8, W/8)."""
        latents: Tensor = self.encoder(frames)
        return (latents - self.latent_mean) / self.latent_std

    def decode(self, latents: Tensor) -> Tensor:
        """Normalised latents (B, C, h, w) to frames float (B, 3, 8h, 8w), about -1..1."""
        frames: Tensor = self.decoder(latents * self.latent_std + self.latent_mean)
        return frames

    @torch.inference_mode()
    def encode_frames(self, frames: UInt8, batch: int | None = None) -> Tensor:
        """Latents float32 (N, C, h, w), on the network's device, of frames uint8 (N, H, W, 3) RGB.

        batch: frames that are encoded together, which bounds the memory; None is as many as hold a million
        pixels.
        """
        device = self.latent_mean.device
        batch = batch or max(1, _PIXELS // (frames.shape[1] * frames.shape[2]))
        parts = [
            self.encode(frames_to_tensor(frames[i : i + batch]).to(device))
            for i in range(0, len(frames), batch)
        ]
        return torch.cat(parts).float()

    @torch.inference_mode()
    def decode_frames(self, latents: Tensor) -> UInt8:
        """Frames uint8 (N, H, W, 3) RGB of latents (N, C, h, w), decoded in parts like `encode_frames`."""
        together = max(1, _PIXELS // (latents.shape[2] * latents.shape[3] * STEP**2))
        parts = torch.split(latents, together)
        return np.concatenate([tensor_to_frames(self.decode(some)) for some in parts])


def latent_sides(embodiment: Embodiment) -> tuple[int, int]:
    """Height and width of the latents of an embodiment's frames. Raises EmbodimentError where the frame is no
    multiple of the autoencoder's step, or smaller than the networks' coarsest level."""
    for name in ("height", "width"):
        side = getattr(embodiment, name)
        if side < LEAST:
            raise EmbodimentError(
                f"{name} is {side} pixels, and the networks want {LEAST} or more: record or render larger "
                "frames"
            )
        if side % STEP:
            raise EmbodimentError(
                f"{name} is {side} pixels, and the autoencoder wants multiples of {STEP}: "
                f"record or render frames of {side // STEP * STEP} or {(side // STEP + 1) * STEP}"
            )
    return embodiment.height // STEP, embodiment.width // STEP


def frames_to_tensor(frames: UInt8) -> Tensor:
    """uint8 (..., H, W, 3) to float32 (..., 3, H, W) in -1..1."""
    return torch.from_numpy(frames).movedim(-1, -3).float() / 127.5 - 1.0


def tensor_to_frames(frames: Tensor) -> UInt8:
    """float (..., 3, H, W) in -1..1 (clipped) to uint8 (..., H, W, 3)."""
    pixels = (frames.float().clamp(-1.0, 1.0) + 1.0) * 127.5
    array: UInt8 = pixels.round().to(torch.uint8).movedim(-3, -1).contiguous().cpu().numpy()
    return array
