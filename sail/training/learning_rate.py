"""The learning rate of every training: one cycle, a short cosine rise and a long cosine fall to almost 0."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR


def one_cycle(optimizer: Optimizer, learning_rate: float, steps: int, warmup: float = 0.05) -> OneCycleLR:
    """A one-cycle schedule over `steps` optimiser steps (1 or more), the share `warmup` of them rising.

    A rise of exactly one step makes OneCycleLR divide by zero, and is left out.
    """
    share = 0.0 if warmup * steps == 1 else warmup
    return OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=share)
