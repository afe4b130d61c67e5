"""What a prior and a planner have in common, and the line that says what they have not."""

from dataclasses import asdict, replace

import pytest
import torch
from torch import Tensor

from sail_models.diffusion.schedule import stable_diffusion_alphas
from sail_models.networks.planner_network import PlannerNetwork, PlannerNetworkConfig
from sail_models.prior.compact import CompactPrior, CompactPriorConfig
from sail_models.prior.compatibility import OverChanges, PriorError, check_fit

from embodied import plan_sizes

PLANNER = PlannerNetworkConfig(
    **plan_sizes(4, frames=3), latent_channels=4, widths=(16, 32), text_width=8, change_scale=(0.5, 0.7, 0.9)
)
ITS_OWN = ("plain_levels", "residual", "distilled")
PRIOR = CompactPriorConfig(
    **{name: value for name, value in asdict(PLANNER).items() if name not in ITS_OWN} | {"patch": 1}
)


def test_what_fits_fits() -> None:
    check_fit(CompactPrior(PRIOR), PlannerNetwork(PLANNER))


@pytest.mark.parametrize(
    ("changed", "parts"),
    [
        ({"latent_channels": 8}, ["latents (8, 4, 4), needed (4, 4, 4)", "take a planner"]),
        ({"frames": 2, "change_scale": (1.0,)}, ["frames a plan 2, needed 3", "as many frames"]),
        ({"text_width": 16}, ["text width 16, needed 8", "text encoder"]),
        ({"change_scale": (0.5, 0.7, 1.0)}, ["scale the changes", "this prior's autoencoder"]),
        ({"change_scale": (1.0,)}, ["scale the changes", "this prior's autoencoder"]),
    ],
)
def test_what_does_not_fit_is_one_line(changed: dict[str, object], parts: list[str]) -> None:
    with pytest.raises(PriorError) as raised:
        check_fit(CompactPrior(replace(PRIOR, **changed)), PlannerNetwork(PLANNER))  # type: ignore[arg-type]
    for part in parts:
        assert part in str(raised.value)
    assert "\n" not in str(raised.value)


class Constant:
    """A model that knows one clip of latents for certain; it needs no first frame."""

    latent_shape, frames, text_width = (4, 4, 4), 3, 8

    def __init__(self) -> None:
        self.alphas = stable_diffusion_alphas()
        self.clip = torch.randn(3, 4, 4, 4, generator=torch.Generator().manual_seed(0))

    def predict_noise(self, latents: Tensor, timestep: Tensor, text: Tensor, first_frame: Tensor) -> Tensor:
        alpha = self.alphas[timestep][:, None, None, None, None]
        return (latents - alpha.sqrt() * self.clip) / (1 - alpha).sqrt()


@pytest.mark.parametrize("timestep", [0, 300, 999])
def test_a_model_of_frames_is_asked_about_changes(timestep: int) -> None:
    """The change that leads to the known clip, noised, is nothing but that noise."""
    model, generator = Constant(), torch.Generator().manual_seed(1)
    first = torch.randn(2, 4, 4, 4, generator=generator)
    noise = torch.randn(2, 3, 4, 4, 4, generator=generator)
    alpha, time = model.alphas[timestep], torch.full((2,), timestep)
    noisy = alpha.sqrt() * (model.clip - first[:, None]) + (1 - alpha).sqrt() * noise
    found = OverChanges(model).predict_noise(noisy, time, torch.zeros(2, 1, 8), first)
    torch.testing.assert_close(found, noise, rtol=1e-3, atol=1e-3)
