"""A verifier learns to see whether what was asked for has been done."""

import numpy as np
import torch

from sail_models.autoencoder import frames_to_tensor
from sail_models.verifier import Verifier, VerifierNetworkConfig

CONFIG = VerifierNetworkConfig(widths=(16, 32), features=64, frame_size=16)
# "Move it right", "move it left"; the rest of a text is empty places.
PROMPTS = torch.zeros(2, 16, 384)
PROMPTS[:, :2] = torch.randn(2, 1, 384, generator=torch.Generator().manual_seed(0))


def moved(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """First frames with a bright square, current frames with it moved, which prompt, and whether it moved as
    the prompt says."""
    place, to = rng.integers(4, 8, size=(count, 2), endpoint=True), rng.integers(-4, 5, size=count)
    frames = np.full((2, count, 16, 16, 3), 40, np.uint8)
    for i, (x, y) in enumerate(place):
        frames[0, i, y : y + 4, x : x + 4] = 230
        frames[1, i, y : y + 4, x + to[i] : x + to[i] + 4] = 230
    which = rng.integers(2, size=count)
    return frames[0], frames[1], which, np.where(which, to <= -2, to >= 2).astype(np.float32)


def test_it_sees_what_was_asked_for_done() -> None:
    torch.manual_seed(0)
    verifier, rng = Verifier(CONFIG), np.random.default_rng(0)
    optimizer = torch.optim.Adam(verifier.parameters(), 2e-3)
    for _ in range(300):
        first, current, which, done = moved(rng, 64)
        logits = verifier(frames_to_tensor(first), frames_to_tensor(current), PROMPTS[which])
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(done))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    first, current, which, done = moved(np.random.default_rng(1), 200)
    found = [
        verifier.judge(np.stack([one, other]), PROMPTS[asked : asked + 1])
        for one, other, asked in zip(first, current, which, strict=True)
    ]
    assert np.mean((np.array(found)[:, 1] > 0.5) == done.astype(bool)) > 0.95
    # Nothing has been done in a first frame.
    assert np.mean(np.array(found)[:, 0] < 0.5) > 0.99
