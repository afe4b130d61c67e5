"""The priors that a run's settings name: each function makes one that fits an agent's planner."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from sail.config.registry import PRIORS
from sail.config.schema import SHIPPED, RunConfig
from sail_models.device import best_device
from sail_models.diffusion.denoiser import Denoiser
from sail_models.prior.animatediff import AnimateDiffSource, load_animatediff
from sail_models.prior.compact import CompactPrior
from sail_models.prior.compatibility import OverChanges, PriorError
from sail_models.saving import PRETRAINED, load_model, model_identity

if TYPE_CHECKING:
    from sail.loop.agent import Agent


def find_prior(config: RunConfig, agent: "Agent") -> Denoiser | None:
    """The prior that a configuration names. Raises PlugInError, PriorError and WeightsError."""
    kind = config.prior.kind
    with PRIORS.blamed(kind):
        made: Denoiser | None = PRIORS.find(kind)(config, agent)
    missing = [
        name
        for name in ("latent_shape", "frames", "text_width", "alphas", "predict_noise")
        if made is not None and not hasattr(made, name)
    ]
    if missing:
        raise PriorError(f"{kind} makes no prior: its object lacks {missing[0]} (see Denoiser)")
    return made


def no_prior(config: RunConfig, agent: "Agent") -> None:
    """The planner draws alone."""


def compact_prior(config: RunConfig, agent: "Agent") -> CompactPrior:
    """The prior that ships, or one of `sail train --corpus`."""
    autoencoder = model_identity(agent.autoencoder)
    folder = PRETRAINED / "prior" if config.prior.path == SHIPPED else Path(config.prior.path)
    prior: CompactPrior = load_model(folder, "compact_prior")
    if prior.config.autoencoder not in ("", autoencoder):
        raise PriorError(
            f"the prior in {folder} is of the latents of another autoencoder than base '{config.base}': "
            "choose a base that was trained with this prior's (base=panda goes with the one that ships)"
        )
    return prior


def animatediff_prior(config: RunConfig, agent: "Agent") -> Denoiser:
    """AnimateDiff in the planner's size, always on the best device."""
    hub = AnimateDiffSource()
    source = hub if config.prior.path == SHIPPED else AnimateDiffSource.inside(Path(config.prior.path))
    device = best_device()
    dtype = torch.float32 if device.type == "cpu" else torch.float16
    _, height, width = agent.planner.latent_shape
    frames, sides, offload = agent.planner.frames, (height, width), config.prior.offload
    return OverChanges(load_animatediff(source, frames, device.type, dtype, offload=offload, sides=sides))
