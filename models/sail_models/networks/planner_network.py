"""The in-domain video diffusion network: from text and first frame to the next frames' latents.

The network is a text-conditioned U-Net, with cross-attention to the prompt's tokens, over latents whose
channels hold all future frames. Frames stacked as channels cost an eighth of a motion U-Net of the same
width, so that training and planning are possible on two CPU cores.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sail.embodiment import Embodiment
from sail_models.diffusion.denoiser import ChangeDenoiser
from sail_models.diffusion.schedule import cosine_alphas
from sail_models.networks.grounding import Grounding
from sail_models.networks.sizes import Preset, halvings, with_finer
from sail_models.networks.unet import UNet
from sail_models.spaces.autoencoder import latent_sides
from sail_models.spaces.text_encoder import TEXT_WIDTH


@dataclass(frozen=True)
class PlannerNetworkConfig:
    """Shapes and widths.

    frames: future frames of a plan. latent_height, latent_width: of a frame's latents. widths: of the
    U-Net's levels, fine to coarse; plain_levels: the first of them, which have no attention. change_scale:
    see `ChangeShape`. text_width: width of the token embeddings. grounding_width, grounding_layers: of the
    transformer of `Grounding`; with 0 layers there is no grounding, and the network attends to the text's
    tokens alone. residual: see `ChangeDenoiser`. distilled: whether the network was taught by another
    planner's plans. A distilled network has the teacher's guidance and prior in its weights, and is sampled
    under the text alone.
    """

    frames: int
    latent_height: int
    latent_width: int
    latent_channels: int = 16
    widths: tuple[int, ...] = (128, 192)
    plain_levels: int = 1
    layers: int = 1
    heads: int = 4
    change_scale: tuple[float, ...] = (1.0,)
    text_width: int = TEXT_WIDTH
    grounding_width: int = 128
    grounding_layers: int = 2
    residual: float = 0.1
    distilled: bool = False


# Widths of the two coarsest levels. wide: for trainings of an hour or more.
_WIDTHS: dict[Preset, tuple[int, int]] = {"compact": (128, 192), "wide": (256, 256)}
# A finer level is at least so wide: it has the noisy latents of all frames to pass on.
_LEAST_WIDTH = 64
# 512-pixel frames in Stable Diffusion's latents, to be composed with AnimateDiff, which does not scale
# changes.
FULL = PlannerNetworkConfig(
    frames=8,
    latent_height=64,
    latent_width=64,
    latent_channels=4,
    widths=(128, 256, 384, 512),
    heads=8,
    text_width=768,
)


def planner_config(preset: Preset, embodiment: Embodiment, **changes: Any) -> PlannerNetworkConfig:
    """A planner for an embodiment's frames, in our autoencoder's latents.

    There are as many levels as bring the latents down to 4×4 to 6×6 places, where text and self-attention
    are: at 8×8 they cost more than they give. changes: other fields of the configuration. Raises
    EmbodimentError where the frame is no multiple of the autoencoder's step.
    """
    height, width = latent_sides(embodiment)
    widths = with_finer(_WIDTHS[preset], 1 + halvings(height, width), _LEAST_WIDTH)
    shape = PlannerNetworkConfig(
        embodiment.plan_frames, height, width, widths=widths, plain_levels=len(widths) - 1
    )
    return replace(shape, **changes)


class PlannerNetwork(ChangeDenoiser):
    """The in-domain Denoiser, on the cosine noise schedule."""

    def __init__(self, config: PlannerNetworkConfig) -> None:
        super().__init__(config, cosine_alphas())
        self.config, self.residual = config, config.residual
        stacked = config.frames * config.latent_channels
        grounded = config.grounding_layers > 0
        self.grounding = (
            Grounding(config, config.grounding_width, config.grounding_layers) if grounded else None
        )
        self.unet = UNet(
            in_channels=stacked * (1 + grounded) + config.latent_channels,
            out_channels=stacked,
            widths=config.widths,
            plain=config.plain_levels,
            layers=config.layers,
            heads=config.heads,
            token_width=config.grounding_width if grounded else config.text_width,
        )

    def predict(self, noisy: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        """The U-Net's estimate of the clean change, (B, F, C, h, w)."""
        given, tokens = [noisy.flatten(1, 2), first_frame], text
        if self.grounding is not None:
            tokens, _, expected = self.grounding(first_frame, text)
            given.append(expected.flatten(1, 2))
        prediction: Tensor = self.unet(torch.cat(given, dim=1), timestep, tokens)
        return torch.unflatten(prediction, 1, (self.config.frames, self.config.latent_channels))
