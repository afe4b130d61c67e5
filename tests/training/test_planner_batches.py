"""The planner's batches hold the right frames and the right words."""

import numpy as np
import pytest
import torch
from torch import Tensor

from sail.data.captions import motion_caption
from sail.training.batches import join
from sail.training.planner_batches import LatentEpisode, backwards, change_scale, sample_batch, to_latents
from sail.types import Episode
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_envs.suite import Directions
from sail_models.diffusion.denoiser import PlanBatch

from point_arms import CARTESIAN, MOBILE

ARM = CARTESIAN.embodiment


class RecordingText:
    """In place of the text encoder: each prompt becomes its place in `prompts`."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def __call__(self, prompts: list[str]) -> Tensor:
        self.prompts += prompts
        return torch.arange(len(self.prompts) - len(prompts), len(self.prompts))[:, None, None].float()


class FirstPixel(torch.nn.Module):
    """An autoencoder whose latent is the frame's own first pixel value."""

    def __init__(self) -> None:
        super().__init__()
        self.somewhere = torch.nn.Parameter(torch.zeros(1))

    def encode_frames(self, frames: np.ndarray) -> Tensor:
        return torch.from_numpy(frames[:, :1, :1, :1]).permute(0, 3, 1, 2).float()


def episode(source: str = "expert", frames: int = 12) -> Episode:
    """Every pixel of frame t is t; the arm is at (t, 2t, 3t)."""
    t = np.arange(frames)
    return Episode(
        frames=np.broadcast_to(t.astype(np.uint8)[:, None, None, None], (frames, 8, 8, 3)).copy(),
        proprioception=np.stack([t, 2 * t, 3 * t, 0 * t], 1).astype(np.float32),
        actions=np.zeros((frames - 1, 4), np.float32),
        success=True,
        prompt="open the door",
        task="door-open",
        seed=0,
        iteration=0,
        source=source,  # type: ignore[arg-type]
    )


def numbered(index: int, frames: int, prompt: str, directions: Directions | None = None) -> LatentEpisode:
    """Latents with two channels: the episode's index and the frame's."""
    latents = torch.stack([torch.full((frames,), float(index)), torch.arange(frames).float()], 1)
    positions = np.random.default_rng(index).normal(0, 0.2, (frames, 3)).astype(np.float32)
    return LatentEpisode(latents[:, :, None, None], positions, prompt, directions)


def test_windows_are_the_frames_of_one_episode() -> None:
    lengths = [20, 5, 33]
    episodes = [numbered(i, n, f"task {i}") for i, n in enumerate(lengths)]
    text = RecordingText()
    batch = sample_batch(episodes, text, np.random.default_rng(0), 200, 8, 3)  # type: ignore[arg-type]
    assert batch.first_frame.shape == (200, 2, 1, 1)
    assert batch.future.shape == (200, 3, 2, 1, 1)
    first = batch.first_frame[:, :, 0, 0].long()
    for row in range(200):
        which, start = first[row].tolist()
        ahead = [min(start + 8 * step, lengths[which] - 1) for step in (1, 2, 3)]
        assert batch.future[row, :, :, 0, 0].tolist() == [[which, frame] for frame in ahead]
        assert text.prompts[int(batch.text[row])] == f"task {which}"
    assert set(first[:, 0].tolist()) == {0, 1, 2}


def test_a_share_of_the_windows_are_beginnings() -> None:
    episodes, text = [numbered(i, 400, f"task {i}") for i in range(2)], RecordingText()
    rng = np.random.default_rng(0)
    batch = sample_batch(episodes, text, rng, 1000, 8, 3, beginnings=0.3)  # type: ignore[arg-type]
    begun = batch.first_frame[:, 1, 0, 0] == 0
    assert float(begun.float().mean()) == pytest.approx(0.3, abs=0.05)
    for row in np.flatnonzero(begun.numpy()):
        assert batch.future[row, :, 1, 0, 0].tolist() == [8, 16, 24]
        assert text.prompts[int(batch.text[row])] == f"task {int(batch.first_frame[row, 0])}"


def test_play_is_captioned_with_the_windows_own_motion() -> None:
    assert METAWORLD.directions is not None
    play, text = numbered(0, 40, "play", METAWORLD.directions), RecordingText()
    batch = sample_batch([play], text, np.random.default_rng(0), 50, 4, 8)  # type: ignore[arg-type]
    for row in range(50):
        start = int(batch.first_frame[row, 1])
        window = np.minimum(start + 4 * np.arange(9), 39)
        assert text.prompts[row] == motion_caption(play.positions[window], METAWORLD.directions)
    assert len(set(text.prompts)) > 10


def test_an_episode_as_latents() -> None:
    found = to_latents(episode(), FirstPixel(), ARM)  # type: ignore[arg-type]
    assert found.latents.flatten().tolist() == list(range(12))
    assert found.positions[5].tolist() == [5, 10, 15]
    assert (found.prompt, found.directions) == ("open the door", None)
    words = METAWORLD.directions
    assert to_latents(episode("play"), FirstPixel(), ARM, directions=words).directions == words  # type: ignore[arg-type]


def test_only_the_kept_frames_are_encoded() -> None:
    found = to_latents(episode(), FirstPixel(), ARM, np.array([0, 3, 11]))  # type: ignore[arg-type]
    assert found.latents.flatten().tolist() == [0, 3, 11]
    assert found.positions[:, 0].tolist() == [0, 3, 11]
    nowhere = to_latents(episode(), FirstPixel(), MOBILE.embodiment)  # type: ignore[arg-type]
    assert nowhere.positions.shape == (12, 0)


def test_an_episode_backwards_starts_where_it_ended() -> None:
    forward = LatentEpisode(torch.arange(3.0)[:, None, None, None], np.eye(3, dtype=np.float32), "open it")
    back = backwards(forward, "close it")
    assert back.latents.flatten().tolist() == [2.0, 1.0, 0.0]
    assert back.positions.tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    assert (back.prompt, forward.latents[0].item()) == ("close it", 0.0)


def test_batches_are_joined_in_order() -> None:
    parts = [
        PlanBatch(
            torch.full((n, 2, 1, 1), float(n)),
            torch.full((n, 3, 2, 1, 1), float(n)),
            torch.full((n, 4, 5), float(n)),
        )
        for n in (1, 3)
    ]
    whole = join(parts)
    for tensor in (whole.first_frame, whole.future, whole.text):
        assert tensor.flatten(1)[:, 0].tolist() == [1, 3, 3, 3]


def test_the_scale_is_each_frames_spread_of_the_change_from_the_first() -> None:
    generator = torch.Generator().manual_seed(0)
    first = 100 * torch.randn((500, 4, 3, 3), generator=generator)
    spread = torch.tensor([0.1, 0.3, 0.7])
    noise = torch.randn((500, 3, 4, 3, 3), generator=generator)
    future = first[:, None] + spread[:, None, None, None] * noise
    found = change_scale(PlanBatch(first, future, torch.zeros(500, 1, 1)))
    assert found == pytest.approx(spread.tolist(), rel=0.02)
