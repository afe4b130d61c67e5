"""Grounding keeps places, frames and channels apart, and learns which of two marks the text names."""

import math

import pytest
import torch
from torch import Tensor, nn

from sail.training.trainer import Trainer
from sail_models.diffusion.denoiser import TEXT_DROPOUT, PlanBatch
from sail_models.networks.grounding import PLACE_WEIGHT, Grounding, GroundingOutput, grounding_loss
from sail_models.networks.planner_network import PlannerNetwork, PlannerNetworkConfig

from embodied import plan_sizes


def config(size: int) -> PlannerNetworkConfig:
    return PlannerNetworkConfig(
        **plan_sizes(size, frames=2),
        latent_channels=3,
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
    assert grounding.expect.bias is not None
    grounding.expect.bias.data = torch.arange(grounding.expect.out_channels).float()
    tokens, place, change = grounding(torch.randn(2, 3, size, size), torch.randn(2, 7, 5))
    assert tokens.shape == (2, (size // patch) ** 2 + 7, 32)
    assert place.shape == (2, (size // patch) ** 2)
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
        before, after = grounding(first, text), grounding(other, wording)
        return ((before.place - after.place).abs() > 1e-5).reshape(8, 8)

    assert changed(first, text, other, text).float().mean() > 0.9
    assert changed(first, text, first, text + 1.0).float().mean() > 0.9
    grounding.attend = Unattentive()  # type: ignore[assignment]
    # Pixel (5, 12) is in patch (2, 6), and borders on patch (3, 6) and (2, 5).
    seen = torch.zeros(8, 8, dtype=torch.bool)
    seen[[2, 2, 3, 3], [5, 6, 5, 6]] = True
    assert torch.equal(changed(first, text, other, text), seen)


class Pointing(nn.Module):
    """In place of the logits that are read from the patches: sure of one patch."""

    def __init__(self, patch: int) -> None:
        super().__init__()
        self.patch = patch

    def forward(self, patches: Tensor) -> Tensor:
        logits = torch.zeros(*patches.shape[:2], 1)
        logits[:, self.patch] = 30.0
        return logits


@torch.no_grad()
def test_what_is_expected_depends_on_where_the_named_thing_is() -> None:
    torch.manual_seed(0)
    grounding, first, text = Grounding(config(8), 32, 1), torch.randn(1, 3, 8, 8), torch.randn(1, 7, 5)
    grounding.attend = Unattentive()  # type: ignore[assignment]
    expected = []
    for patch in (0, 63):
        grounding.point = Pointing(patch)  # type: ignore[assignment]
        expected.append(grounding(first, text).change)
    # Everywhere, as far as the far corner.
    assert ((expected[0] - expected[1]).abs() > 1e-5).float().mean() > 0.9


def test_a_place_in_the_frame_is_in_its_patch() -> None:
    at = torch.tensor([[0.0, 0.0], [0.99, 0.0], [0.26, 0.99], [0.5, 0.49]])
    assert Grounding(config(4), 32, 1).patch_at(at).tolist() == [0, 3, 13, 6]
    assert Grounding(config(16), 32, 1).patch_at(at).tolist() == [0, 7, 58, 28]


class StubNetwork:
    """A network that only scales changes, by a half."""

    def to_change(self, future: Tensor, first_frame: Tensor) -> Tensor:
        return (future - first_frame[:, None]) / 2.0


class StubGrounding:
    """Expects 1 everywhere, and takes any of its four patches for the one that is named."""

    def __init__(self) -> None:
        self.text = torch.empty(0)

    def __call__(self, first_frame: Tensor, text: Tensor) -> GroundingOutput:
        self.text = text
        return GroundingOutput(text, torch.zeros(len(text), 4), torch.full((len(text), 2, 1, 1, 1), 1.0))

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
    grounding = StubGrounding()
    where = None if at is None else torch.full((4000, 2), at)
    batch = PlanBatch(
        torch.ones(4000, 1, 1, 1), torch.full((4000, 2, 1, 1, 1), 7.0), torch.ones(4000, 3, 5), where
    )
    loss = grounding_loss(StubNetwork())  # type: ignore[arg-type]
    found = loss(grounding, batch, torch.Generator().manual_seed(0))
    assert float(found) == pytest.approx((3.0 - 1.0) ** 2 + lost)
    dropped = float((grounding.text.flatten(1) == 0).all(1).float().mean())
    assert dropped == pytest.approx(TEXT_DROPOUT, abs=5 * (0.1 * 0.9 / 4000) ** 0.5)


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
    middle = where[rows, named]
    at = (torch.stack([middle % 4, middle // 4], 1) + 0.5) / 4
    at[::2] = torch.nan  # not known of every other one
    return PlanBatch(first, first[:, None] + change.unflatten(3, (4, 4)), text, at)


def test_it_learns_which_mark_the_text_names() -> None:
    torch.manual_seed(0)
    network = PlannerNetwork(config(4))
    assert network.grounding is not None
    loss = grounding_loss(network)
    trainer = Trainer(network.grounding, loss, 400, 3e-3, seed=0, ema=0.95)
    for step in range(400):
        trainer.step(marks(32, step))
    batch = marks(256, 1000)
    change = batch.future - batch.first_frame[:, None]

    def error(text: Tensor) -> float:
        with torch.no_grad():
            return float((trainer.average(batch.first_frame, text).change - change).square().mean())

    # Without the text the best guess is half of each mark, which leaves half of the change.
    size = float(change.square().mean())
    assert error(torch.zeros_like(batch.text)) == pytest.approx(0.5 * size, rel=0.2)
    assert error(batch.text) < 0.1 * size
    assert error(batch.text[:, :, [1, 0, 2, 3, 4]]) > 1.5 * size  # the other mark moves, and this one not
    with torch.no_grad():
        pointed = trainer.average(batch.first_frame, batch.text).place.argmax(1)
    assert batch.at is not None
    right = trainer.average.patch_at(batch.at[1::2])
    assert (pointed[1::2] == right).float().mean() > 0.95
