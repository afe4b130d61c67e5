"""The planner's training batches: windows of episodes as latents, each with its prompt or caption."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from sail.data.captions import motion_caption
from sail.data.windows import Int64, plan_window, sample_windows
from sail.embodiment import Embodiment
from sail.types import Episode, Float32
from sail_envs.suite import Directions
from sail_models.device import device_of, mixed_precision
from sail_models.diffusion.denoiser import PlanBatch
from sail_models.spaces.autoencoder import Autoencoder
from sail_models.spaces.text_encoder import TextEncoder

# In scenes where only the text tells the tasks apart: the share of training windows that begin an episode or
# clip. In later windows the arm's motion shows the task, and the text is not needed.
BEGINNINGS = 0.5


@dataclass(frozen=True)
class LatentEpisode:
    """An episode as latents.

    latents: float32 (T+1, C, h, w). positions: float32 (T+1, 3) of the end effector, in metres; (T+1, 0)
    where proprioception has none. prompt: the task's. directions: where given, each window gets a caption of
    its own motion in these words instead.
    """

    latents: Tensor
    positions: Float32
    prompt: str
    directions: Directions | None = None


def to_latents(
    episode: Episode,
    autoencoder: Autoencoder,
    embodiment: Embodiment,
    kept: Int64 | None = None,
    directions: Directions | None = None,
) -> LatentEpisode:
    """Encode an episode's frames: those at the indices `kept`, or all. directions: see `LatentEpisode`."""
    indices = np.arange(len(episode.frames)) if kept is None else kept
    with mixed_precision(device_of(autoencoder)):
        latents = autoencoder.encode_frames(episode.frames[indices]).cpu()
    return LatentEpisode(
        latents=latents,
        positions=episode.proprioception[indices][:, embodiment.position],
        prompt=episode.prompt,
        directions=directions,
    )


def backwards(episode: LatentEpisode, prompt: str) -> LatentEpisode:
    """The episode in reverse. prompt: of the task that the reversed episode shows."""
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
    """`count` windows of 1 + `future` frames, `frame_skip` control steps apart, uniform over all frames.

    beginnings: share of the windows that begin at their episode's first frame instead.
    """
    lengths = [len(episode.latents) for episode in episodes]
    which, windows = sample_windows(rng, lengths, count, frame_skip, future)
    at_first_frame = rng.random(count) < beginnings
    for place in np.flatnonzero(at_first_frame):
        windows[place] = plan_window(lengths[which[place]], 0, frame_skip, future)
    latents = torch.stack(
        [episodes[e].latents[torch.from_numpy(w)] for e, w in zip(which, windows, strict=True)]
    )
    prompts = [_prompt(episodes[e], w) for e, w in zip(which, windows, strict=True)]
    return PlanBatch(latents[:, 0], latents[:, 1:], text(prompts))


def change_scale(batch: PlanBatch) -> tuple[float, ...]:
    """Standard deviation of each future frame's change from the first frame (see `ChangeShape`)."""
    change = batch.future - batch.first_frame[:, None]
    return tuple(float(frame.std()) for frame in change.unbind(1))


def _prompt(episode: LatentEpisode, window: Int64) -> str:
    if episode.directions is None:
        return episode.prompt
    return motion_caption(episode.positions[window], episode.directions)
