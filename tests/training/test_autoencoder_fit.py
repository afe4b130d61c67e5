"""A short fit of the autoencoder on synthetic frames."""

import numpy as np
import torch

from sail.training.autoencoder_fit import train_autoencoder


def squares(count: int) -> np.ndarray:
    """16x16 frames: a shaded table with a bright square somewhere."""
    rng = np.random.default_rng(0)
    frames = np.broadcast_to(
        np.linspace(20, 120, 16, dtype=np.uint8)[:, None, None], (count, 16, 16, 3)
    ).copy()
    for frame, (x, y) in zip(frames, rng.integers(0, 12, (count, 2)), strict=True):
        frame[y : y + 4, x : x + 4] = (240, 60, 60)
    return frames


def test_it_learns_and_normalises_its_latents() -> None:
    frames, losses = squares(48), []
    model = train_autoencoder([frames], 40, lambda step, values: losses.append((step, values)), batch_size=8)
    assert [step for step, _ in losses] == list(range(1, 41))
    for name in ("loss", "mse"):
        values = [value[name] for _, value in losses]
        assert np.mean(values[-5:]) < 0.5 * np.mean(values[:3])
    latents = model.encode_frames(frames)
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(16), rtol=0, atol=1e-3)
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(16), rtol=0, atol=1e-3)
    assert not model.training


def test_the_seed_decides_the_weights() -> None:
    def fit(seed: int) -> torch.Tensor:
        model = train_autoencoder([squares(8), squares(4)], 2, lambda *_: None, seed=seed, batch_size=4)
        return torch.cat([value.flatten() for value in model.state_dict().values()])

    first = fit(3)
    assert torch.equal(first, fit(3))
    assert not torch.equal(first, fit(4))
