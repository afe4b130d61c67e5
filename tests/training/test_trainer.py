"""The diffusion loss is the formula, the average is the recursion, and a trainer goes on where it was."""

import math
import warnings

import pytest
import safetensors.torch
import torch
from torch import Tensor

from sail.training.planner_loss import (
    MAXIMUM_SNR,
    MINIMUM_SNR,
    PLACE_WEIGHT,
    TEXT_DROPOUT,
    PlanBatch,
    diffusion_loss,
    grounding_loss,
)
from sail.training.trainer import Trainer
from sail_models.diffusion.schedule import cosine_alphas
from sail_models.networks.grounding import Grounded
from sail_models.networks.planner_network import PlannerNetwork, PlannerNetworkConfig
from sail_models.spaces.text_encoder import TEXT_TOKENS, TEXT_WIDTH

SHAPE = (2, 4, 4, 4)  # frames, channels, height, width


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


class StubGrounding:
    """Expects 1 everywhere, and takes any of its four patches for the one that is named."""

    def __init__(self) -> None:
        self.text = torch.empty(0)

    def __call__(self, first_frame: Tensor, text: Tensor) -> Grounded:
        self.text = text
        return Grounded(text, torch.zeros(len(text), 4), torch.full((len(text), 2, 1, 1, 1), 1.0))

    def patch_at(self, at: Tensor) -> Tensor:
        assert bool(at.isfinite().all())
        return at[:, 0].long()


@pytest.mark.parametrize(
    ("at", "lost"),
    [
        (None, 0.0),
        (torch.nan, 0.0),
        (2.0, PLACE_WEIGHT * math.log(4.0)),
    ],
)
def test_grounding_is_compared_with_the_change_and_with_the_place(at: float | None, lost: float) -> None:
    stub, grounding = Stub(0.0), StubGrounding()
    where = None if at is None else torch.full((4000, 2), at)
    batch = PlanBatch(
        torch.ones(4000, 1, 1, 1), torch.full((4000, 2, 1, 1, 1), 7.0), torch.ones(4000, 3, 5), where
    )
    loss = grounding_loss(stub)  # type: ignore[arg-type]
    found = loss(grounding, batch, torch.Generator().manual_seed(0))
    assert float(found) == pytest.approx((3.0 - 1.0) ** 2 + lost)
    dropped = float((grounding.text.flatten(1) == 0).all(1).float().mean())
    assert dropped == pytest.approx(TEXT_DROPOUT, abs=5 * (0.1 * 0.9 / 4000) ** 0.5)


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


def make_trainer(seed: int = 0, steps: int = 40, ema: float = 0.998) -> Trainer[PlannerNetwork, PlanBatch]:
    torch.manual_seed(seed)
    config = PlannerNetworkConfig(*SHAPE[:3], widths=(16, 32), heads=2, change_scale=(0.5,))
    return Trainer(PlannerNetwork(config), diffusion_loss, steps, learning_rate=3e-3, seed=seed, ema=ema)


def make_batch(index: int, count: int = 4) -> PlanBatch:
    generator = torch.Generator().manual_seed(index)
    first_frame = torch.randn((count, *SHAPE[1:]), generator=generator)
    text = torch.randn((count, TEXT_TOKENS, TEXT_WIDTH), generator=generator)
    return PlanBatch(first_frame, first_frame[:, None] * torch.tensor([1.5, 2.0])[:, None, None, None], text)


def test_the_average_follows_slowly_and_begins_faster() -> None:
    trainer = make_trainer(ema=0.25)
    expected = [parameter.detach().clone() for parameter in trainer.network.parameters()]
    # (1 + n) / (10 + n) for the first two steps, 0.25 once that is smaller.
    for index, decay in enumerate([2 / 11, 3 / 12, 0.25, 0.25]):
        trainer.step(make_batch(index))
        for mean, parameter in zip(expected, trainer.network.parameters(), strict=True):
            mean.mul_(decay).add_(parameter.detach(), alpha=1 - decay)
    for mean, averaged in zip(expected, trainer.average.parameters(), strict=True):
        torch.testing.assert_close(averaged, mean, rtol=1e-4, atol=1e-6)
    assert not any(parameter.requires_grad for parameter in trainer.average.parameters())


def test_the_loss_falls() -> None:
    trainer = make_trainer()

    def loss() -> float:
        with torch.no_grad():
            return float(
                diffusion_loss(trainer.network, make_batch(99, 64), torch.Generator().manual_seed(0))
            )

    before = loss()
    for index in range(40):
        trainer.step(make_batch(index, 16))
    assert loss() < 0.75 * before


def test_a_restored_trainer_goes_on_to_the_same_bits() -> None:
    whole, first = make_trainer(), make_trainer()
    losses = [whole.step(make_batch(index)) for index in range(6)]
    for index in range(3):
        first.step(make_batch(index))
    saved = safetensors.torch.save(first.state())
    second = make_trainer(seed=5)  # another initialisation, another noise: all of it comes from the file
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second.restore(safetensors.torch.load(saved))
    assert second.step_count == 3
    assert [second.step(make_batch(index)) for index in range(3, 6)] == losses[3:]
    state = whole.state()
    assert state.keys() == second.state().keys()
    assert all(torch.equal(value, state[name]) for name, value in second.state().items())


def test_what_was_saved_does_not_change_with_further_steps() -> None:
    trainer = make_trainer()
    trainer.step(make_batch(0))
    state = trainer.state()
    copied = {name: value.clone() for name, value in state.items()}
    trainer.step(make_batch(1))
    assert all(torch.equal(value, copied[name]) for name, value in state.items())
