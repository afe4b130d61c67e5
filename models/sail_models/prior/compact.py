"""The compact prior: a motion U-Net of AnimateDiff's kind, small enough to ship, trained on the broad corpus.

Each frame's latents are a picture of their own, denoised by a text-conditioned U-Net whose motion modules
(attention over time, Guo et al., arXiv 2307.04725) tie the frames together.
"""

from dataclasses import dataclass

import torch
from diffusers.models.unets.unet_motion_model import UNetMotionModel
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from sail_models.change import ChangeDenoiser
from sail_models.schedule import stable_diffusion_alphas
from sail_models.text import TEXT_WIDTH


@dataclass(frozen=True)
class CompactPriorConfig:
    """Shapes and widths. change_scale: see `ChangeShape`; the planner's own, as both diffuse one thing.
    autoencoder: identity of the one whose latents these are."""

    frames: int = 8
    latent_channels: int = 16
    latent_size: int = 8
    widths: tuple[int, ...] = (64, 128)
    layers: int = 1
    heads: int = 2
    change_scale: tuple[float, ...] = (1.0,)
    text_width: int = TEXT_WIDTH
    autoencoder: str = ""


class CompactPrior(ChangeDenoiser):
    """A Denoiser, on Stable Diffusion's schedule: one that ends in some signal, as the published sums of two
    models' noise need it (see `composition.normalised`)."""

    def __init__(self, config: CompactPriorConfig) -> None:
        super().__init__(config, stable_diffusion_alphas())
        self.config = config
        deeper = len(config.widths) - 1
        self.unet = UNetMotionModel(
            sample_size=config.latent_size,
            in_channels=2 * config.latent_channels,
            out_channels=config.latent_channels,
            down_block_types=("DownBlockMotion", *("CrossAttnDownBlockMotion",) * deeper),
            up_block_types=(*("CrossAttnUpBlockMotion",) * deeper, "UpBlockMotion"),
            block_out_channels=config.widths,
            layers_per_block=config.layers,
            cross_attention_dim=config.text_width,
            num_attention_heads=config.heads,
            motion_num_attention_heads=config.heads,
            motion_max_seq_length=config.frames,
            norm_num_groups=16,
            use_motion_mid_block=False,
        )

    def forward(self, noisy: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        """The clean change x_0, (B, F, C, h, w); see `ChangeDenoiser`."""
        frames = self.config.frames
        first = first_frame[:, None].expand(-1, frames, -1, -1, -1)
        pictures = torch.cat([noisy, first], dim=2).transpose(1, 2)  # diffusers' order: channels, frames
        states = text[:, None].expand(-1, frames, -1, -1).flatten(0, 1)
        # Attention over eight frames is small: CPUs do it faster without the fused kernel.
        with sdpa_kernel(SDPBackend.MATH):
            predicted: Tensor = self.unet(pictures, timestep, states, return_dict=False)[0]
        return predicted.transpose(1, 2)
