"""Training of a policy: behaviour cloning on chunks of actions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from sail.data.windows import sample_windows
from sail.training.checkpointed_fit import fit
from sail.training.inverse_dynamics_fit import disturb, disturb_arm
from sail.training.trainer import Trainer
from sail.types import Episode, Progress
from sail_models.device import best_device, mixed_precision
from sail_models.networks.policy import Policy, PolicyConfig
from sail_models.spaces.autoencoder import frames_to_tensor
from sail_models.spaces.text_encoder import TextEncoder


@dataclass(frozen=True)
class PolicyBatch:
    """frames: (B, 3, H, W) in -1..1. text: (B, L, D). arm: proprioception (B, P). actions: (B, chunk, A) in
    -1..1."""

    frames: Tensor
    text: Tensor
    arm: Tensor
    actions: Tensor


@dataclass(frozen=True)
class PolicySchedule:
    """steps, batch, learning_rate: of the optimiser."""

    steps: int
    batch: int = 64
    learning_rate: float = 1e-3
    seed: int = 0


def train_policy(
    episodes: Sequence[Episode],
    shape: PolicyConfig,
    schedule: PolicySchedule,
    saved: Path,
    progress: Progress,
) -> Policy:
    """Train a policy on episodes, from random weights or from the checkpoint in `saved`.

    Raises TrainError where the checkpoint is damaged.
    """
    text, rng = TextEncoder(), np.random.default_rng(schedule.seed)
    torch.manual_seed(schedule.seed)
    policy = Policy(shape).to(best_device())
    steps, rate = schedule.steps, schedule.learning_rate
    trainer = Trainer(policy, policy_loss, steps, rate, schedule.seed, ema=0.995)

    def batch() -> PolicyBatch:
        return sample_policy_batch(episodes, text, rng, schedule.batch, shape.chunk)

    return fit(trainer, batch, rng, saved, progress, "policy")


def sample_policy_batch(
    episodes: Sequence[Episode], text: TextEncoder, rng: Generator, count: int, chunk: int
) -> PolicyBatch:
    """`count` frames, uniform over all frames but each episode's last, and the actions that followed.

    Past an episode's end its last action is repeated.
    """
    lengths = [len(episode.frames) for episode in episodes]
    which, windows = sample_windows(rng, lengths, count, 1, chunk)
    pick = [(episodes[e], window) for e, window in zip(which, windows, strict=True)]
    actions = [one.actions[np.minimum(window[:-1], len(one) - 1)] for one, window in pick]
    return PolicyBatch(
        frames_to_tensor(np.stack([one.frames[window[0]] for one, window in pick])),
        text([one.prompt for one, _ in pick]),
        torch.from_numpy(np.stack([one.proprioception[window[0]] for one, window in pick])),
        torch.from_numpy(np.stack(actions)),
    )


def policy_loss(policy: Policy, batch: PolicyBatch, generator: torch.Generator) -> Tensor:
    """The error of the action chunk (one scalar), with slightly disturbed frames and proprioception."""
    frames = disturb(batch.frames, generator)
    arm = disturb_arm(batch.arm, policy.arm, generator)
    with mixed_precision(generator.device):
        return policy.loss(frames, batch.text, arm, batch.actions, generator)
