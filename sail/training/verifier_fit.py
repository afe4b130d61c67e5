"""Fitting a verifier, which tells from two frames whether a task is done.

In simulation a verifier learns from attempts, whose success the environment tells. On a robot it learns from
demonstrations, which end when the task is done, and from play, which does no task. An attempt at a task that
undoes another one gives examples of both: its frames in reverse order show the other task.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from sail.data.demonstrations import HELD
from sail.data.windows import Int64
from sail.training.checkpointed_fit import TrainError, fit
from sail.training.inverse_dynamics_fit import disturb
from sail.training.judged_attempts import Judged
from sail.training.trainer import Trainer
from sail.types import Episode, Progress, UInt8
from sail_envs.suite import TaskSuite
from sail_models.device import best_device, mixed_precision, uniform
from sail_models.networks.verifier import IS_ARM, Verifier, verifier_config
from sail_models.spaces.autoencoder import frames_to_tensor
from sail_models.spaces.text_encoder import TextEncoder

# How far an attempt's object has moved, as a share of the distance at which the task is done. Up to BACK the
# object counts as unmoved, from AWAY on as moved. From VAIN on, in a frame in which the task is not done, the
# frame is an example of kind "vain".
BACK, AWAY, VAIN = 0.15, 0.6, 0.4
# Metres: below STILL nothing moved; an attempt shows the opposite task only where a thing moved beyond FAR.
STILL, FAR = 0.01, 0.02
# How many first frames of an attempt may stand for its first one.
BEGINNING = 2
# Planned frames before a demonstration's end: within DONE the task is surely done, before NOT_YET surely not.
DONE, NOT_YET = HELD - 1, HELD + 1
# The kinds of frames and their shares of a batch. A prompt without a frame of kind "vain" gives "not_done".
KINDS, SHARES = ("done", "vain", "not_done"), (0.5, 0.25, 0.25)
# SHIFT: pixels by which both frames of a pair are shifted alike, at most. RECOLOURED: share of pairs that are
# recoloured, both frames alike. UNSAID: share of pairs with the empty prompt. DOUBT: label smoothing, labels
# are DOUBT and 1 - DOUBT.
SHIFT, RECOLOURED, UNSAID, DOUBT = 4, 0.5, 0.3, 0.05
# One of so many frames of a batch teaches where the arm is.
ARM_EVERY = 4
# Pairs of frames a step.
VERIFIER_BATCH = 64


@dataclass(frozen=True)
class Shown:
    """An episode as an example for one prompt.

    frames: uint8 (N, H, W, 3), RGB. arm: uint8 (N, H, W), how much of each pixel is the arm, 255 where all of
    it is. The rest are indices of frames: first, those that an episode may begin with; done and not_done,
    those in which the prompt's task is done or not; vain, those of not_done in which something has moved.
    """

    frames: UInt8
    arm: UInt8
    prompt: str
    first: Int64
    done: Int64
    not_done: Int64
    vain: Int64


# Examples by prompt and by kind of frame.
ByPrompt = dict[str, dict[str, list[Shown]]]


@dataclass(frozen=True)
class VerifierBatch:
    """B pairs of an episode's first frame and another one.

    first, current: (B, 3, H, W) in -1..1. arms: (B, 2, H, W), how much of each pixel of the two is the arm,
    0..1. text: (B, L, D). done: (B,), 0 or 1.
    """

    first: Tensor
    current: Tensor
    arms: Tensor
    text: Tensor
    done: Tensor


def shown_by(task: str, suite: TaskSuite, judged: Judged) -> list[Shown]:
    """The examples that an attempt at a task gives: for the task, and for the task that undoes it."""
    done, moved, begun = judged.done, judged.moved, np.arange(BEGINNING)
    vain = ~done & (moved > STILL)
    seen = judged.frames, judged.arm
    shown = [Shown(*seen, suite.tasks[task], begun, *map(np.flatnonzero, (done, ~done, vain)))]
    if task in suite.undoes and done.any() and moved.max() > FAR:
        way = moved / np.median(moved[done])
        back = (way < BACK) & ~np.maximum.accumulate(done)
        there = map(np.flatnonzero, (done, back, way > AWAY, (way > VAIN) & ~done))
        shown.append(Shown(*seen, suite.tasks[suite.undoes[task]], *there))
    return shown


def shown_in(demonstrations: Sequence[Episode], play: Sequence[Episode], frame_skip: int) -> list[Shown]:
    """The examples that recorded demonstrations and play give, where no simulation says what is done.

    frame_skip: their embodiment's. A demonstration's task is done at its end, not before, and no other
    demonstration's task is done at all. Play does no task. Where the arm is in a frame is unknown.
    """
    nothing, first = np.zeros(0, np.int64), np.zeros(1, np.int64)
    prompts = sorted({one.prompt for one in demonstrations})
    shown = []
    for one in demonstrations:
        count, seen = len(one.frames), _without_arm(one.frames)
        end = np.arange(max(1, count - DONE * frame_skip), count)
        before = np.arange(max(1, count - NOT_YET * frame_skip))
        shown.append(Shown(*seen, one.prompt, first, end, before, nothing))
        others = [Shown(*seen, said, first, nothing, end, end) for said in prompts if said != one.prompt]
        shown.extend(others)
    for one in play:
        anywhere, seen = np.arange(len(one.frames)), _without_arm(one.frames)
        shown.extend(Shown(*seen, said, first, nothing, anywhere, nothing) for said in prompts)
    return shown


def _without_arm(frames: UInt8) -> tuple[UInt8, UInt8]:
    return frames, np.broadcast_to(np.uint8(0), frames.shape[:3])


def by_prompt(shown: Sequence[Shown]) -> ByPrompt:
    """For each prompt that is ever done: the examples with a frame of each kind."""
    asked = sorted({one.prompt for one in shown if len(one.done)})
    return {
        prompt: {
            kind: [one for one in shown if one.prompt == prompt and len(getattr(one, kind))] for kind in KINDS
        }
        for prompt in asked
    }


def sample_verifier_batch(shown: ByPrompt, text: TextEncoder, rng: Generator, count: int) -> VerifierBatch:
    """`count` pairs, half of them done, with every prompt equally likely."""
    asked = list(shown)
    first, current, arms, said, done = [], [], [], [], []
    for drawn in rng.choice(KINDS, count, p=SHARES):
        prompt = asked[int(rng.integers(len(asked)))]
        kind = drawn if shown[prompt][drawn] else "not_done"
        one = shown[prompt][kind][int(rng.integers(len(shown[prompt][kind])))]
        pair = [rng.choice(one.first), rng.choice(getattr(one, kind))]
        first.append(one.frames[pair[0]])
        current.append(one.frames[pair[1]])
        arms.append(one.arm[pair])
        said.append(prompt if rng.random() >= UNSAID else "")
        done.append(float(kind == "done"))
    return VerifierBatch(
        frames_to_tensor(np.stack(first)),
        frames_to_tensor(np.stack(current)),
        torch.from_numpy(np.stack(arms)) / 255.0,
        text(said),
        torch.tensor(done),
    )


def verifier_loss(verifier: Verifier, batch: VerifierBatch, generator: torch.Generator) -> Tensor:
    """The loss (one scalar): the cross-entropy of `done`, and for some frames that of the arm's mask.

    Both frames of a pair are disturbed, moved and recoloured alike.
    """
    device = generator.device
    shift = torch.randint(-SHIFT, SHIFT + 1, (2, 1), generator=generator, device=device)
    rows, columns = (
        (torch.arange(side, device=device) - by) % side
        for side, by in zip(batch.first.shape[2:], shift, strict=True)
    )
    first, current, arms = (
        pictures[:, :, rows[:, None], columns] for pictures in (batch.first, batch.current, batch.arms)
    )
    recolour = _recolouring(len(batch.done), generator)
    looked_at = (disturb(recolour(frames), generator) for frames in (first, current))
    some = disturb(current[: max(1, len(current) // ARM_EVERY)], generator)
    with mixed_precision(device):
        logits = verifier(*looked_at, (arms > IS_ARM).to(arms.dtype), batch.text)
        found = verifier.arm_mask(some) if verifier.arm_mask is not None else None
    loss = binary_cross_entropy_with_logits(logits.float(), batch.done * (1.0 - 2.0 * DOUBT) + DOUBT)
    if found is not None:
        loss = loss + binary_cross_entropy_with_logits(found.float(), arms[: len(some), 1])
    return loss


def _recolouring(count: int, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
    """A function that recolours some of `count` pictures (B, 3, H, W) in -1..1, the same way each time."""
    some = uniform((count, 1, 1, 1), generator) < RECOLOURED
    order = uniform((count, 3), generator).argsort(1)[:, :, None, None]
    gain = 0.6 + 0.8 * uniform((count, 3, 1, 1), generator)
    lift = 0.4 * uniform((count, 3, 1, 1), generator) - 0.2

    def recolour(frames: Tensor) -> Tensor:
        other = frames.gather(1, order.expand_as(frames)) * gain + lift
        return torch.where(some, other.clamp(-1.0, 1.0), frames)

    return recolour


def train_verifier(
    shown: Sequence[Shown], steps: int, seed: int, saved: Path, progress: Progress
) -> Verifier:
    """A verifier from nothing, or going on from `saved`. Raises TrainError."""
    text, rng, arranged = TextEncoder(), np.random.default_rng(seed), by_prompt(shown)
    if not arranged or any(not kinds["not_done"] for kinds in arranged.values()):
        raise TrainError("a verifier learns from what is done and what is not: record demonstrations first")
    torch.manual_seed(seed)
    told = any(one.arm.any() for one in shown)
    height, width = shown[0].frames.shape[1:3]
    network = Verifier(verifier_config(height, width, told)).to(best_device())
    trainer = Trainer(network, verifier_loss, steps, 1e-3, seed, ema=0.995)

    def batch() -> VerifierBatch:
        return sample_verifier_batch(arranged, text, rng, VERIFIER_BATCH)

    return fit(trainer, batch, rng, saved, progress, "verifier")
