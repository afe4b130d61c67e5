"""A training goes on where it stopped, to the same weights, or says why not."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sail.training import checkpointed_fit
from sail.training.checkpointed_fit import STATE, TrainError, fit
from sail.training.trainer import Trainer
from sail.types import Unwatched

from helpers import assert_one_line


class Killed(Exception):
    """The process ends here."""


class Watched(Unwatched):
    """Kills the training after some steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def advance(self, n: int = 1) -> None:
        self.left -= n
        if self.left < 0:
            raise Killed


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpointed_fit, "CHECKPOINT_EVERY", 3)


def train(saved: Path, steps: int = 100, width: int = 4) -> Tensor:
    """The average's weight, after all steps or until it is killed."""
    torch.manual_seed(0)
    network, rng = nn.Linear(width, 1), np.random.default_rng(0)

    def loss(model: nn.Linear, batch: Tensor, generator: torch.Generator) -> Tensor:
        return (model(batch) - torch.randn(len(batch), 1, generator=generator)).square().mean()

    trainer = Trainer(network, loss, 10, 1e-2, 0)
    average = fit(
        trainer,
        lambda: torch.from_numpy(rng.normal(size=(8, width)).astype(np.float32)),
        rng,
        saved,
        Watched(steps),
        "network",
    )
    return average.weight.detach()


@pytest.mark.parametrize("steps", [2, 3, 4, 7])
def test_a_killed_training_ends_as_one_that_was_not(tmp_path: Path, steps: int) -> None:
    with pytest.raises(Killed):
        train(tmp_path / "killed", steps)
    assert torch.equal(train(tmp_path / "killed"), train(tmp_path / "whole"))


@pytest.mark.parametrize("place", [0.0, 0.01, 0.3, 0.99])
def test_a_flipped_bit_of_the_state_is_told(tmp_path: Path, place: float) -> None:
    train(tmp_path)
    (state,) = tmp_path.iterdir()  # one file: no half of it can be another's
    content = bytearray(state.read_bytes())
    content[int(place * len(content))] ^= 4
    state.write_bytes(content)
    with pytest.raises(TrainError) as error:
        train(tmp_path)
    assert_one_line(error, STATE, "damaged", "to train the network again")


def test_another_networks_state_is_told(tmp_path: Path) -> None:
    train(tmp_path)
    with pytest.raises(TrainError) as error:
        train(tmp_path, width=5)
    assert_one_line(error, "is not of this network")
