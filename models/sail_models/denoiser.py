"""What any video diffusion model looks like to the planner: the Denoiser protocol."""

from typing import Protocol

from torch import Tensor


class Denoiser(Protocol):
    """A video diffusion model, in-domain or prior.

    Latents are float32 (B, F, C, h, w); the text is whatever its own encoder gave, one entry a sample
    (float32 (B, L, D)); the first frame is its latents (B, C, h, w).
    """

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of one frame's latents."""
        ...

    @property
    def frames(self) -> int:
        """Number F of future frames."""
        ...

    @property
    def alphas(self) -> Tensor:
        """The noise schedule: cumulative signal shares a_t, float32 (T,)."""
        ...

    def predict_noise(self, latents: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        """ε of the noisy latents at integer timesteps (B,): float32 (B, F, C, h, w)."""
        ...
