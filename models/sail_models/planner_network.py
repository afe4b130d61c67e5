"""The in-domain video diffusion network: text and first frame in, the next frames' latents out.

A diffusers text-conditioned U-Net (cross-attention to the prompt's tokens) over 8x8 latents whose
channels hold all future frames at once. Stacking frames as channels costs an eighth of a motion U-Net
of the same width: what makes training and planning possible on two CPU cores.
"""

from dataclasses import dataclass

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

from sail_models.schedule import cosine_alphas, to_noise
from sail_models.text import TEXT_WIDTH


@dataclass(frozen=True)
class PlannerNetworkConfig:
    """Shapes and widths. change_scale: standard deviation of the latents' change from the first frame in
    the training windows, one number a future frame (or one for all); the network diffuses the change divided
    by it, so that the near frames, which are followed, weigh as much as the far ones, which change more."""

    frames: int = 8
    latent_channels: int = 16
    latent_size: int = 8
    widths: tuple[int, ...] = (128, 192)
    layers: int = 1
    heads: int = 4
    change_scale: tuple[float, ...] = (1.0,)


class PlannerNetwork(nn.Module):
    """A Denoiser over the scaled change of each future frame's latents from the first frame's."""

    alphas: Tensor
    scale: Tensor

    def __init__(self, config: PlannerNetworkConfig) -> None:
        super().__init__()
        if len(config.change_scale) not in (1, config.frames):
            raise ValueError(
                f"change_scale has {len(config.change_scale)} numbers for {config.frames} frames"
            )
        self.config = config
        stacked = config.frames * config.latent_channels
        deeper = len(config.widths) - 1
        self.unet = UNet2DConditionModel(
            sample_size=config.latent_size,
            in_channels=stacked + config.latent_channels,
            out_channels=stacked,
            # Text and self-attention from 4x4 down: at 8x8 they cost more than they give.
            down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * deeper),
            mid_block_type="UNetMidBlock2DCrossAttn",
            up_block_types=(*("CrossAttnUpBlock2D",) * deeper, "UpBlock2D"),
            block_out_channels=config.widths,
            layers_per_block=config.layers,
            cross_attention_dim=TEXT_WIDTH,
            attention_head_dim=config.heads,
            norm_num_groups=16,
            use_linear_projection=True,
        )
        self.register_buffer("alphas", cosine_alphas(), persistent=False)
        scale = torch.tensor(config.change_scale)[:, None, None, None]
        self.register_buffer("scale", scale, persistent=False)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of one frame's latents."""
        return self.config.latent_channels, self.config.latent_size, self.config.latent_size

    @property
    def frames(self) -> int:
        """Number F of future frames."""
        return self.config.frames

    def forward(self, noisy: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        """The clean change x_0, predicted from noisy (B, F, C, h, w), timestep (B,), text (B, L, D) and
        the first frame's latents (B, C, h, w): (B, F, C, h, w)."""
        stacked = torch.cat([noisy.flatten(1, 2), first_frame], dim=1)
        prediction: Tensor = self.unet(stacked, timestep, text, return_dict=False)[0]
        return torch.unflatten(prediction, 1, (self.config.frames, self.config.latent_channels))

    def predict_noise(self, latents: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        """ε at integer timesteps (B,): float32 (B, F, C, h, w)."""
        alpha = self.alphas[timestep][:, None, None, None, None]
        clean: Tensor = self(latents, timestep, text, first_frame)
        return to_noise(clean.float(), latents, alpha, "sample")

    def to_frames(self, change: Tensor, first_frame: Tensor) -> Tensor:
        """Diffused changes (B, F, C, h, w) to the future frames' latents (B, F, C, h, w)."""
        return first_frame[:, None] + self.scale * change

    def to_change(self, future: Tensor, first_frame: Tensor) -> Tensor:
        """Future frames' latents (B, F, C, h, w) to what is diffused; the inverse of `to_frames`."""
        return (future - first_frame[:, None]) / self.scale
