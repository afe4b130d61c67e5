"""A verifier learns to see whether what was asked for has been done."""

from dataclasses import replace

import numpy as np
import torch

from sail_models.networks.arm_mask import ArmMask
from sail_models.networks.verifier import Verifier, VerifierNetworkConfig
from sail_models.spaces.autoencoder import frames_to_tensor

from embodied import frame_sizes

CONFIG = VerifierNetworkConfig(**frame_sizes(16), widths=(16, 32), features=64, arm=False)
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
        arms = torch.zeros(64, 2, 16, 16)
        logits = verifier(frames_to_tensor(first), frames_to_tensor(current), arms, PROMPTS[which])
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(done))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    first, current, which, done = moved(np.random.default_rng(1), 200)
    found = [
        verifier.judge(np.stack([one, other]), PROMPTS[asked : asked + 1]).log_odds
        for one, other, asked in zip(first, current, which, strict=True)
    ]
    assert np.mean((np.array(found)[:, 1] > 0) == done.astype(bool)) > 0.95
    # Nothing has been done in a first frame.
    assert np.mean(np.array(found)[:, 0] < 0) > 0.99


class RedIsTheArm(torch.nn.Module):
    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return 20.0 * (frames[:, 0] - frames[:, 1] - 0.5)


def test_the_arm_neither_counts_nor_hides_what_changed_beside_it() -> None:
    verifier = Verifier(replace(CONFIG, arm=True))
    verifier.arm_mask = RedIsTheArm()  # type: ignore[assignment]
    frames = np.full((5, 16, 16, 3), 100, np.uint8)
    frames[3:, 8:10, 8:12] = 130  # a thing appears
    frames[0, :3, :3] = frames[1, 4:6, 4:6] = frames[2, 6:9, :2] = frames[4, 8:10, 8:11] = (255, 0, 0)
    again = frames.copy()
    again[1, 4:6, 4:6] = again[4, 8:10, 8:11] = (230, 30, 90)  # an arm of another red
    judged, other = (verifier.judge(some, PROMPTS[:1]) for some in (frames, again))
    assert judged.changed is not None and judged.changed.tolist() == [0, 0, 0, 8, 2]
    np.testing.assert_array_equal(other.log_odds, judged.log_odds)
    assert judged.log_odds[0] != judged.log_odds[1]  # where the arm is may be what is asked for


def test_an_arm_is_found_where_it_was_not_shown() -> None:
    torch.manual_seed(0)
    mask, rng = ArmMask((8, 8, 8)), np.random.default_rng(0)
    optimizer = torch.optim.Adam(mask.parameters(), 5e-3)

    def pictures(count: int, background: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
        frames = rng.integers(*background, size=(count, 1, 1, 3)) * np.ones((1, 16, 16, 1))
        arm = np.zeros((count, 16, 16), bool)
        for i, (x, y) in enumerate(rng.integers(0, 11, size=(count, 2))):
            arm[i, y : y + 5, x : x + 5] = True
            frames[i, y : y + 5, x : x + 5] = rng.normal((200, 30, 30), 10)
        return frames_to_tensor(frames.clip(0, 255).astype(np.uint8)), torch.from_numpy(arm).float()

    for _ in range(150):
        frames, arm = pictures(16, (0, 120))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(mask(frames), arm)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    frames, arm = pictures(64, (120, 180))
    assert ((mask(frames) > 0) == (arm > 0)).float().mean() > 0.98
