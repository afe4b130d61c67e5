"""What our video networks share: they diffuse the scaled change of each future frame's latents."""

from abc import ABC, abstractmethod
from typing import Protocol

import torch
from torch import Tensor, nn

from sail_models.diffusion.schedule import to_noise, weigh_in


class ChangeShape(Protocol):
    """The part of a network's configuration that says what is diffused.

    change_scale: standard deviation of the latents' change from the first frame in the training windows, one
    number a future frame (or one for all). The network diffuses the change divided by it, so that the near
    frames, which are followed, weigh as much as the far ones, which change more.
    """

    @property
    def frames(self) -> int: ...
    @property
    def latent_channels(self) -> int: ...
    @property
    def latent_size(self) -> int: ...
    @property
    def change_scale(self) -> tuple[float, ...]: ...
    @property
    def text_width(self) -> int: ...


class ChangeDenoiser(nn.Module, ABC):
    """A Denoiser whose `forward(noisy, timestep, text, first_frame)` predicts the clean change x_0.

    noisy: (B, F, C, h, w). timestep: (B,). text: (B, L, D). first_frame: latents (B, C, h, w). alphas: the
    noise schedule that it is trained on. residual: variance of the error that the network proper
    (`predict`) is taken to leave. What it cannot draw is then read from the noisy latents, where they show
    it: with a plan's frames stacked they are as many numbers as the network is wide, too many to pass on.
    """

    alphas: Tensor
    residual: float = 0.1
    scale: Tensor

    def __init__(self, shape: ChangeShape, alphas: Tensor) -> None:
        super().__init__()
        if len(shape.change_scale) not in (1, shape.frames):
            raise ValueError(f"change_scale has {len(shape.change_scale)} numbers for {shape.frames} frames")
        self._shape = shape
        self.register_buffer("alphas", alphas, persistent=False)
        scale = torch.tensor(shape.change_scale)[:, None, None, None]
        self.register_buffer("scale", scale, persistent=False)

    @abstractmethod
    def predict(self, noisy: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        """The network's own estimate of x_0, (B, F, C, h, w)."""

    def forward(self, noisy: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        """The clean change x_0, (B, F, C, h, w)."""
        estimate = self.predict(noisy, timestep, text, first_frame)
        return weigh_in(estimate, self.residual, noisy, self._share(timestep))

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of one frame's latents."""
        return self._shape.latent_channels, self._shape.latent_size, self._shape.latent_size

    @property
    def frames(self) -> int:
        """Number F of future frames."""
        return self._shape.frames

    @property
    def text_width(self) -> int:
        """Width D of the text embeddings."""
        return self._shape.text_width

    def predict_noise(self, latents: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        """ε at integer timesteps (B,): float32 (B, F, C, h, w)."""
        clean: Tensor = self(latents, timestep, text, first_frame)
        return to_noise(clean.float(), latents, self._share(timestep), "sample")

    def to_frames(self, change: Tensor, first_frame: Tensor) -> Tensor:
        """Diffused changes (B, F, C, h, w) to the future frames' latents (B, F, C, h, w)."""
        return first_frame[:, None] + self.scale * change

    def to_change(self, future: Tensor, first_frame: Tensor) -> Tensor:
        """Future frames' latents (B, F, C, h, w) to what is diffused; the inverse of `to_frames`."""
        return (future - first_frame[:, None]) / self.scale

    def _share(self, timestep: Tensor) -> Tensor:
        return self.alphas[timestep][:, None, None, None, None]
