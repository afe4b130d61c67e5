"""Grounding keeps places, frames and channels apart, and learns which of two marks the text names."""

import pytest
import torch
from torch import Tensor, nn

from sail.train.denoiser import DenoiserTrainer, PlanBatch, expected_change_loss
from sail_models.grounding import Grounding
from sail_models.planner_network import PlannerNetwork, PlannerNetworkConfig


def config(size: int) -> PlannerNetworkConfig:
    return PlannerNetworkConfig(
        frames=2,
        latent_channels=3,
        latent_size=size,
        widths=(16, 32),
        heads=2,
        text_width=5,
        grounding_width=32,
        grounding_layers=1,
    )


class Unattentive(nn.Module):
    """In place of the transformer: every token stays what it is."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens


@pytest.mark.parametrize("size,patch", [(4, 1), (8, 1), (16, 2)])
def test_every_output_has_its_place(size: int, patch: int) -> None:
    torch.manual_seed(0)
    grounding = Grounding(config(size), 32, 1)
    nn.init.zeros_(grounding.expect.weight)
    grounding.expect.bias.data = torch.arange(grounding.expect.out_features).float()
    tokens, change = grounding(torch.randn(2, 3, size, size), torch.randn(2, 7, 5))
    assert tokens.shape == (2, (size // patch) ** 2 + 7, 32)
    frame, channel, y, x = torch.meshgrid(*map(torch.arange, (2, 3, size, size)), indexing="ij")
    number = ((frame * 3 + channel) * patch + y % patch) * patch + x % patch
    assert torch.equal(change, number.float().expand(2, -1, -1, -1, -1))


@torch.no_grad()
def test_a_patch_sees_its_surroundings_and_through_attention_everything() -> None:
    torch.manual_seed(0)
    grounding, first, text = Grounding(config(16), 32, 1), torch.randn(1, 3, 16, 16), torch.randn(1, 7, 5)
    other = first.clone()
    other[:, :, 5, 12] += 3.0

    def changed(first: Tensor, text: Tensor, other: Tensor, wording: Tensor) -> Tensor:
        return ((grounding(first, text)[1] - grounding(other, wording)[1]).abs() > 1e-5)[0, 0, 0]

    assert changed(first, text, other, text).float().mean() > 0.9
    assert changed(first, text, first, text + 1.0).float().mean() > 0.9
    grounding.attend = Unattentive()  # type: ignore[assignment]
    # Pixel (5, 12) is in patch (2, 6), and borders on patch (3, 6) and (2, 5).
    seen = torch.zeros(8, 8, dtype=torch.bool)
    seen[[2, 2, 3, 3], [5, 6, 5, 6]] = True
    assert torch.equal(
        changed(first, text, other, text), seen.repeat_interleave(2, 0).repeat_interleave(2, 1)
    )


def marks(count: int, seed: int) -> PlanBatch:
    """Two marks (channels 0 and 1) somewhere; the one that the text names moves to channel 2."""
    generator = torch.Generator().manual_seed(seed)
    where = torch.rand(count, 16, generator=generator).argsort(1)[:, :2]
    named = torch.randint(2, (count,), generator=generator)
    first, rows = torch.zeros(count, 3, 16), torch.arange(count)
    first[rows, 0, where[:, 0]] = first[rows, 1, where[:, 1]] = 2.0
    change = torch.zeros(count, 2, 3, 16)
    change[rows, :, 2, where[rows, named]] = 4.0
    text = torch.zeros(count, 2, 5)
    text[rows, 0, named] = 3.0
    text[:, 1, 4] = 3.0  # a word that says nothing
    first = first.unflatten(2, (4, 4))
    return PlanBatch(first, first[:, None] + change.unflatten(3, (4, 4)), text)


def test_it_learns_which_mark_the_text_names() -> None:
    torch.manual_seed(0)
    network = PlannerNetwork(config(4))
    assert network.grounding is not None
    loss = expected_change_loss(network)
    trainer = DenoiserTrainer(network.grounding, 400, 3e-3, seed=0, ema=0.95, loss=loss)
    for step in range(400):
        trainer.step(marks(32, step))
    batch = marks(256, 1000)
    change = batch.future - batch.first_frame[:, None]

    def error(text: Tensor) -> float:
        with torch.no_grad():
            return float((trainer.average(batch.first_frame, text)[1] - change).square().mean())

    # Without the text the best guess is half of each mark, which leaves half of the change.
    size = float(change.square().mean())
    assert error(torch.zeros_like(batch.text)) == pytest.approx(0.5 * size, rel=0.2)
    assert error(batch.text) < 0.1 * size
    assert error(batch.text[:, :, [1, 0, 2, 3, 4]]) > 1.5 * size  # the other mark moves, and this one not
