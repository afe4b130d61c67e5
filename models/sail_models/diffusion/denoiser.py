"""Video denoisers: what every one offers, ours that denoise latent changes, and the loss that fits ours.

Ours diffuse the change of each future frame's latents from the first frame, divided by the change's usual
size.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from sail_models.device import mixed_precision, normal, uniform
from sail_models.diffusion.schedule import TRAINING_STEPS, add_noise, to_noise, weigh_in

# The share of prompts that training replaces by the empty text, as classifier-free guidance needs (Ho &
# Salimans, arXiv 2207.12598).
TEXT_DROPOUT = 0.1
# The error of x_0 is weighted by the signal-to-noise ratio, truncated below (Salimans & Ho, arXiv 2202.00512,
# section 4) because few-step sampling depends on the noisiest predictions, and above (min-SNR, Hang et al.,
# arXiv 2303.09556).
MINIMUM_SNR, MAXIMUM_SNR = 1.0, 5.0


class Denoiser(Protocol):
    """A video diffusion model, in-domain or prior.

    Latents are float32 (B, F, C, h, w). The text is what the model's own encoder gave for each prompt,
    float32 (B, L, D). The first frame is given by its latents, float32 (B, C, h, w).
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
        """The noise schedule: signal shares a_t, float32 (T,)."""
        ...

    def predict_noise(self, latents: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        """ε of the noisy latents at integer timesteps (B,): float32 (B, F, C, h, w)."""
        ...


class ChangeShape(Protocol):
    """The part of a network's configuration that says what the network diffuses.

    change_scale: standard deviation of the latents' change from the first frame in the training windows, one
    number a future frame, or one number for all. The change is divided by it. Near frames change less than
    far frames, and the arm follows the near ones: divided, all weigh the same.
    """

    @property
    def frames(self) -> int: ...
    @property
    def latent_channels(self) -> int: ...
    @property
    def latent_height(self) -> int: ...
    @property
    def latent_width(self) -> int: ...
    @property
    def change_scale(self) -> tuple[float, ...]: ...
    @property
    def text_width(self) -> int: ...


class ChangeDenoiser(nn.Module, ABC):
    """A Denoiser whose `forward(noisy, timestep, text, first_frame)` predicts the clean change x_0.

    noisy: (B, F, C, h, w). timestep: integers (B,). text: (B, L, D). first_frame: latents (B, C, h, w).
    alphas: the noise schedule of the training, (T,). residual: variance of the error that `predict` is
    assumed to leave. The noisy latents hold as many numbers as the network is wide, too many for the network
    to pass on, so `forward` averages the network's estimate with the noisy latents (see `weigh_in`).
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
        return weigh_in(estimate, self.residual, noisy, self._alpha(timestep))

    def predict_noise(self, latents: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        """ε at integer timesteps (B,): float32 (B, F, C, h, w)."""
        clean: Tensor = self(latents, timestep, text, first_frame)
        return to_noise(clean.float(), latents, self._alpha(timestep), "sample")

    def to_frames(self, change: Tensor, first_frame: Tensor) -> Tensor:
        """The future frames' latents (B, F, C, h, w) of scaled changes (B, F, C, h, w)."""
        return first_frame[:, None] + self.scale * change

    def to_change(self, future: Tensor, first_frame: Tensor) -> Tensor:
        """The scaled changes of the future frames' latents; the inverse of `to_frames`."""
        return (future - first_frame[:, None]) / self.scale

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of one frame's latents."""
        return self._shape.latent_channels, self._shape.latent_height, self._shape.latent_width

    @property
    def frames(self) -> int:
        """Number F of future frames."""
        return self._shape.frames

    @property
    def text_width(self) -> int:
        """Width D of the text embeddings."""
        return self._shape.text_width

    def _alpha(self, timestep: Tensor) -> Tensor:
        return self.alphas[timestep][:, None, None, None, None]


@dataclass(frozen=True)
class PlanBatch:
    """Training windows of a ChangeDenoiser.

    first_frame: latents (B, C, h, w). future: latents (B, F, C, h, w). text: (B, L, D). at: position in the
    first frame of the object that the prompt names, (B, 2) shares from the left and from the top; nan where
    the position is unknown, None where it is unknown for all. noise: (B, F, C, h, w) noise from which a
    teacher drew the future; None where the future was recorded.
    """

    first_frame: Tensor
    future: Tensor
    text: Tensor
    at: Tensor | None = None
    noise: Tensor | None = None


def diffusion_loss(network: ChangeDenoiser, batch: PlanBatch, generator: torch.Generator) -> Tensor:
    """The denoising loss at random timesteps, under random noise (one scalar)."""
    timestep = noisier_timesteps(len(batch.future), generator)
    noise = normal(batch.future.shape, generator)
    return denoising_loss(network, batch, timestep, noise, drop_text(batch.text, generator))


def denoising_loss(
    network: ChangeDenoiser, batch: PlanBatch, timestep: Tensor, noise: Tensor, text: Tensor
) -> Tensor:
    """The weighted squared error of the predicted x_0 (one scalar).

    timestep: integers (B,). noise: (B, F, C, h, w), added to the batch's changes. text: (B, L, D), in place
    of the batch's.
    """
    clean = network.to_change(batch.future, batch.first_frame)
    alpha = network.alphas[timestep][:, None, None, None, None]
    noisy = add_noise(clean, noise, alpha)
    with mixed_precision(clean.device):
        predicted: Tensor = network(noisy, timestep, text, batch.first_frame)
    return (signal_weight(alpha) * (predicted.float() - clean).square()).mean()


def noisier_timesteps(count: int, generator: torch.Generator) -> Tensor:
    """Random timesteps (count,), half of them among the noisiest quarter, which decides few-step plans."""
    timestep = (TRAINING_STEPS * (1.0 - uniform((count,), generator).square())).long()
    return timestep.clamp(max=TRAINING_STEPS - 1)


def signal_weight(alpha: Tensor) -> Tensor:
    """The weight of the error of x_0: the signal-to-noise ratio at signal share alpha, truncated."""
    return (alpha / (1.0 - alpha)).clamp(MINIMUM_SNR, MAXIMUM_SNR)


def drop_text(text: Tensor, generator: torch.Generator) -> Tensor:
    """Text (B, L, D) with the share TEXT_DROPOUT of the samples replaced by the empty text, all zeros."""
    dropped = uniform((len(text), 1, 1), generator) < TEXT_DROPOUT
    return text.masked_fill(dropped, 0.0)
