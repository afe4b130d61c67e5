"""Fitting inverse dynamics on pairs of frames and the actions between them; needs no labels."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from sail.data.windows import sample_inverse_windows
from sail.train.learning_rate import one_cycle
from sail.types import Float32, UInt8
from sail_models.autoencoder import Autoencoder, frames_to_tensor
from sail_models.inverse_dynamics import InverseDynamics
from sail_models.precision import mixed_precision

Report = Callable[[int, dict[str, float]], None]
# An arm runs ahead of a plan or falls behind it: goals are nearer or further than one chunk.
NEAREST, FURTHEST = 0.75, 1.5
IMAGINED_SHARE = 0.3


class InverseDynamicsTrainer:
    """AdamW with a one-cycle learning rate over all windows of the given episodes."""

    def __init__(
        self,
        model: InverseDynamics,
        autoencoder: Autoencoder,
        frames: Sequence[UInt8],
        proprioception: Sequence[Float32],
        actions: Sequence[Float32],
        steps: int,
        learning_rate: float = 1e-3,
        batch_size: int = 64,
        seed: int = 0,
    ) -> None:
        torch.manual_seed(seed)
        self.model, self.autoencoder = model.train(), autoencoder.eval()
        self.frames, self.proprioception, self.actions = frames, proprioception, actions
        self.lengths = np.array([len(episode) for episode in frames])
        self.rng = np.random.default_rng(seed)
        self.batch_size = batch_size
        self.optimizer = torch.optim.AdamW(model.parameters(), learning_rate, weight_decay=1e-3, fused=True)
        self.schedule = one_cycle(self.optimizer, learning_rate, steps)

    def step(self) -> float:
        """One optimiser step; returns the loss."""
        chunk = self.model.config.chunk
        offsets = (int(NEAREST * chunk), int(FURTHEST * chunk))
        window = sample_inverse_windows(self.rng, self.lengths, self.batch_size, chunk, offsets)
        pick = list(zip(window.episode, window.current, window.goal, window.actions, strict=True))
        current = frames_to_tensor(np.stack([self.frames[e][c] for e, c, _, _ in pick]))
        goal = frames_to_tensor(np.stack([self.frames[e][g] for e, _, g, _ in pick]))
        arm = torch.from_numpy(np.stack([self.proprioception[e][c] for e, c, _, _ in pick]))
        actions = torch.from_numpy(np.stack([self.actions[e][a] for e, _, _, a in pick]))
        with mixed_precision():
            goal = self._as_planned(goal)
            current = disturb(current)
            loss = self.model.loss(current, goal, arm + 0.005 * torch.randn_like(arm), actions)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.schedule.step()
        return float(loss.detach())

    def _as_planned(self, goal: Tensor) -> Tensor:
        """Goals look as plans do: a share of them through the autoencoder, with noise on the latents
        (a share, because the autoencoder costs more than the model itself); all disturbed."""
        count = int(IMAGINED_SHARE * len(goal))
        with torch.no_grad():
            latents = self.autoencoder.encode(goal[:count])
            spread = 0.3 * torch.rand(count, 1, 1, 1)
            imagined = self.autoencoder.decode(latents + spread * torch.randn_like(latents))
        return disturb(torch.cat([imagined.to(goal), goal[count:]]))


def disturb(frames: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Pixel noise and a change of brightness, each frame its own."""
    brightness = 1.0 + 0.1 * torch.randn(len(frames), 1, 1, 1, generator=generator)
    return frames * brightness + 0.03 * torch.randn(frames.shape, generator=generator)
