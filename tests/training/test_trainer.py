"""The average is the recursion, the loss falls, and a restored trainer continues to the same bits."""

import warnings

import safetensors.torch
import torch

from sail.training.trainer import Trainer
from sail_models.diffusion.denoiser import PlanBatch, diffusion_loss
from sail_models.networks.planner_network import PlannerNetwork, PlannerNetworkConfig
from sail_models.spaces.text_encoder import TEXT_TOKENS, TEXT_WIDTH

SHAPE = (2, 4, 4, 4)  # frames, channels, height, width


def make_trainer(seed: int = 0, steps: int = 40, ema: float = 0.998) -> Trainer[PlannerNetwork, PlanBatch]:
    torch.manual_seed(seed)
    config = PlannerNetworkConfig(2, 4, 4, 4, widths=(16, 32), heads=2, change_scale=(0.5,))
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
