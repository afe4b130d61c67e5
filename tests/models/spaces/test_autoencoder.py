"""Frames become tensors and latents and come back."""

import numpy as np
import pytest
import torch

from sail_models.spaces.autoencoder import (
    Autoencoder,
    AutoencoderConfig,
    frames_to_tensor,
    tensor_to_frames,
)


@pytest.fixture(scope="module")
def autoencoder() -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(AutoencoderConfig(latent_channels=6, widths=(8, 16, 24))).eval()


def random_frames(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_every_pixel_value_survives_the_round_trip() -> None:
    frames = np.arange(256 * 3, dtype=np.uint8).reshape(2, 8, 16, 3)
    tensor = frames_to_tensor(frames)
    assert tensor.shape == (2, 3, 8, 16)
    assert (float(tensor.min()), float(tensor.max())) == (-1.0, 1.0)
    np.testing.assert_array_equal(tensor_to_frames(tensor), frames)


def test_channels_move_and_leading_axes_stay() -> None:
    frames = random_frames(2, 5, 4, 6, 3)
    tensor = frames_to_tensor(frames)
    assert tensor.shape == (2, 5, 3, 4, 6)
    assert float(tensor[1, 2, 0, 3, 5]) == pytest.approx(frames[1, 2, 3, 5, 0] / 127.5 - 1)


def test_what_is_too_bright_or_too_dark_is_clipped() -> None:
    assert tensor_to_frames(torch.full((3, 1, 1), 1.7)).tolist() == [[[255] * 3]]
    assert tensor_to_frames(torch.full((3, 1, 1), -9.0)).tolist() == [[[0] * 3]]


def test_latents_are_an_eighth_of_the_frame(autoencoder: Autoencoder) -> None:
    frames = frames_to_tensor(random_frames(2, 32, 64, 3))
    with torch.inference_mode():
        latents = autoencoder.encode(frames)
        assert latents.shape == (2, 6, 4, 8)
        assert autoencoder.decode(latents).shape == frames.shape


def test_decoding_undoes_the_normalisation(autoencoder: Autoencoder) -> None:
    frames = frames_to_tensor(random_frames(2, 16, 16, 3))
    with torch.inference_mode():
        raw = autoencoder.encoder(frames)
        plain = autoencoder.decode(autoencoder.encode(frames))
        autoencoder.latent_mean.fill_(0.7)
        autoencoder.latent_std.fill_(2.0)
        torch.testing.assert_close(autoencoder.encode(frames), (raw - 0.7) / 2.0)
        torch.testing.assert_close(
            autoencoder.decode(autoencoder.encode(frames)), plain, rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("batch", [1, 3, 7, 100])
def test_the_batch_does_not_matter(autoencoder: Autoencoder, batch: int) -> None:
    frames = random_frames(7, 16, 16, 3)
    with torch.inference_mode():
        whole = autoencoder.encode(frames_to_tensor(frames))
    found = autoencoder.encode_frames(frames, batch)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-5)
