"""Training of inverse dynamics on frames, goal frames and the actions between; needs no success labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from sail.data.windows import sample_inverse_windows
from sail.embodiment import Embodiment
from sail.types import Episode
from sail_models.device import mixed_precision, normal, uniform
from sail_models.networks.action_head import ArmInput
from sail_models.networks.inverse_dynamics import InverseDynamics
from sail_models.spaces.autoencoder import Autoencoder, frames_to_tensor

# Distances of goals in chunks: an arm runs ahead of its plan or falls behind.
NEAREST, FURTHEST = 0.75, 1.5
# By this share of its range a gripper moves where it opens or closes within a chunk.
GRIPPING = 0.2
# The share of recorded goals that go through the autoencoder.
DECODED_SHARE = 0.3
# Noise on proprioception, in its units (metres for positions), but within these shares of half of a number's
# range. Without noise a network may act by proprioception alone and ignore the frames.
ARM_NOISE, LEAST_SHARE, MOST_SHARE = 0.005, 0.005, 0.03


@dataclass(frozen=True)
class DynamicsBatch:
    """current, goal: (B, 3, H, W) in -1..1. arm, reached: proprioception (B, P) at either. actions:
    (B, chunk, A) in -1..1."""

    current: Tensor
    goal: Tensor
    arm: Tensor
    actions: Tensor
    reached: Tensor


def sample_dynamics_batch(
    episodes: Sequence[Episode],
    rng: Generator,
    count: int,
    chunk: int,
    starts: NDArray[np.int64] | None = None,
) -> DynamicsBatch:
    """`count` pairs of current and goal frame, uniform over `starts`, int64 (N, 2), pairs of an episode's
    index and a frame; where None, over all frames that a chunk of actions follows."""
    offsets = (max(1, int(NEAREST * chunk)), int(FURTHEST * chunk))
    lengths = [len(episode.frames) for episode in episodes]
    window = sample_inverse_windows(rng, lengths, count, chunk, offsets, starts)
    pick = [
        (episodes[e], c, g, a)
        for e, c, g, a in zip(window.episode, window.current, window.goal, window.actions, strict=True)
    ]
    return DynamicsBatch(
        frames_to_tensor(np.stack([one.frames[current] for one, current, _, _ in pick])),
        frames_to_tensor(np.stack([one.frames[goal] for one, _, goal, _ in pick])),
        torch.from_numpy(np.stack([one.proprioception[current] for one, current, _, _ in pick])),
        torch.from_numpy(np.stack([one.actions[actions] for one, _, _, actions in pick])),
        torch.from_numpy(np.stack([one.proprioception[goal] for one, _, goal, _ in pick])),
    )


def gripping_starts(episodes: Sequence[Episode], embodiment: Embodiment) -> NDArray[np.int64]:
    """Where a chunk of actions begins in which a gripper opens or closes by a fifth of its range or more:
    int64 (N, 2), pairs of an episode's index and a frame."""
    grippers = [number for number, one in enumerate(embodiment.proprioception) if one.kind == "gripper"]
    least = [
        GRIPPING * (embodiment.proprioception[one].high - embodiment.proprioception[one].low)
        for one in grippers
    ]
    found, chunk = [np.zeros((0, 2), np.int64)], embodiment.frame_skip
    for index, episode in enumerate(episodes):
        felt = episode.proprioception[:, grippers]
        (frames,) = (np.abs(felt[chunk:] - felt[:-chunk]) >= least).any(1).nonzero()
        found.append(np.column_stack([np.full(len(frames), index), frames]))
    return np.concatenate(found)


def dynamics_loss(
    autoencoder: Autoencoder, recorded: int
) -> Callable[[InverseDynamics, DynamicsBatch, torch.Generator], Tensor]:
    """The error of the action chunk (one scalar), with slightly disturbed frames and proprioception.

    recorded: the first goals of a batch, so many, are recorded frames; the others are imagined. A share of
    the recorded goals is made to look like imagined frames: encoded, noised and decoded. Only a share,
    because the autoencoder costs more than the model.
    """
    decoded = int(DECODED_SHARE * recorded)

    def loss(model: InverseDynamics, batch: DynamicsBatch, generator: torch.Generator) -> Tensor:
        goal = batch.goal.clone()
        with mixed_precision(generator.device):
            with torch.no_grad():
                latents = autoencoder.encode(goal[:decoded])
                spread = 0.3 * normal(latents.shape, generator)
                spread *= uniform((decoded, 1, 1, 1), generator)
                goal[:decoded] = autoencoder.decode(latents + spread).to(goal)
            arm = disturb_arm(batch.arm, model.arm, generator)
            current, goal = disturb(batch.current, generator), disturb(goal, generator)
            return model.loss(current, goal, arm, batch.actions, batch.reached, generator)

    return loss


def disturb(frames: Tensor, generator: torch.Generator) -> Tensor:
    """Frames with noise on each pixel and a random brightness for each frame."""
    brightness = 1.0 + 0.1 * normal((len(frames), 1, 1, 1), generator)
    return frames * brightness + 0.03 * normal(frames.shape, generator)


def disturb_arm(arm: Tensor, ranges: ArmInput, generator: torch.Generator) -> Tensor:
    """Proprioception (B, P) with noise on each number. ranges: the network's."""
    half = ranges.scale
    spread = torch.full_like(half, ARM_NOISE).clamp(LEAST_SHARE * half, MOST_SHARE * half)
    return arm + spread * normal(arm.shape, generator)
