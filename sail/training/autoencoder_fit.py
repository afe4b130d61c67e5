"""Training of the autoencoder on frames of any episodes, with or without labels."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from sail.training.learning_rate import one_cycle
from sail.types import UInt8
from sail_models.device import best_device, mixed_precision
from sail_models.spaces.autoencoder import Autoencoder, AutoencoderConfig, frames_to_tensor

Report = Callable[[int, dict[str, float]], None]
# The value of the setting `autoencoder` that trains a new one; any other value is an autoencoder's folder.
OWN = "own"
BATCH = 40
# A batch of frames larger than this has fewer of them, so that a step costs about the same, but at least so
# many.
_PIXELS, _LEAST = 64 * 64, 2
# Frames (of that size, or fewer larger ones) that mean frame and latents' statistics are measured on.
_SAMPLE = 2000


def frames_a_step(height: int, width: int, batch: int = BATCH) -> int:
    """How many frames of a size, in pixels, a step trains on. batch: of frames of 64 pixels a side and
    less."""
    return min(batch, max(_LEAST, batch * _PIXELS // (height * width)))


def autoencoder_loss(autoencoder: Autoencoder, frames: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """The loss (one scalar), and the error of each number of the frames, (B, 3, H, W).

    frames: (B, 3, H, W) in -1..1. mean: the mean frame of each frame's source. Pixels are weighted by their
    distance from it, so that objects, the arm and small markers count more than the table that every frame
    shows.
    """
    weight = 1.0 + 8.0 * (frames - mean).abs().mean(1, keepdim=True)
    with mixed_precision(frames.device):
        latents = autoencoder.encoder(frames)
        # The planner's latents are not exact: noise makes the decoder smooth around the training latents.
        noisy = latents + 0.15 * torch.randn_like(latents)
        error = autoencoder.decoder(noisy).float() - frames
    loss = (weight * (error.abs() + 2.0 * error.square())).mean() + 1e-3 * latents.float().square().mean()
    return loss, error


def train_autoencoder(
    sources: Sequence[UInt8],
    steps: int,
    report: Report,
    seed: int = 0,
    batch_size: int = BATCH,
    learning_rate: float = 1.5e-3,
) -> Autoencoder:
    """Train an autoencoder on frames uint8 (N, H, W, 3) RGB of several sources.

    Frames are of one size. Each source has an equal share of a batch, of frames_a_step(H, W, batch_size)
    frames. report(step, {"loss": …, "mse": …}) is called after every step.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    device = best_device()
    autoencoder = Autoencoder(AutoencoderConfig()).to(device)
    # CPUs convolve fastest with this order of pixels in memory.
    autoencoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(autoencoder.parameters(), learning_rate, weight_decay=1e-4, fused=True)
    schedule = one_cycle(optimizer, learning_rate, steps)
    height, width = sources[0].shape[1:3]
    batch_size, most = (frames_a_step(height, width, count) for count in (batch_size, _SAMPLE))
    samples = [frames[rng.choice(len(frames), min(most, len(frames)), replace=False)] for frames in sources]
    means = torch.stack([frames_to_tensor(sample).mean(0) for sample in samples]).to(device)
    for step in range(1, steps + 1):
        which = rng.integers(len(sources), size=batch_size)
        chosen = np.stack([sources[source][rng.integers(len(sources[source]))] for source in which])
        batch = frames_to_tensor(chosen).to(device).contiguous(memory_format=torch.channels_last)
        loss, error = autoencoder_loss(autoencoder, batch, means[which])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(autoencoder.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        report(step, {"loss": float(loss.detach()), "mse": float(error.detach().square().mean())})
    autoencoder.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    latents = torch.cat([autoencoder.encode_frames(sample) for sample in samples])
    autoencoder.latent_mean.copy_(latents.mean((0, 2, 3))[:, None, None])
    autoencoder.latent_std.copy_(latents.std((0, 2, 3))[:, None, None])
    return autoencoder
