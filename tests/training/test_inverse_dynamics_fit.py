"""Fitting inverse dynamics on episodes whose actions can be seen."""

from dataclasses import replace

import numpy as np
import torch

from sail.training.inverse_dynamics_fit import (
    DynamicsBatch,
    dynamics_loss,
    gripping_starts,
    sample_dynamics_batch,
)
from sail.training.trainer import Trainer
from sail.types import Episode
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_models.networks.inverse_dynamics import InverseDynamics, InverseDynamicsConfig
from sail_models.spaces.autoencoder import Autoencoder, AutoencoderConfig, frames_to_tensor

from embodied import sizes
from helpers import make_episode

STEPS, CHUNK, BATCH = 150, 2, 32


def moving(count: int) -> list[Episode]:
    """A bright square that moves on by the action, -1..1 pixels along x and y, and comes in again."""
    rng = np.random.default_rng(0)
    scene = np.full((16, 16, 3), 40, np.uint8)
    scene[5:9, 5:9] = 230
    episodes = []
    for _ in range(count):
        x, y = rng.integers(-1, 1, 2, endpoint=True)
        frames = np.stack([np.roll(scene, (y * t, x * t), (0, 1)) for t in range(10)])
        arm = np.tile(np.float32([0.0, 0.65, 0.2, 0.5]), (10, 1))
        actions = np.tile(np.float32([x, y, 0, 0]), (9, 1))
        episodes.append(replace(make_episode(steps=9), frames=frames, proprioception=arm, actions=actions))
    return episodes


EPISODES = moving(30)


def make_trainer(seed: int = 0) -> tuple[Trainer[InverseDynamics, DynamicsBatch], Autoencoder]:
    torch.manual_seed(0)
    model = InverseDynamics(InverseDynamicsConfig(widths=(16, 32), features=64, **sizes(16, chunk=CHUNK)))
    autoencoder = Autoencoder(AutoencoderConfig(4, (8, 8, 8))).requires_grad_(False)
    return Trainer(model, dynamics_loss(autoencoder, BATCH), STEPS, 2e-3, seed), autoencoder


def batch(rng: np.random.Generator, count: int = BATCH) -> DynamicsBatch:
    return sample_dynamics_batch(EPISODES, rng, count, CHUNK)


def test_a_gripper_moves_where_it_opens_or_closes_by_a_fifth_within_a_chunk() -> None:
    """Chunks of 8 steps; MetaWorld's gripper has a range of 1."""
    opening = np.zeros(30, np.float32)
    opening[12:] = 0.25  # opens between the frames 11 and 12
    opening[25:] = 0.4  # and by less between 24 and 25
    felt = np.zeros((30, 4), np.float32)
    felt[:, 3] = opening
    still = make_episode(steps=29)
    still = replace(still, proprioception=np.zeros_like(felt))
    moves = replace(make_episode(steps=29), proprioception=felt)
    short = replace(make_episode(steps=5), proprioception=felt[:6])
    found = gripping_starts([still, moves, short], METAWORLD.embodiment)
    assert found.tolist() == [[1, start] for start in range(4, 12)]
    assert gripping_starts([still], METAWORLD.embodiment).shape == (0, 2)


def test_goals_of_frames_one_step_apart_are_one_step_ahead() -> None:
    episode = make_episode(steps=6, shape=(64, 64))
    frames = [frames_to_tensor(frame) for frame in episode.frames]

    def number(frame: torch.Tensor) -> int:
        return next(index for index, other in enumerate(frames) if torch.equal(frame, other))

    batch = sample_dynamics_batch([episode], np.random.default_rng(0), 40, chunk=1)
    ahead = {number(goal) - number(frame) for frame, goal in zip(batch.current, batch.goal, strict=True)}
    assert ahead == {1}


def test_the_loss_falls() -> None:
    (trainer, _), rng = make_trainer(), np.random.default_rng(0)
    losses = [trainer.step(batch(rng)) for _ in range(STEPS)]
    assert np.mean(losses[-20:]) < 0.6 * np.mean(losses[:5])


def test_the_autoencoder_is_left_as_it_is() -> None:
    trainer, autoencoder = make_trainer()
    before = [parameter.clone() for parameter in autoencoder.parameters()]
    trainer.step(batch(np.random.default_rng(0)))
    for old, new in zip(before, autoencoder.parameters(), strict=True):
        assert torch.equal(old, new)


def test_the_seed_decides_the_fit() -> None:
    def losses(seed: int) -> list[float]:
        (trainer, _), rng = make_trainer(seed), np.random.default_rng(0)
        return [trainer.step(batch(rng)) for _ in range(3)]

    first = losses(1)
    torch.randn(5)  # whatever else drew random numbers
    assert first == losses(1)
    assert first != losses(2)


def test_only_goals_that_a_camera_saw_go_through_the_autoencoder() -> None:
    seen: list[int] = []

    class Counting(Autoencoder):
        def encode(self, frames: torch.Tensor) -> torch.Tensor:
            seen.append(len(frames))
            return super().encode(frames)

    rng, (trainer, _) = np.random.default_rng(0), make_trainer()
    generator = torch.Generator().manual_seed(0)
    for by_camera in (10, 0):
        loss = dynamics_loss(Counting(AutoencoderConfig(4, (8, 8, 8))), by_camera)
        assert torch.isfinite(loss(trainer.network, batch(rng, 30), generator))
    assert seen == [3, 0]
