"""Fitting inverse dynamics: frames, frames to reach, and the actions between them; needs no labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from sail.data.windows import sample_inverse_windows
from sail.types import Episode
from sail_models.device import normal, uniform
from sail_models.networks.inverse_dynamics import InverseDynamics
from sail_models.precision import mixed_precision
from sail_models.spaces.autoencoder import Autoencoder, frames_to_tensor

# An arm runs ahead of a plan or falls behind it: goals are nearer or further than one chunk.
NEAREST, FURTHEST = 0.75, 1.5
DECODED_SHARE = 0.3
# Metres: whoever acts by the arm's state alone would not look.
ARM_NOISE = 0.005


@dataclass(frozen=True)
class DynamicsBatch:
    """current, goal: (B, 3, H, W) in -1..1. arm: proprioception (B, 4). actions: (B, chunk, 4)."""

    current: Tensor
    goal: Tensor
    arm: Tensor
    actions: Tensor


def sample_dynamics_batch(
    episodes: Sequence[Episode], rng: Generator, count: int, chunk: int
) -> DynamicsBatch:
    """`count` pairs of frames, uniform over all of the episodes' that a chunk of actions follows."""
    offsets = (int(NEAREST * chunk), int(FURTHEST * chunk))
    lengths = [len(episode.frames) for episode in episodes]
    window = sample_inverse_windows(rng, lengths, count, chunk, offsets)
    pick = [
        (episodes[e], c, g, a)
        for e, c, g, a in zip(window.episode, window.current, window.goal, window.actions, strict=True)
    ]
    return DynamicsBatch(
        frames_to_tensor(np.stack([one.frames[current] for one, current, _, _ in pick])),
        frames_to_tensor(np.stack([one.frames[goal] for one, _, goal, _ in pick])),
        torch.from_numpy(np.stack([one.proprioception[current] for one, current, _, _ in pick])),
        torch.from_numpy(np.stack([one.actions[actions] for one, _, _, actions in pick])),
    )


def dynamics_loss(
    autoencoder: Autoencoder, seen: int
) -> Callable[[InverseDynamics, DynamicsBatch, torch.Generator], Tensor]:
    """The error of the chunk (one scalar), with frames and arm a little disturbed. The first `seen` goals of
    a batch are a camera's, and of those a share is made to look as plans do: through the autoencoder, with
    noise on the latents (a share, because the autoencoder costs more than the model itself)."""
    decoded = int(DECODED_SHARE * seen)

    def loss(model: InverseDynamics, batch: DynamicsBatch, generator: torch.Generator) -> Tensor:
        goal = batch.goal.clone()
        with mixed_precision(generator.device):
            with torch.no_grad():
                latents = autoencoder.encode(goal[:decoded])
                spread = 0.3 * normal(latents.shape, generator)
                spread *= uniform((decoded, 1, 1, 1), generator)
                goal[:decoded] = autoencoder.decode(latents + spread).to(goal)
            arm = batch.arm + ARM_NOISE * normal(batch.arm.shape, generator)
            current, goal = disturb(batch.current, generator), disturb(goal, generator)
            return model.loss(current, goal, arm, batch.actions, generator)

    return loss


def disturb(frames: Tensor, generator: torch.Generator) -> Tensor:
    """Pixel noise and a change of brightness, each frame its own."""
    brightness = 1.0 + 0.1 * normal((len(frames), 1, 1, 1), generator)
    return frames * brightness + 0.03 * normal(frames.shape, generator)
