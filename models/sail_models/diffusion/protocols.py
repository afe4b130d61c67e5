"""What the planner needs of others: a video diffusion model, a frame codec, a text encoder."""

from typing import Protocol

from torch import Tensor

from sail.types import UInt8


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
    def text_width(self) -> int:
        """Width D of the text embeddings."""
        ...

    @property
    def alphas(self) -> Tensor:
        """The noise schedule: cumulative signal shares a_t, float32 (T,)."""
        ...

    def predict_noise(self, latents: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        """ε of the noisy latents at integer timesteps (B,): float32 (B, F, C, h, w)."""
        ...


class FrameCodec(Protocol):
    """Frames to latents and back."""

    def encode_frames(self, frames: UInt8) -> Tensor:
        """uint8 (B, H, W, 3) to float32 (B, C, h, w)."""
        ...

    def decode_frames(self, latents: Tensor) -> UInt8:
        """(B, C, h, w) to uint8 (B, H, W, 3)."""
        ...


class Texts(Protocol):
    """Embeds prompts, each computed once: a list of N strings to float32 (N, L, D)."""

    def __call__(self, prompts: list[str]) -> Tensor: ...
