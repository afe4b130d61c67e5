"""Imagined goals: goal frames drawn by the planner, on which inverse dynamics is trained.

In a new scene imagined frames stay blurred, and inverse dynamics that was trained on sharp frames alone
cannot follow them. Of a kept episode frames and actions are known: the planner denoises the episode's own
noised future, and the episode's actions are the labels of the frames that the planner draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator

from sail.data.windows import Int64, sample_windows
from sail.loop.agent import Agent
from sail.training.inverse_dynamics_fit import DynamicsBatch
from sail.types import Episode, UInt8
from sail_models.device import device_of, mixed_precision, normal, uniform
from sail_models.diffusion.composition import in_domain
from sail_models.diffusion.schedule import TRAINING_STEPS, add_noise
from sail_models.spaces.autoencoder import frames_to_tensor

# The least noisy timestep. With less noise the planner copies the episode's frames; from pure noise it may
# draw another future.
LEAST_NOISY = 300
# How many of a plan's frames an arm follows; by how many control steps an arm is ahead of or behind its plan.
FOLLOWED, ASTRAY = 4, 2
# Windows in one forward pass, which bounds the memory.
_PASS = 64


@dataclass(frozen=True)
class ImaginedGoals:
    """Goal frames that a planner drew for N windows of episodes.

    episode: index in `episodes` of each window's episode (N,). start: each window's first frame (N,). frames:
    uint8 (N, F, H, W, 3) RGB; frame k stands for the episode's frame start + (k + 1) · K,
    with K control steps a chunk.
    """

    episodes: Sequence[Episode]
    episode: Int64
    start: Int64
    frames: UInt8


def imagine_goals(
    agent: Agent, episodes: Sequence[Episode], count: int, guidance: float, seed: int
) -> ImaginedGoals:
    """Draw `count` windows of the episodes with the agent's planner.

    Each window is drawn in one guided denoising step from a random timestep between LEAST_NOISY and the last.
    guidance: text guidance w. Raises ValueError where no episode has two frames.
    """
    rng, network = np.random.default_rng(seed), agent.planner
    device = device_of(network)
    generator = torch.Generator(device).manual_seed(seed)
    lengths = [len(episode.frames) for episode in episodes]
    which, windows = sample_windows(rng, lengths, count, agent.frame_skip, network.frames)
    drawn = []
    for first in range(0, count, _PASS):
        some = slice(first, first + _PASS)
        recorded = np.stack([episodes[e].frames[w] for e, w in zip(which[some], windows[some], strict=True)])
        text = agent.text([episodes[e].prompt for e in which[some]]).to(device)
        drawn.append(_redraw(agent, recorded, text, guidance, generator))
    return ImaginedGoals(episodes, which, windows[:, 0], np.concatenate(drawn))


@torch.inference_mode()
def _redraw(
    agent: Agent, recorded: UInt8, text: torch.Tensor, guidance: float, generator: torch.Generator
) -> UInt8:
    """The first FOLLOWED future frames of windows uint8 (B, 1 + F, H, W, 3), noised and denoised."""
    network, (count, frames) = agent.planner, recorded.shape[:2]
    noisiness = uniform((count,), generator)
    timestep = (LEAST_NOISY + (TRAINING_STEPS - LEAST_NOISY) * noisiness).long().clamp(max=TRAINING_STEPS - 1)
    alpha = network.alphas[timestep][:, None, None, None, None]
    with mixed_precision(generator.device):
        latents = agent.autoencoder.encode_frames(recorded.reshape(-1, *recorded.shape[2:]))
        latents = latents.reshape(count, frames, *latents.shape[1:])
        first_frame, change = latents[:, 0], network.to_change(latents[:, 1:], latents[:, 0])
        noisy = add_noise(change, normal(change.shape, generator), alpha)
        under_text = network(noisy, timestep, text, first_frame).float()
        under_none = network(noisy, timestep, torch.zeros_like(text), first_frame).float()
        clean = in_domain(under_text, under_none, guidance)
        followed = network.to_frames(clean, first_frame)[:, :FOLLOWED]
        decoded = agent.autoencoder.decode_frames(followed.flatten(0, 1))
    return decoded.reshape(count, -1, *decoded.shape[1:])


def sample_imagined_batch(imagined: ImaginedGoals, rng: Generator, count: int, chunk: int) -> DynamicsBatch:
    """`count` imagined goals, each with a recorded frame about a chunk before, and the actions from there.

    Raises ValueError where no imagined goal has a whole chunk of actions before it.
    """
    lengths = np.array([len(episode) for episode in imagined.episodes])[imagined.episode]
    before = imagined.start[:, None] + chunk * np.arange(imagined.frames.shape[1])
    whole = np.argwhere(before + chunk <= lengths[:, None])
    if not len(whole):
        raise ValueError("no imagined frame has a chunk of actions before it")
    window, frame = whole[rng.integers(len(whole), size=count)].T
    astray = before[window, frame] + rng.integers(-ASTRAY, ASTRAY, size=count, endpoint=True)
    current = np.clip(astray, 0, lengths[window] - chunk)
    reached = before[window, frame] + chunk
    which = imagined.episode[window]
    pick = [(imagined.episodes[e], c, g) for e, c, g in zip(which, current, reached, strict=True)]
    return DynamicsBatch(
        frames_to_tensor(np.stack([one.frames[at] for one, at, _ in pick])),
        frames_to_tensor(imagined.frames[window, frame]),
        torch.from_numpy(np.stack([one.proprioception[at] for one, at, _ in pick])),
        torch.from_numpy(np.stack([one.actions[at : at + chunk] for one, at, _ in pick])),
        torch.from_numpy(np.stack([one.proprioception[goal] for one, _, goal in pick])),
    )
