"""Both heads of inverse dynamics learn an action that can be seen, and act as they say."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sail_models.diffusion.schedule import cosine_alphas
from sail_models.networks.action_head import Head
from sail_models.networks.inverse_dynamics import InverseDynamics, InverseDynamicsConfig
from sail_models.spaces.autoencoder import frames_to_tensor

from embodied import sizes

CONFIG = InverseDynamicsConfig(widths=(16, 32), features=64, **sizes(16, chunk=2))
HEADS: tuple[Head, ...] = ("regression", "diffusion")
REACH = 3


def make(head: Head, proprioception: bool = True) -> InverseDynamics:
    torch.manual_seed(0)
    return InverseDynamics(replace(CONFIG, head=head, proprioception=proprioception))


def moving_square(
    rng: np.random.Generator, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Frames with a bright 4x4 square before and after a move, arm states of no meaning, and the actions:
    the move along x and y, at most `REACH` pixels, as -1..1."""
    before = rng.integers(REACH, 16 - 4 - REACH, size=(count, 2), endpoint=True)
    move = rng.integers(-REACH, REACH, size=(count, 2), endpoint=True)
    frames = np.full((2, count, 16, 16, 3), 40, np.uint8)
    for i in range(count):
        for at, (x, y) in enumerate((before[i], before[i] + move[i])):
            frames[at, i, y : y + 4, x : x + 4] = 230
    actions = np.zeros((count, CONFIG.chunk, 4), np.float32)
    actions[:, :, :2] = move[:, None] / REACH
    arm = rng.normal((0.0, 0.65, 0.2, 0.5), 0.1, (count, 4)).astype(np.float32)
    return frames[0], frames[1], arm, actions


@pytest.mark.parametrize("head", HEADS)
def test_a_visible_move_is_learnt(head: Head) -> None:
    model, rng = make(head), np.random.default_rng(0)
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    losses = []
    for _ in range(300):
        current, goal, arm, actions = moving_square(rng, 64)
        loss = model.loss(
            frames_to_tensor(current),
            frames_to_tensor(goal),
            torch.from_numpy(arm),
            torch.from_numpy(actions),
            torch.from_numpy(arm),
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-20:]) < 0.2 * np.mean(losses[:5])
    current, goal, arm, actions = moving_square(np.random.default_rng(1), 200)
    found = model.act(current, goal, arm, seeds=range(200))
    # Guessing no move is off by 0.57 on average.
    assert np.abs(found - actions)[..., :2].mean() < 0.12
    assert np.abs(found[..., 2:]).mean() < 0.08


@pytest.mark.parametrize("head", HEADS)
def test_a_chunk_an_environment_in_range(head: Head) -> None:
    model = make(head)
    torch.nn.init.normal_(list(model.parameters())[-1], std=5.0)  # the head's bias: far out of range
    current, goal, arm, _ = moving_square(np.random.default_rng(0), 5)
    actions = model.act(current, goal, arm)
    assert actions.shape == (5, CONFIG.chunk, 4)
    assert actions.dtype == np.float32
    assert np.abs(actions).max() == 1.0


def test_seeds_decide_the_diffusion_heads_actions() -> None:
    model = make("diffusion")
    current, goal, arm, _ = moving_square(np.random.default_rng(0), 3)
    first = model.act(current, goal, arm, seeds=[5, 6, 7])
    torch.randn(3)  # The global generator plays no part.
    np.testing.assert_array_equal(first, model.act(current, goal, arm, seeds=[5, 6, 7]))
    alone = model.act(current[1:2], goal[1:2], arm[1:2], seeds=[6])
    np.testing.assert_allclose(alone[0], first[1], atol=1e-5)
    assert np.abs(first - model.act(current, goal, arm, seeds=[8, 9, 10])).max() > 1e-4
    np.testing.assert_array_equal(
        model.act(current, goal, arm), model.act(current, goal, arm, seeds=[0, 0, 0])
    )


def test_the_regression_head_needs_no_seeds() -> None:
    model = make("regression")
    current, goal, arm, _ = moving_square(np.random.default_rng(0), 3)
    np.testing.assert_array_equal(
        model.act(current, goal, arm, seeds=[1, 2, 3]), model.act(current, goal, arm)
    )


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("used", [True, False])
def test_the_arms_state_is_an_input_only_where_asked(head: Head, used: bool) -> None:
    model = make(head, proprioception=used)
    current, goal, arm, _ = moving_square(np.random.default_rng(0), 3)
    same = np.array_equal(model.act(current, goal, arm), model.act(current, goal, arm + 0.2))
    assert same is not used


@pytest.mark.parametrize("head", HEADS)
def test_a_head_that_says_a_constant(head: Head) -> None:
    """The sampler returns exactly what the denoiser takes for clean; the loss is its squared error."""
    model = make(head)
    weight, bias = list(model.head.parameters())[-2:]
    torch.nn.init.zeros_(weight)
    torch.nn.init.constant_(bias, 0.25)
    current, goal, arm, actions = moving_square(np.random.default_rng(0), 6)
    np.testing.assert_allclose(model.act(current, goal, arm), 0.25, atol=1e-6)
    felt = torch.from_numpy(arm)
    loss = model.loss(
        frames_to_tensor(current), frames_to_tensor(goal), felt, torch.from_numpy(actions), felt
    )
    assert float(loss.detach()) == pytest.approx(np.square(actions - 0.25).mean(), rel=1e-5)


def test_the_diffusion_head_follows_ddim(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the denoiser always says the same x_0, DDIM keeps the ε that it began with, step for step."""
    model, seen = make("diffusion"), []

    def constant(features: torch.Tensor, noisy: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        seen.append((noisy, timestep))
        return torch.full_like(noisy, 0.25)

    monkeypatch.setattr(model.head, "_denoise", constant)
    current, goal, arm, _ = moving_square(np.random.default_rng(0), 2)
    model.act(current, goal, arm, seeds=[3, 4])
    assert [timestep.tolist() for _, timestep in seen] == [[t, t] for t in (999, 799, 599, 399, 199)]
    start = torch.stack([torch.randn(8, generator=torch.Generator().manual_seed(seed)) for seed in (3, 4)])
    for noisy, timestep in seen:
        alpha = cosine_alphas()[timestep][:, None]
        noise = (noisy - alpha.sqrt() * 0.25) / (1 - alpha).sqrt()
        torch.testing.assert_close(noise, start, rtol=1e-3, atol=1e-3)


def test_the_goals_state_is_read_off_its_frame() -> None:
    """The arm feels where the square is: x and y in pixels. The estimate is of the goal's square."""
    rng, ranges = np.random.default_rng(0), ((0.0, 12.0), (0.0, 12.0))
    torch.manual_seed(0)
    model = InverseDynamics(replace(CONFIG, ranges=ranges, state=True))
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)

    def drawn(count: int) -> tuple[list[torch.Tensor], torch.Tensor]:
        current, goal, _, actions = moving_square(rng, count)
        places = [
            np.stack([np.argwhere(frame[..., 0] > 100)[0][::-1] for frame in frames]).astype(np.float32)
            for frames in (current, goal)
        ]
        felt, reached = map(torch.from_numpy, places)
        return [*map(frames_to_tensor, (current, goal)), felt, torch.from_numpy(actions)], reached

    for _ in range(400):
        seen, reached = drawn(64)
        loss = model.loss(*seen, reached)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    (current, goal, felt, actions), reached = drawn(200)
    _, state = model.encode(current, goal, felt)
    assert state is not None
    pixels = 6.0 * state + 6.0
    assert (pixels - reached).abs().mean() < 0.8 < 1.5 < (pixels - felt).abs().mean()
    with torch.inference_mode():
        chunk = model(current, goal, felt, torch.zeros(200, model.size))
    assert (chunk - actions)[..., :2].abs().mean() < 0.15


def test_nothing_felt_is_no_state_to_estimate() -> None:
    for changes in ({"ranges": ()}, {"proprioception": False}):
        with pytest.raises(ValueError, match="no proprioception"):
            InverseDynamics(replace(CONFIG, state=True, **changes))  # type: ignore[arg-type]
