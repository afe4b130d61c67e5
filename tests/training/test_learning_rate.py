"""The learning rate's cycle."""

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

from sail.training.learning_rate import one_cycle


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], 0.1)


def rates(schedule: OneCycleLR, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        found.append(schedule.get_last_lr()[0])
        schedule.optimizer.step()
        schedule.step()
    return found


# 20 steps with a warm-up of 5 % made torch divide by zero.
@pytest.mark.parametrize("steps", [1, 2, 5, 19, 20, 21, 40])
def test_every_number_of_steps_has_a_rate(steps: int) -> None:
    found = rates(one_cycle(optimizer(), 0.1, steps), steps)
    assert all(0 < rate <= 0.1 + 1e-9 for rate in found)
    assert found[-1] < 1e-5 or steps == 1


def test_it_rises_and_falls() -> None:
    found = rates(one_cycle(optimizer(), 0.1, 100, warmup=0.1), 100)
    assert found[0] == pytest.approx(0.1 / 25)
    assert found.index(max(found)) == 9
    assert max(found) == pytest.approx(0.1)


def test_it_is_torchs_own_wherever_that_works() -> None:
    own = OneCycleLR(optimizer(), 0.1, total_steps=60, pct_start=0.05)
    assert rates(one_cycle(optimizer(), 0.1, 60), 60) == rates(own, 60)


def test_a_warmup_of_one_step_begins_near_its_peak() -> None:
    found = rates(one_cycle(optimizer(), 0.1, 20), 20)
    assert found[0] > 0.09
    assert sorted(found, reverse=True) == found
