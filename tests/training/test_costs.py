"""Memory and time are told before a training begins; without room it does not begin."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sail.training import costs
from sail.training.checkpointed_fit import TrainError
from sail.training.costs import Part, tell_costs

from helpers import assert_one_line

CPU = torch.device("cpu")
MIB = 2**20
# A layer of 1 MiB of weights.
WIDE = 512


def part(
    steps: int = 100, batch: int = 64, held: int = 0, watch: Callable[[int], None] = lambda count: None
) -> Part:
    def loss(network: Any, count: int, generator: torch.Generator) -> Tensor:
        watch(count)
        hidden = network(torch.ones(count, WIDE)).exp()  # keeps its input, and its own output
        return hidden.square().sum()  # keeps the same output

    return Part("layer", steps, batch, held, lambda: nn.Linear(WIDE, WIDE, bias=False), loss)


def told(*parts: Part) -> list[str]:
    lines: list[str] = []
    tell_costs(parts, CPU, lines.append)
    return lines


def test_what_a_loss_keeps_is_counted_once_and_without_the_weights() -> None:
    network = nn.Linear(WIDE, WIDE, bias=False)
    kept = costs._kept_bytes(network, lambda: part().loss(network, 8, torch.Generator()))
    assert kept == 8 * WIDE * 4 * 2  # the input, and exp's output


def test_parameters_activations_and_episodes_add_up() -> None:
    tried: list[int] = []
    line = told(part(batch=2**15, held=3 * 2**30, watch=tried.append))[0]
    # 5 × 1 MiB of weights; 2 × 2 KiB × 2^15 of activations; 3 GiB.
    assert "3.1 GiB of memory for the layer: parameters 0.0, activations 0.1, episodes 3.0" in line
    assert tried == [4, 2**15, 2**15]  # a few samples first


def test_a_step_is_timed_and_multiplied() -> None:
    """A step of at least 0.1 s, a thousand times."""
    line = told(part(steps=1000, watch=lambda count: time.sleep(0.1 if count > 4 else 0.0)))[0]
    about, minutes, unit, *_ = line.split()
    assert (about, unit) == ("about", "min") and int(minutes) >= 2
    assert "(layer " in line


def test_without_room_it_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    monkeypatch.setattr(costs, "available_memory", lambda: 10 * MIB)
    with pytest.raises(TrainError) as error:
        told(part(batch=2**12, watch=tried.append))  # 5 + 16 MiB
    assert_one_line(error, "the layer needs 0.0 GiB of memory", "0.0 are free", "smaller frames")
    assert tried == [4]
    assert told(part(batch=2**9))  # 5 + 2 MiB
    with pytest.raises(TrainError):
        told(part(batch=2**9, held=4 * MIB))
    monkeypatch.setattr(costs, "available_memory", lambda: None)  # nobody knows
    assert told(part(held=2**60))


def test_a_short_training_is_not_tried() -> None:
    assert told(part(steps=19), part(steps=0)) == []
    assert len(told(part(steps=20), part(steps=1))) == 1


def test_the_random_numbers_of_the_training_are_its_own() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    told(part())
    assert torch.equal(torch.rand(4), expected)
