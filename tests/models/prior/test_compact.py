"""The compact prior: frames that see each other, the text and the first frame; small enough to ship."""

from pathlib import Path

import pytest
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from sail_models.diffusion.schedule import stable_diffusion_alphas
from sail_models.prior.compact import CompactPrior, CompactPriorConfig
from sail_models.saving import load_model, save_model

from embodied import plan_sizes


@pytest.fixture(scope="module")
def prior() -> CompactPrior:
    torch.manual_seed(0)
    config = CompactPriorConfig(
        **plan_sizes(4, frames=3),
        patch=1,
        latent_channels=4,
        widths=(16, 32),
        text_width=8,
        change_scale=(0.5, 1.0, 2.0),
    )
    return CompactPrior(config).eval()


def inputs() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "noisy": torch.randn(2, 3, 4, 4, 4, generator=generator),
        "timestep": torch.tensor([500, 20]),
        "text": torch.randn(2, 5, 8, generator=generator),
        "first_frame": torch.randn(2, 4, 4, 4, generator=generator),
    }


@torch.no_grad()
def changed_frames(prior: CompactPrior, name: str, frame: int | None = None) -> list[bool]:
    """Which predicted frames of the first sample change when an input of it does."""
    before, given = prior(**inputs()), inputs()
    given[name][0] += 1.0 if frame is None else torch.eye(3)[frame][:, None, None, None]
    after = prior(**given)
    assert torch.allclose(before[1], after[1], atol=1e-5)  # samples do not see each other
    return [not torch.allclose(before[0, i], after[0, i], atol=1e-4) for i in range(3)]


@pytest.mark.parametrize("name", ["text", "first_frame"])
def test_every_frame_sees(name: str, prior: CompactPrior) -> None:
    assert changed_frames(prior, name) == [True, True, True]


@pytest.mark.parametrize("frame", [0, 1, 2])
def test_motion_modules_tie_the_frames(frame: int, prior: CompactPrior) -> None:
    assert changed_frames(prior, "noisy", frame) == [True, True, True]


@pytest.mark.parametrize("frame", [0, 1, 2, 3])
def test_a_picture_may_hold_several_frames(frame: int) -> None:
    """Two pictures of two frames: what comes out stands in the order in which it went in."""
    torch.manual_seed(0)
    config = CompactPriorConfig(**plan_sizes(4, frames=4), patch=2, latent_channels=4, widths=(16, 32))
    prior, text = CompactPrior(config).eval(), torch.zeros(1, 2, config.text_width)
    # Without its motion modules a picture sees nothing of the other one.
    for name, weight in prior.named_parameters():
        if "motion_modules" in name and "proj_out" in name:
            torch.nn.init.zeros_(weight)
    noisy, first = torch.zeros(1, 4, 4, 4, 4), torch.zeros(1, 4, 4, 4)
    other = noisy.clone()
    other[:, frame] = 1.0
    with torch.no_grad():
        before, after = (prior(given, torch.tensor([500]), text, first) for given in (noisy, other))
    changed = [not torch.allclose(before[0, i], after[0, i], atol=1e-4) for i in range(4)]
    assert changed == [frame < 2, frame < 2, frame >= 2, frame >= 2]
    assert not torch.allclose(before[0, 0], before[0, 2], atol=1e-4)  # but knows which one it is


def test_frames_that_do_not_divide_into_pictures() -> None:
    with pytest.raises(ValueError, match="8 frames are no multiple of 3"):
        CompactPrior(CompactPriorConfig(**plan_sizes(), patch=3))


def test_the_schedule_is_stable_diffusions() -> None:
    theirs = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear").alphas_cumprod
    torch.testing.assert_close(stable_diffusion_alphas(), theirs, rtol=1e-4, atol=0)


def test_noise_and_prediction_are_one_thing(prior: CompactPrior) -> None:
    given = inputs()
    with torch.no_grad():
        clean = prior(**given)
        noise = prior.predict_noise(given["noisy"], given["timestep"], given["text"], given["first_frame"])
    alpha = prior.alphas[given["timestep"]][:, None, None, None, None]
    torch.testing.assert_close(alpha.sqrt() * clean + (1 - alpha).sqrt() * noise, given["noisy"])


def test_it_is_saved_and_loaded(prior: CompactPrior, tmp_path: Path) -> None:
    save_model(tmp_path, prior)
    with torch.no_grad():
        torch.testing.assert_close(load_model(tmp_path, "compact_prior")(**inputs()), prior(**inputs()))


def test_it_is_small_enough_to_ship(tmp_path: Path) -> None:
    save_model(tmp_path, CompactPrior(CompactPriorConfig(**plan_sizes())), half=True)
    assert (tmp_path / "model.safetensors").stat().st_size <= 30e6
