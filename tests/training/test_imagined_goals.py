"""Imagined goals: which recorded frames they stand for, and which actions lead to them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from sail.training.imagined_goals import ImaginedGoals, imagine_goals, sample_imagined_batch
from sail.types import Episode
from sail_models.spaces.autoencoder import tensor_to_frames

from helpers import make_episode

SKIP, CHUNK = 8, 8


def numbered(steps: int) -> Episode:
    """Every frame's pixels and the arm's state are the frame's number; so, by 255, are the actions."""
    number = np.arange(steps + 1)
    return replace(
        make_episode(steps=steps, shape=(64, 64)),
        frames=np.tile(number.astype(np.uint8)[:, None, None, None], (1, 64, 64, 3)),
        proprioception=np.tile(number.astype(np.float32)[:, None], (1, 4)),
        actions=np.tile(number[:-1].astype(np.float32)[:, None] / 255, (1, 4)),
    )


EPISODES = [numbered(40), numbered(17), numbered(9)]


class Same:
    """In place of the autoencoder: latents are the frame's number, and back."""

    def encode_frames(self, frames: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(frames[:, :1, :1, :1].astype(np.float32)).movedim(-1, 1)

    def decode_frames(self, latents: torch.Tensor) -> np.ndarray:
        return tensor_to_frames((latents / 127.5 - 1.0).expand(-1, 3, 64, 64))


class Knowing(torch.nn.Module):
    """In place of the planner: under the prompt it draws half of what happened, without it nothing."""

    frames = 6

    def __init__(self) -> None:
        super().__init__()
        self.here = torch.nn.Parameter(torch.zeros(1))
        self.alphas = torch.linspace(1.0, 1e-4, 1000)
        self.clean = torch.zeros(0)
        self.timesteps: list[torch.Tensor] = []

    def to_change(self, future: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
        self.clean = future - first[:, None]
        return self.clean

    def to_frames(self, change: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
        return first[:, None] + change

    def forward(self, noisy: Any, timestep: torch.Tensor, text: torch.Tensor, first: Any) -> torch.Tensor:
        self.timesteps.append(timestep)
        return self.clean * (0.5 if text.any() else 0.0)


@dataclass
class Planning:
    autoencoder: Any
    planner: Any
    text: Any
    frame_skip: int = 8


def drawn(count: int = 200, guidance: float = 2.0, seed: int = 0) -> tuple[ImaginedGoals, Knowing]:
    network = Knowing()
    agent = Planning(Same(), network, lambda prompts: torch.ones(len(prompts), 1, 1))
    return imagine_goals(agent, EPISODES, count, guidance, seed), network  # type: ignore[arg-type]


def test_each_drawn_frame_stands_for_the_one_that_came_then() -> None:
    imagined, network = drawn()
    assert imagined.frames.shape == (200, 4, 64, 64, 3)
    last = np.array([len(one) for one in EPISODES])[imagined.episode]
    stands_for = np.minimum(imagined.start[:, None] + SKIP * np.arange(1, 5), last[:, None])
    # Half of it under the prompt, guided by 2: what happened.
    np.testing.assert_array_equal(imagined.frames[..., 0, 0, 0], stands_for)
    timesteps = torch.cat(network.timesteps)
    assert int(timesteps.min()) >= 300 and 900 < int(timesteps.max()) <= 999


def test_guidance_and_seed_decide_what_is_drawn() -> None:
    plain, full = drawn(guidance=1.0)[0], drawn()[0]
    changes = (one.frames[..., 0, 0, 0].astype(float) - one.start[:, None] for one in (plain, full))
    assert np.abs(2 * next(changes) - next(changes)).max() <= 1.0
    assert np.array_equal(full.start, drawn()[0].start)
    assert not np.array_equal(full.start, drawn(seed=1)[0].start)


def test_a_sample_is_what_was_done_on_the_way_to_a_drawn_frame() -> None:
    batch = sample_imagined_batch(drawn()[0], np.random.default_rng(0), 500, CHUNK)
    current, goal = (((one[:, 0, 0, 0] + 1.0) * 127.5).round() for one in (batch.current, batch.goal))
    np.testing.assert_array_equal(batch.arm[:, 0], current)
    done = current[:, None] + torch.arange(CHUNK)
    torch.testing.assert_close(batch.actions[:, :, 0] * 255, done, atol=1e-4, rtol=0)
    # A chunk ahead, give or take what an arm is astray.
    assert set((goal - current).tolist()) == set(range(6, 11))


def test_episodes_without_a_whole_chunk_teach_nothing() -> None:
    short = ImaginedGoals([numbered(7)], np.array([0]), np.array([0]), np.zeros((1, 4, 64, 64, 3), np.uint8))
    with pytest.raises(ValueError, match="no imagined frame has a chunk"):
        sample_imagined_batch(short, np.random.default_rng(0), 4, CHUNK)
