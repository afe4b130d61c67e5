"""Fitting a verifier on demonstrations, which end when the task is done, and on play, which does no task.

Nobody labels a frame: a demonstration is done in its last frames and not long before; under another task's
prompt it is not done; backwards it shows the opposite being done; and play is taken for not done.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from sail.collect import HOLD
from sail.report.live import LiveTable
from sail.train.inverse_dynamics import disturb
from sail.train.resumable import fit
from sail.train.trainer import Trainer
from sail.types import Episode, UInt8
from sail_envs.tasks import OPPOSITES, TASKS
from sail_models.autoencoder import frames_to_tensor
from sail_models.device import best_device
from sail_models.precision import mixed_precision
from sail_models.text import TextEncoder
from sail_models.verifier import Verifier, VerifierNetworkConfig

# Frames before an expert stops in which the task is surely done, and before which it surely is not.
DONE, NOT_YET = HOLD - 8, HOLD + 8
# Of a batch: done; and of what is not: too early, asked for otherwise (the rest is play).
DONE_SHARE, EARLY_SHARE, OTHERWISE_SHARE = 0.5, 0.4, 0.2
# Pixels by which both frames are moved, and the share of doubt that is left in a label.
SHIFT, DOUBT = 2, 0.05


@dataclass(frozen=True)
class Shown:
    """frames: uint8 (T+1, H, W, 3), in which `prompt` is done at the end, or never (ends: False)."""

    frames: UInt8
    prompt: str
    ends: bool


@dataclass(frozen=True)
class VerifierBatch:
    """first, current: (B, 3, H, W) in -1..1. text: (B, L, D). done: (B,), 0 or 1."""

    first: Tensor
    current: Tensor
    text: Tensor
    done: Tensor


def shown_in(demonstrations: Sequence[Episode], play: Sequence[Episode]) -> list[Shown]:
    """What the episodes show, forwards and, where a task has an opposite, backwards."""
    forwards = [Shown(one.frames, one.prompt, True) for one in demonstrations]
    backwards = [
        Shown(one.frames[::-1], TASKS[OPPOSITES[one.task]], True)
        for one in demonstrations
        if one.task in OPPOSITES
    ]
    return [*forwards, *backwards, *(Shown(one.frames, TASKS[one.task], False) for one in play)]


def sample_verifier_batch(
    shown: Sequence[Shown], text: TextEncoder, rng: Generator, count: int
) -> VerifierBatch:
    """`count` pairs of an episode's first frame and a later one, half of them done."""
    ending, playing = [one for one in shown if one.ends], [one for one in shown if not one.ends]
    prompts = sorted({one.prompt for one in ending})
    first, current, asked, done = [], [], [], []
    for kind in rng.random(count):
        early, otherwise = DONE_SHARE + (1.0 - DONE_SHARE) * np.cumsum([EARLY_SHARE, OTHERWISE_SHARE])
        one, last = _any(ending, rng), 0
        if kind >= otherwise and playing:
            one = _any(playing, rng)
            low, high = 0, len(one.frames)
        elif DONE_SHARE <= kind < early:
            low, high = 0, max(1, len(one.frames) - NOT_YET)
        else:
            last = len(one.frames)
            low, high = max(1, last - DONE), last
        prompt = one.prompt
        if kind >= early and last:
            others = [other for other in prompts if other != one.prompt]
            prompt = str(rng.choice(others)) if others else ""
        first.append(one.frames[0])
        current.append(one.frames[int(rng.integers(low, high))])
        asked.append(prompt)
        done.append(float(kind < DONE_SHARE))
    return VerifierBatch(
        frames_to_tensor(np.stack(first)),
        frames_to_tensor(np.stack(current)),
        text(asked),
        torch.tensor(done),
    )


def verifier_loss(verifier: Verifier, batch: VerifierBatch, generator: torch.Generator) -> Tensor:
    """The cross-entropy of what is done (one scalar), with both frames disturbed and moved alike."""
    shift = torch.randint(-SHIFT, SHIFT + 1, (2, 1), generator=generator, device=generator.device)
    rows, columns = (
        (torch.arange(side, device=generator.device) - by) % side
        for side, by in zip(batch.first.shape[2:], shift, strict=True)
    )
    first, current = (
        disturb(frames[:, :, rows[:, None], columns], generator) for frames in (batch.first, batch.current)
    )
    with mixed_precision(generator.device):
        logits = verifier(first, current, batch.text)
    return binary_cross_entropy_with_logits(logits.float(), batch.done * (1.0 - 2.0 * DOUBT) + DOUBT)


def train_verifier(
    demonstrations: Sequence[Episode],
    play: Sequence[Episode],
    steps: int,
    seed: int,
    saved: Path,
    live: LiveTable,
) -> Verifier:
    """A verifier from nothing, or going on from `saved`. Raises TrainError."""
    text, rng = TextEncoder(), np.random.default_rng(seed)
    shown = shown_in(demonstrations, play)
    torch.manual_seed(seed)
    network = Verifier(VerifierNetworkConfig()).to(best_device())
    trainer = Trainer(network, verifier_loss, steps, 1e-3, seed, ema=0.995)
    return fit(trainer, lambda: sample_verifier_batch(shown, text, rng, 64), rng, saved, live, "verifier")


def _any(shown: Sequence[Shown], rng: Generator) -> Shown:
    return shown[int(rng.integers(len(shown)))]
