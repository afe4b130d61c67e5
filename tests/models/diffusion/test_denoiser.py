"""The diffusion loss is the formula: noise, weights, timesteps and dropped texts."""

import pytest
import torch
from torch import Tensor

from sail_models.diffusion.denoiser import (
    MAXIMUM_SNR,
    MINIMUM_SNR,
    TEXT_DROPOUT,
    PlanBatch,
    diffusion_loss,
)
from sail_models.diffusion.schedule import cosine_alphas


class Stub:
    """A network that answers `answer` times the clean latents and remembers what it was given."""

    alphas = cosine_alphas()

    def __init__(self, answer: float) -> None:
        self.answer = answer

    def to_change(self, future: Tensor, first_frame: Tensor) -> Tensor:
        self.clean = (future - first_frame[:, None]) / 2.0
        return self.clean

    def __call__(self, noisy: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        self.noisy, self.timestep, self.text, self.first_frame = noisy, timestep, text, first_frame
        return self.answer * self.clean


def loss_of(stub: Stub, count: int = 4000) -> float:
    batch = PlanBatch(
        torch.ones(count, 1, 1, 1), torch.full((count, 2, 1, 1, 1), 7.0), torch.ones(count, 3, 5)
    )
    loss = diffusion_loss(stub, batch, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    return float(loss)


def test_the_clean_latents_have_no_loss() -> None:
    assert loss_of(Stub(1.0)) == 0.0


def test_the_loss_of_zeros_is_the_clean_latents_weighted_by_truncated_snr() -> None:
    stub = Stub(0.0)
    loss = loss_of(stub)
    weight = (stub.alphas / (1 - stub.alphas)).clamp(MINIMUM_SNR, MAXIMUM_SNR)
    # The change is (7 - 1) / 2 everywhere.
    assert loss == pytest.approx(9.0 * float(weight[stub.timestep].mean()), rel=1e-5)
    share = 1.0 - (torch.arange(1001) / 1000).sqrt().flip(0)  # of timesteps below each
    assert loss == pytest.approx(9.0 * float((weight * share.diff()).sum()), rel=0.1)


def test_half_of_the_timesteps_are_among_the_noisiest_quarter() -> None:
    stub = Stub(0.0)
    loss_of(stub)
    assert 0 <= int(stub.timestep.min()) < 5 and int(stub.timestep.max()) == 999
    assert float((stub.timestep >= 750).float().mean()) == pytest.approx(0.5, abs=0.03)
    assert float(stub.timestep.float().mean()) == pytest.approx(1000 * 2 / 3, abs=15)


def test_noise_is_mixed_by_the_schedule() -> None:
    stub = Stub(0.0)
    loss_of(stub)
    alpha = stub.alphas[stub.timestep][:, None, None, None, None]
    noise = (stub.noisy - alpha.sqrt() * stub.clean) / (1 - alpha).sqrt()
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.06)
    assert float(noise.std()) == pytest.approx(1.0, abs=0.05)


def test_a_share_of_the_texts_is_dropped_whole() -> None:
    stub = Stub(0.0)
    loss_of(stub)
    kept = stub.text.flatten(1)
    assert bool(((kept == 0).all(1) | (kept == 1).all(1)).all())
    share = float((kept == 0).all(1).float().mean())
    assert share == pytest.approx(TEXT_DROPOUT, abs=5 * (0.1 * 0.9 / 4000) ** 0.5)
    assert torch.equal(stub.first_frame, torch.ones(4000, 1, 1, 1))
