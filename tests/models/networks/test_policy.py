"""A policy learns what a prompt asks for, and acts as its seeds say."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_models.networks.action_head import Head
from sail_models.networks.policy import Policy, PolicyConfig, policy_config
from sail_models.spaces.autoencoder import frames_to_tensor

from embodied import sizes

CONFIG = PolicyConfig(widths=(16, 32), features=64, hidden=128, **sizes(16, chunk=2))
HEADS: tuple[Head, ...] = ("regression", "diffusion")
# Two prompts of two and of three tokens; the rest of a text is empty places.
PROMPTS = torch.zeros(2, 16, 384)
PROMPTS[0, :2], PROMPTS[1, :3] = torch.randn(2, 384, generator=torch.Generator().manual_seed(0)), 1.0


def asked(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Frames with a bright square, which of two prompts, arm states of no meaning, and the actions: towards
    the square under the first prompt, away from it under the second."""
    place = rng.integers(0, 12, size=(count, 2), endpoint=True)
    frames = np.full((count, 16, 16, 3), 40, np.uint8)
    for i, (x, y) in enumerate(place):
        frames[i, y : y + 4, x : x + 4] = 230
    which = rng.integers(2, size=count)
    actions = np.zeros((count, CONFIG.chunk, 4), np.float32)
    actions[:, :, :2] = (place / 6.0 - 1.0)[:, None] * np.where(which, -1.0, 1.0)[:, None, None]
    arm = rng.normal((0.0, 0.65, 0.2, 0.5), 0.1, (count, 4)).astype(np.float32)
    return frames, which, arm, actions


def make(head: Head) -> Policy:
    torch.manual_seed(0)
    return Policy(replace(CONFIG, head=head))


@pytest.mark.parametrize("head", HEADS)
def test_what_is_asked_for_is_done_where_it_is_seen(head: Head) -> None:
    policy, rng = make(head), np.random.default_rng(0)
    optimizer = torch.optim.Adam(policy.parameters(), 2e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        frames, which, arm, actions = asked(rng, 64)
        seen = (frames_to_tensor(frames), PROMPTS[which], torch.from_numpy(arm), torch.from_numpy(actions))
        loss = policy.loss(*seen, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    frames, which, arm, actions = asked(np.random.default_rng(1), 200)
    found = policy.act(frames, PROMPTS[which], arm, range(200))
    # Whoever does not read, or does not look, is off by 0.5 on average.
    assert np.abs(found - actions)[..., :2].mean() < 0.15


@pytest.mark.parametrize("head", HEADS)
def test_each_arm_has_its_own_seed_and_answer(head: Head) -> None:
    policy = make(head)
    frames, which, arm, _ = asked(np.random.default_rng(0), 3)
    together = policy.act(frames, PROMPTS[which], arm, [5, 6, 7])
    assert together.shape == (3, CONFIG.chunk, 4) and np.abs(together).max() <= 1.0
    alone = policy.act(frames[1:2], PROMPTS[which[1:2]], arm[1:2], [6])
    np.testing.assert_allclose(alone[0], together[1], atol=1e-5)
    other = policy.act(frames[1:2], PROMPTS[which[1:2]], arm[1:2], [8])
    assert np.array_equal(alone, other) == (head == "regression")


def test_no_prompt_is_a_prompt_too() -> None:
    frames, _, arm, _ = asked(np.random.default_rng(0), 2)
    assert np.isfinite(make("diffusion").act(frames, torch.zeros(2, 16, 384), arm, [0, 1])).all()


def test_the_wide_one_is_as_large_as_the_planner_that_it_is_compared_with() -> None:
    from sail_models.networks.planner_network import PlannerNetwork, planner_config

    seen = METAWORLD.embodiment
    planner = sum(one.numel() for one in PlannerNetwork(planner_config("compact", seen)).parameters())
    policy = sum(one.numel() for one in Policy(policy_config("wide", seen)).parameters())
    assert 0.8 < policy / planner < 1.25
