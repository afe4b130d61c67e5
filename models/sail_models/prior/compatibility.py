"""The fit of a prior to a planner: the check that both can be composed, and an adapter."""

import torch
from torch import Tensor

from sail.errors import SailError
from sail_models.diffusion.denoiser import Denoiser
from sail_models.networks.planner_network import PlannerNetwork


class PriorError(SailError):
    """A part of a prior is missing or wrong, or does not fit the other parts or the planner."""


class OverChanges:
    """Adapts a Denoiser of frames' latents to a Denoiser of their changes from the first frame.

    With z the latents, y = z - first frame and the same noise ε: z_t = y_t + sqrt(a_t) · first frame, so ε is
    the same for both. This holds where changes are not scaled (the planner's change_scale is 1).
    """

    def __init__(self, denoiser: Denoiser) -> None:
        self._denoiser = denoiser
        self.latent_shape, self.frames = denoiser.latent_shape, denoiser.frames
        self.text_width, self.alphas = denoiser.text_width, denoiser.alphas

    def predict_noise(self, latents: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        """ε at integer timesteps (B,): float32 (B, F, C, h, w)."""
        root = self.alphas[timestep.cpu()].sqrt().to(latents)[:, None, None, None, None]
        shifted = latents + root * first_frame[:, None].to(latents)
        return self._denoiser.predict_noise(shifted, timestep, text, first_frame)


def check_fit(prior: Denoiser, planner: PlannerNetwork) -> None:
    """Raises PriorError, which names the first respect in which the prior does not fit the planner."""
    differences = (
        ("latents", prior.latent_shape, planner.latent_shape, "take a planner of this prior's configuration"),
        ("frames a plan", prior.frames, planner.frames, "load the prior for as many frames"),
        ("text width", prior.text_width, planner.text_width, "train a planner on this prior's text encoder"),
    )
    for name, found, needed, cure in differences:
        if found != needed:
            raise PriorError(
                f"the prior does not fit the planner: its {name} {found}, needed {needed}; {cure}"
            )
    one = torch.ones(planner.frames)
    if not torch.allclose(getattr(prior, "scale", one).flatten() * one, planner.scale.flatten() * one):
        raise PriorError(
            "the prior does not fit the planner: they scale the changes that they diffuse differently; "
            "train the planner with this prior's autoencoder"
        )
