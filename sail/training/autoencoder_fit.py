"""Training of the autoencoder on frames of any episodes, with or without labels."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from sail.training.learning_rate import one_cycle
from sail.types import UInt8
from sail_models.device import best_device, mixed_precision
from sail_models.spaces.autoencoder import Autoencoder, AutoencoderConfig, frames_to_tensor

Report = Callable[[int, dict[str, float]], None]
# The value of the setting `autoencoder` that trains a new one; any other value is an autoencoder's folder.
OWN = "own"


def train_autoencoder(
    sources: Sequence[UInt8],
    steps: int,
    report: Report,
    seed: int = 0,
    batch_size: int = 40,
    learning_rate: float = 1.5e-3,
) -> Autoencoder:
    """Train an autoencoder on frames uint8 (N, H, W, 3) RGB of several sources.

    Each source has an equal share of a batch. report(step, {"loss": …, "mse": …}) is called after every step.
    Pixels are weighted by their distance from their source's mean frame, so that objects, the arm and small
    markers count more than the table that every frame shows.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    device = best_device()
    autoencoder = Autoencoder(AutoencoderConfig()).to(device)
    # CPUs convolve fastest with this order of pixels in memory.
    autoencoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(autoencoder.parameters(), learning_rate, weight_decay=1e-4, fused=True)
    schedule = one_cycle(optimizer, learning_rate, steps)
    samples = [frames[rng.choice(len(frames), min(2000, len(frames)), replace=False)] for frames in sources]
    means = torch.stack([frames_to_tensor(sample).mean(0) for sample in samples]).to(device)
    for step in range(1, steps + 1):
        which = rng.integers(len(sources), size=batch_size)
        chosen = np.stack([sources[source][rng.integers(len(sources[source]))] for source in which])
        batch = frames_to_tensor(chosen).to(device).contiguous(memory_format=torch.channels_last)
        weight = 1.0 + 8.0 * (batch - means[which]).abs().mean(1, keepdim=True)
        with mixed_precision(device):
            latents = autoencoder.encoder(batch)
            # The planner's latents are not exact: noise makes the decoder smooth around the training latents.
            noisy = latents + 0.15 * torch.randn_like(latents)
            error = autoencoder.decoder(noisy).float() - batch
        loss = (weight * (error.abs() + 2.0 * error.square())).mean() + 1e-3 * latents.float().square().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(autoencoder.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        report(step, {"loss": float(loss.detach()), "mse": float(error.detach().square().mean())})
    autoencoder.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    latents = torch.cat([autoencoder.encode_frames(sample) for sample in samples])
    autoencoder.latent_mean.copy_(latents.mean((0, 2, 3))[:, None, None])
    autoencoder.latent_std.copy_(latents.std((0, 2, 3))[:, None, None])
    return autoencoder
