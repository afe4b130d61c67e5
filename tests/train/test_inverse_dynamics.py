"""Fitting inverse dynamics on episodes whose actions can be seen."""

import numpy as np
import torch

from sail.train.inverse_dynamics import InverseDynamicsTrainer
from sail_models.autoencoder import Autoencoder, AutoencoderConfig
from sail_models.inverse_dynamics import InverseDynamics, InverseDynamicsConfig

STEPS = 150


def episodes(count: int) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """A bright square that moves on by the action, -1..1 pixels along x and y, and comes in again."""
    rng = np.random.default_rng(0)
    scene = np.full((16, 16, 3), 40, np.uint8)
    scene[5:9, 5:9] = 230
    frames, arms, actions = [], [], []
    for _ in range(count):
        x, y = rng.integers(-1, 1, 2, endpoint=True)
        frames.append(np.stack([np.roll(scene, (y * t, x * t), (0, 1)) for t in range(10)]))
        arms.append(np.tile(np.float32([0.0, 0.65, 0.2, 0.5]), (10, 1)))
        actions.append(np.tile(np.float32([x, y, 0, 0]), (9, 1)))
    return frames, arms, actions


def make_trainer(seed: int = 0) -> InverseDynamicsTrainer:
    torch.manual_seed(0)
    model = InverseDynamics(InverseDynamicsConfig(chunk=2, widths=(16, 32), features=64, frame_size=16))
    autoencoder = Autoencoder(AutoencoderConfig(4, (8, 8, 8)))
    return InverseDynamicsTrainer(model, autoencoder, *episodes(30), STEPS, 2e-3, batch_size=32, seed=seed)


def test_the_loss_falls() -> None:
    trainer = make_trainer()
    losses = [trainer.step() for _ in range(STEPS)]
    assert np.mean(losses[-20:]) < 0.6 * np.mean(losses[:5])


def test_the_autoencoder_is_left_as_it_is() -> None:
    trainer = make_trainer()
    before = [parameter.detach().clone() for parameter in trainer.autoencoder.parameters()]
    trainer.step()
    for old, new in zip(before, trainer.autoencoder.parameters(), strict=True):
        assert torch.equal(old, new)
        assert new.grad is None


def test_the_seed_decides_the_fit() -> None:
    def losses(seed: int) -> list[float]:
        trainer = make_trainer(seed)
        return [trainer.step() for _ in range(3)]

    first = losses(1)
    assert first == losses(1)
    assert first != losses(2)
