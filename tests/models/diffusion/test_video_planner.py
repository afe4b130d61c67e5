"""Plans depend on their own frame, prompt and seed, and on nothing else."""

import zlib
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from sail_models.diffusion.video_planner import VideoPlanner
from sail_models.interfaces import PromptError, Sampling
from sail_models.networks.planner_network import PlannerNetwork, PlannerNetworkConfig
from sail_models.prior.compact import CompactPrior, CompactPriorConfig
from sail_models.spaces.autoencoder import Autoencoder, AutoencoderConfig
from sail_models.spaces.text_encoder import TEXT_TOKENS, TEXT_WIDTH

from embodied import plan_sizes

PROMPTS = ["press the handle", "open the door", "close the drawer", "press the handle"]
SEEDS = [4, 9, 11, 23]
SAMPLING = Sampling(steps=3, guidance=2.0)


def embed(prompts: list[str]) -> Tensor:
    """In place of the text encoder: noise that the prompt alone decides; the empty prompt is zero."""
    return torch.stack([_embedding(prompt) for prompt in prompts])


def _embedding(prompt: str) -> Tensor:
    shape = (TEXT_TOKENS, TEXT_WIDTH)
    generator = torch.Generator().manual_seed(zlib.crc32(prompt.encode()))
    return torch.randn(shape, generator=generator) if prompt else torch.zeros(shape)


@pytest.fixture(scope="module")
def planner() -> VideoPlanner:
    torch.manual_seed(0)
    network = PlannerNetwork(
        PlannerNetworkConfig(**plan_sizes(4, frames=3), latent_channels=4, widths=(16, 32), heads=2)
    )
    return VideoPlanner(network, Autoencoder(AutoencoderConfig(4, (8, 16, 16))), embed)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)


def levels_apart(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def test_a_plan_does_not_depend_on_its_batch(
    planner: VideoPlanner, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In full precision: an untrained network magnifies bfloat16's rounding, which differs with the batch.
    monkeypatch.setattr(planner, "precision", nullcontext)
    together = planner.plan(frames, PROMPTS, SEEDS, SAMPLING).frames
    assert together.shape == (4, 3, 32, 32, 3)
    assert together.dtype == np.uint8
    for i in range(4):
        alone = planner.plan(frames[i : i + 1], PROMPTS[i : i + 1], SEEDS[i : i + 1], SAMPLING).frames
        assert levels_apart(alone[0], together[i]) <= 1
    backwards = planner.plan(frames[::-1].copy(), PROMPTS[::-1], SEEDS[::-1], SAMPLING).frames
    assert levels_apart(backwards[::-1], together) <= 1


def test_the_seed_decides_the_plan(planner: VideoPlanner, frames: np.ndarray) -> None:
    first = planner.plan_latents(frames, PROMPTS, SEEDS, SAMPLING)
    torch.randn(3)  # The global generator plays no part.
    again = planner.plan_latents(frames, PROMPTS, SEEDS, SAMPLING)
    other = planner.plan_latents(frames, PROMPTS, [seed + 1 for seed in SEEDS], SAMPLING)
    assert torch.equal(first, again)
    assert all(not torch.allclose(first[i], other[i], atol=1e-3) for i in range(4))


def test_without_temperature_there_is_one_plan(planner: VideoPlanner, frames: np.ndarray) -> None:
    cold = replace(SAMPLING, temperature=0.0)
    first = planner.plan_latents(frames, PROMPTS, SEEDS, cold)
    assert torch.equal(first, planner.plan_latents(frames, PROMPTS, [0, 1, 2, 3], cold))


def test_fewer_frames_are_the_first_frames(planner: VideoPlanner, frames: np.ndarray) -> None:
    whole = planner.plan(frames, PROMPTS, SEEDS, SAMPLING).frames
    kept = planner.plan(frames, PROMPTS, SEEDS, SAMPLING, keep=2).frames
    assert kept.shape == (4, 2, 32, 32, 3)
    assert levels_apart(kept, whole[:, :2]) <= 1


def test_without_guidance_the_text_is_ignored(planner: VideoPlanner, frames: np.ndarray) -> None:
    blind = replace(SAMPLING, guidance=0.0)
    plain = planner.plan_latents(frames, PROMPTS, SEEDS, blind)
    torch.testing.assert_close(plain, planner.plan_latents(frames, PROMPTS[::-1], SEEDS, blind))
    assert not torch.allclose(plain, planner.plan_latents(frames, PROMPTS, SEEDS, SAMPLING), atol=1e-3)


def test_guidance_may_differ_from_plan_to_plan(planner: VideoPlanner, frames: np.ndarray) -> None:
    mixed = planner.plan_latents(
        frames, PROMPTS, SEEDS, SAMPLING, guidance=np.array([0, 1, 2, 5], np.float32)
    )
    for i, weight in enumerate([0.0, 1.0, 2.0, 5.0]):
        uniform = planner.plan_latents(frames, PROMPTS, SEEDS, replace(SAMPLING, guidance=weight))
        torch.testing.assert_close(mixed[i], uniform[i], rtol=0, atol=1e-4)


def test_decoded_frames_stand_in_plan_order(planner: VideoPlanner, frames: np.ndarray) -> None:
    latents = planner.plan_latents(frames, PROMPTS, SEEDS, SAMPLING)
    with torch.inference_mode():
        one = planner.codec.decode(latents[2, 1][None])[0]  # type: ignore[attr-defined]
    pixels = ((one.clamp(-1, 1) + 1) * 127.5).round().permute(1, 2, 0).numpy()
    assert levels_apart(planner.plan(frames, PROMPTS, SEEDS, SAMPLING).frames[2, 1], pixels) <= 1


@pytest.mark.parametrize("empty", ["", "  \n"])
def test_an_empty_prompt_is_an_error(empty: str, planner: VideoPlanner, frames: np.ndarray) -> None:
    with pytest.raises(PromptError, match="say what the arm is to do"):
        planner.plan(frames, [*PROMPTS[:3], empty], SEEDS, SAMPLING)


@pytest.fixture(scope="module")
def composed(planner: VideoPlanner) -> VideoPlanner:
    torch.manual_seed(1)
    config = CompactPriorConfig(**plan_sizes(4, frames=3), patch=1, latent_channels=4, widths=(16, 32))
    return VideoPlanner(planner.network, planner.codec, planner.text, CompactPrior(config).eval())


def test_a_prior_changes_nothing_unless_a_rule_asks_it(
    planner: VideoPlanner, composed: VideoPlanner, frames: np.ndarray
) -> None:
    alone = planner.plan_latents(frames, PROMPTS, SEEDS, SAMPLING)
    torch.testing.assert_close(composed.plan_latents(frames, PROMPTS, SEEDS, SAMPLING), alone)
    for rule in ("prior", "probabilistic", "inverse_probabilistic", "normalised"):
        plan = composed.plan_latents(frames, PROMPTS, SEEDS, replace(SAMPLING, rule=rule))
        assert not torch.allclose(plan, alone, atol=1e-2)


def test_without_strength_the_prior_is_alone(composed: VideoPlanner, frames: np.ndarray) -> None:
    alone = composed.plan_latents(frames, PROMPTS, SEEDS, replace(SAMPLING, rule="prior"))
    # The published sum begins elsewhere: in what the in-domain model guesses.
    weak = replace(SAMPLING, rule="normalised", strength=0.0)
    torch.testing.assert_close(composed.plan_latents(frames, PROMPTS, SEEDS, weak), alone)


def test_the_priors_negative_prompt_is_its_own(composed: VideoPlanner, frames: np.ndarray) -> None:
    def plan(rule: str, negative: str) -> Tensor:
        return composed.plan_latents(frames, PROMPTS, SEEDS, replace(SAMPLING, rule=rule, negative=negative))

    assert not torch.allclose(plan("prior", "blurry"), plan("prior", ""), atol=1e-3)
    torch.testing.assert_close(plan("in_domain", "blurry"), plan("in_domain", ""))
