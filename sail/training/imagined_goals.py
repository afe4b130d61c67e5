"""Goals as the planner draws them, for inverse dynamics to learn from.

Plans in a scene that is new stay blurred, and inverse dynamics that has seen sharp goals alone does not know
what they ask for. What was done where an episode was kept is known: there the planner is shown its future
under noise, draws it again, and the actions that were taken belong to what it drew.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator

from sail.data.windows import Int64, sample_windows
from sail.loop.agent import Agent
from sail.training.inverse_dynamics_fit import DynamicsBatch
from sail.types import FRAME_SKIP, Episode, UInt8
from sail_models.device import device_of, normal, uniform
from sail_models.diffusion.schedule import TRAINING_STEPS
from sail_models.precision import mixed_precision
from sail_models.spaces.autoencoder import frames_to_tensor

# The noise under which the planner is shown what happened: less, and it copies; in pure noise it draws what
# may not have happened.
LEAST_NOISY = 300
# Of a plan's frames those that are followed; control steps by which an arm is ahead of a plan, or behind it.
FOLLOWED, ASTRAY = 4, 2
_AT_ONCE = 64


@dataclass(frozen=True)
class Imagined:
    """frames: uint8 (N, F, H, W, 3), drawn from frame `start` (N,) of the one of `episodes` with index
    `episode` (N,): frame k of them stands for the episode's frame start + (k + 1) · FRAME_SKIP."""

    episodes: Sequence[Episode]
    episode: Int64
    start: Int64
    frames: UInt8


def imagine(agent: Agent, episodes: Sequence[Episode], count: int, guidance: float, seed: int) -> Imagined:
    """`count` windows of the episodes as the agent's planner draws them, in one guided step from noise of
    anything between LEAST_NOISY and the most. Raises ValueError where no episode has two frames."""
    rng, network = np.random.default_rng(seed), agent.planner
    device = device_of(network)
    generator = torch.Generator(device).manual_seed(seed)
    lengths = [len(episode.frames) for episode in episodes]
    which, windows = sample_windows(rng, lengths, count, FRAME_SKIP, network.frames)
    drawn = []
    for first in range(0, count, _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        seen = np.stack([episodes[e].frames[w] for e, w in zip(which[some], windows[some], strict=True)])
        text = agent.text([episodes[e].prompt for e in which[some]]).to(device)
        drawn.append(_drawn_again(agent, seen, text, guidance, generator))
    return Imagined(episodes, which, windows[:, 0], np.concatenate(drawn))


@torch.inference_mode()
def _drawn_again(
    agent: Agent, seen: UInt8, text: torch.Tensor, guidance: float, generator: torch.Generator
) -> UInt8:
    network, (count, frames) = agent.planner, seen.shape[:2]
    noisiness = uniform((count,), generator)
    timestep = (LEAST_NOISY + (TRAINING_STEPS - LEAST_NOISY) * noisiness).long().clamp(max=TRAINING_STEPS - 1)
    alpha = network.alphas[timestep][:, None, None, None, None]
    with mixed_precision(generator.device):
        latents = agent.autoencoder.encode_frames(seen.reshape(-1, *seen.shape[2:]))
        latents = latents.reshape(count, frames, *latents.shape[1:])
        first_frame, change = latents[:, 0], network.to_change(latents[:, 1:], latents[:, 0])
        noisy = alpha.sqrt() * change + (1.0 - alpha).sqrt() * normal(change.shape, generator)
        under_text = network(noisy, timestep, text, first_frame).float()
        under_none = network(noisy, timestep, torch.zeros_like(text), first_frame).float()
        clean = under_none + guidance * (under_text - under_none)
        followed = network.to_frames(clean, first_frame)[:, :FOLLOWED]
        decoded = agent.autoencoder.decode_frames(followed.flatten(0, 1))
    return decoded.reshape(count, -1, *decoded.shape[1:])


def sample_imagined_batch(imagined: Imagined, rng: Generator, count: int, chunk: int) -> DynamicsBatch:
    """`count` of the drawn frames, each with a camera's frame a chunk before it and what was done from there.
    Raises ValueError where no drawn frame is a chunk before its episode's end."""
    lengths = np.array([len(episode) for episode in imagined.episodes])[imagined.episode]
    before = imagined.start[:, None] + FRAME_SKIP * np.arange(imagined.frames.shape[1])
    whole = np.argwhere(before + chunk <= lengths[:, None])
    if not len(whole):
        raise ValueError("no imagined frame has a chunk of actions before it")
    window, frame = whole[rng.integers(len(whole), size=count)].T
    astray = before[window, frame] + rng.integers(-ASTRAY, ASTRAY, size=count, endpoint=True)
    current = np.clip(astray, 0, lengths[window] - chunk)
    pick = [(imagined.episodes[e], c) for e, c in zip(imagined.episode[window], current, strict=True)]
    return DynamicsBatch(
        frames_to_tensor(np.stack([one.frames[at] for one, at in pick])),
        frames_to_tensor(imagined.frames[window, frame]),
        torch.from_numpy(np.stack([one.proprioception[at] for one, at in pick])),
        torch.from_numpy(np.stack([one.actions[at : at + chunk] for one, at in pick])),
    )
