"""The compact prior: a motion U-Net like AnimateDiff's, small enough to ship, trained on the broad corpus.

A text-conditioned U-Net denoises pictures, and motion modules (attention over time, Guo et al., arXiv
2307.04725) connect the pictures. A picture is a few successive frames, stacked along the channels (a temporal
patch, as in video transformers), which costs a fraction of one picture a frame.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from sail_models.diffusion.denoiser import ChangeDenoiser
from sail_models.diffusion.schedule import cosine_alphas
from sail_models.networks.grounding import Grounding
from sail_models.networks.unet import UNet
from sail_models.spaces.text_encoder import TEXT_WIDTH


@dataclass(frozen=True)
class CompactPriorConfig:
    """Shapes and widths.

    frames, latent_height, latent_width: see `PlannerNetworkConfig`. patch: frames a picture, a divisor of
    frames. change_scale: see `ChangeShape`; the planner's is the same, because both models diffuse the same
    changes. grounding_width, grounding_layers: of the transformer of `Grounding`. autoencoder: identity of
    the autoencoder that made the latents; "" where unknown.
    """

    frames: int
    latent_height: int
    latent_width: int
    latent_channels: int = 16
    patch: int = 4
    widths: tuple[int, ...] = (128, 192)
    layers: int = 1
    heads: int = 2
    change_scale: tuple[float, ...] = (1.0,)
    text_width: int = TEXT_WIDTH
    grounding_width: int = 128
    grounding_layers: int = 2
    autoencoder: str = ""


class CompactPrior(ChangeDenoiser):
    """The compact prior as a Denoiser. Its noise schedule is the in-domain planner's, which ends in pure
    noise."""

    times: Tensor

    def __init__(self, config: CompactPriorConfig) -> None:
        super().__init__(config, cosine_alphas())
        if config.frames % config.patch:
            raise ValueError(f"{config.frames} frames are no multiple of {config.patch} a picture")
        self.config = config
        pictures, stacked = config.frames // config.patch, config.patch * config.latent_channels
        self.grounding = Grounding(config, config.grounding_width, config.grounding_layers)
        self.unet = UNet(
            in_channels=2 * stacked + config.latent_channels + 1,
            out_channels=stacked,
            widths=config.widths,
            plain=1,
            layers=config.layers,
            heads=config.heads,
            token_width=config.grounding_width,
            pictures=pictures,
        )
        # Each picture's place in time, -1..1. Without it only the motion modules know the place.
        times = torch.linspace(-1.0, 1.0, pictures)[:, None, None, None]
        self.register_buffer("times", times, persistent=False)

    def predict(self, noisy: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        """The U-Net's estimate of the clean change, (B, F, C, h, w)."""
        config = self.config
        pictures = config.frames // config.patch
        tokens, _, expected = self.grounding(first_frame, text)
        # As pictures of `patch` frames: (B, pictures, channels, h, w).
        changes = [
            change.reshape(noisy.shape[0], pictures, -1, *noisy.shape[3:]) for change in (noisy, expected)
        ]
        first = first_frame[:, None].expand(-1, pictures, -1, -1, -1)
        times = self.times.expand(noisy.shape[0], pictures, 1, *noisy.shape[3:])
        given = torch.cat([*changes, first, times], dim=2).flatten(0, 1)
        # Attention is over few places here, which CPUs compute faster without the fused kernel.
        with sdpa_kernel(SDPBackend.MATH):
            predicted: Tensor = self.unet(given, timestep, tokens)
        return predicted.reshape(noisy.shape)
