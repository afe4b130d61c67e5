"""The in-domain video diffusion network: from text and first frame to the next frames' latents.

The network is diffusers' text-conditioned U-Net, with cross-attention to the prompt's tokens, over latents
whose channels hold all future frames. Frames stacked as channels cost an eighth of a motion U-Net of the same
width, so that training and planning are possible on two CPU cores.
"""

from dataclasses import dataclass

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor

from sail_models.diffusion.denoiser import ChangeDenoiser
from sail_models.diffusion.schedule import cosine_alphas
from sail_models.networks.grounding import Grounding
from sail_models.spaces.text_encoder import TEXT_WIDTH


@dataclass(frozen=True)
class PlannerNetworkConfig:
    """Shapes and widths.

    change_scale: see `ChangeShape`. text_width: width of the token embeddings. grounding_width,
    grounding_layers: of the transformer of `Grounding`; with 0 layers there is no grounding, and the network
    attends to the text's tokens alone. residual: see `ChangeDenoiser`. distilled: whether the network was
    taught by another planner's plans. A distilled network has the teacher's guidance and prior in its
    weights, and is sampled under the text alone.
    """

    frames: int = 8
    latent_channels: int = 16
    latent_size: int = 8
    widths: tuple[int, ...] = (128, 192)
    layers: int = 1
    heads: int = 4
    change_scale: tuple[float, ...] = (1.0,)
    text_width: int = TEXT_WIDTH
    grounding_width: int = 128
    grounding_layers: int = 2
    residual: float = 0.1
    distilled: bool = False


# compact: 64-pixel frames in our autoencoder's latents. wide: the same, for trainings of an hour or more.
# full: 512-pixel frames in Stable Diffusion's latents, to be composed with AnimateDiff, which does not scale
# changes.
CONFIGURATIONS: dict[str, PlannerNetworkConfig] = {
    "compact": PlannerNetworkConfig(),
    "wide": PlannerNetworkConfig(widths=(256, 256)),
    "full": PlannerNetworkConfig(
        latent_channels=4, latent_size=64, widths=(128, 256, 384, 512), heads=8, text_width=768
    ),
}


class PlannerNetwork(ChangeDenoiser):
    """The in-domain Denoiser, on the cosine noise schedule."""

    def __init__(self, config: PlannerNetworkConfig) -> None:
        super().__init__(config, cosine_alphas())
        self.config, self.residual = config, config.residual
        stacked = config.frames * config.latent_channels
        deeper = len(config.widths) - 1
        grounded = config.grounding_layers > 0
        self.grounding = (
            Grounding(config, config.grounding_width, config.grounding_layers) if grounded else None
        )
        self.unet = UNet2DConditionModel(
            sample_size=config.latent_size,
            in_channels=stacked * (1 + grounded) + config.latent_channels,
            out_channels=stacked,
            # Text and self-attention from 4x4 down: at 8x8 they cost more than they give.
            down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * deeper),
            mid_block_type="UNetMidBlock2DCrossAttn",
            up_block_types=(*("CrossAttnUpBlock2D",) * deeper, "UpBlock2D"),
            block_out_channels=config.widths,
            layers_per_block=config.layers,
            cross_attention_dim=config.grounding_width if grounded else config.text_width,
            attention_head_dim=config.heads,
            norm_num_groups=16,
            use_linear_projection=True,
        )

    def predict(self, noisy: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        """The U-Net's estimate of the clean change, (B, F, C, h, w)."""
        given, tokens = [noisy.flatten(1, 2), first_frame], text
        if self.grounding is not None:
            tokens, _, expected = self.grounding(first_frame, text)
            given.append(expected.flatten(1, 2))
        prediction: Tensor = self.unet(torch.cat(given, dim=1), timestep, tokens, return_dict=False)[0]
        return torch.unflatten(prediction, 1, (self.config.frames, self.config.latent_channels))
