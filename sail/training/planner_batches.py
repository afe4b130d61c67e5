"""The planner's training data: episodes as latents, with the prompt or caption of each window."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from sail.data.captions import motion_caption
from sail.data.windows import Int64, plan_window, sample_windows
from sail.training.planner_loss import PlanBatch
from sail.types import Episode, Float32
from sail_models.device import device_of
from sail_models.precision import mixed_precision
from sail_models.spaces.autoencoder import Autoencoder
from sail_models.spaces.text_encoder import TextEncoder

# The share of training windows that are the beginning of an episode or clip, in scenes where only the text
# tells what comes: later the arm is on its way, and nobody needs to read.
BEGINNINGS = 0.5


@dataclass(frozen=True)
class LatentEpisode:
    """latents: float32 (T+1, C, h, w). positions: float32 (T+1, 3) of the end effector, in metres.
    prompt: the task's, or None where each window is captioned with its own motion."""

    latents: Tensor
    positions: Float32
    prompt: str | None


def to_latents(episode: Episode, autoencoder: Autoencoder, kept: Int64 | None = None) -> LatentEpisode:
    """Encode an episode's frames (those at indices `kept`, or all); play is captioned, the rest prompted."""
    indices = np.arange(len(episode.frames)) if kept is None else kept
    with mixed_precision(device_of(autoencoder)):
        latents = autoencoder.encode_frames(episode.frames[indices]).cpu()
    return LatentEpisode(
        latents=latents,
        positions=episode.proprioception[indices, :3],
        prompt=None if episode.source == "play" else episode.prompt,
    )


def backwards(episode: LatentEpisode, prompt: str) -> LatentEpisode:
    """The episode played backwards, under the prompt of what it then shows."""
    return LatentEpisode(episode.latents.flip(0), episode.positions[::-1], prompt)


def sample_batch(
    episodes: Sequence[LatentEpisode],
    text: TextEncoder,
    rng: Generator,
    count: int,
    frame_skip: int,
    future: int,
    beginnings: float = 0.0,
) -> PlanBatch:
    """`count` windows, uniform over all frames of the episodes but for a share of episodes' beginnings."""
    lengths = [len(episode.latents) for episode in episodes]
    which, windows = sample_windows(rng, lengths, count, frame_skip, future)
    begun = rng.random(count) < beginnings
    for place in np.flatnonzero(begun):
        windows[place] = plan_window(lengths[which[place]], 0, frame_skip, future)
    latents = torch.stack(
        [episodes[e].latents[torch.from_numpy(w)] for e, w in zip(which, windows, strict=True)]
    )
    prompts = [_prompt(episodes[e], w) for e, w in zip(which, windows, strict=True)]
    return PlanBatch(latents[:, 0], latents[:, 1:], text(prompts))


def change_scale(batch: PlanBatch) -> tuple[float, ...]:
    """Each future frame's standard deviation of the change from the first frame, which the planner divides
    by."""
    change = batch.future - batch.first_frame[:, None]
    return tuple(float(frame.std()) for frame in change.unbind(1))


def _prompt(episode: LatentEpisode, window: Int64) -> str:
    return motion_caption(episode.positions[window]) if episode.prompt is None else episode.prompt
