"""The planner's network keeps frames in order and predicts what it says."""

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from sail_models.diffusion.schedule import to_sample, weigh_in
from sail_models.networks.planner_network import PlannerNetwork, PlannerNetworkConfig
from sail_models.spaces.text_encoder import TEXT_TOKENS, TEXT_WIDTH

from embodied import plan_sizes

CONFIG = PlannerNetworkConfig(
    **plan_sizes(4, frames=3), latent_channels=4, widths=(16, 32), heads=2, change_scale=(0.1, 0.2, 0.4)
)


class FirstChannels(nn.Module):
    """Gives back the noisy latents of its input and keeps the rest."""

    def forward(self, stacked: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        self.rest = stacked[:, CONFIG.frames * CONFIG.latent_channels :]
        return stacked[:, : CONFIG.frames * CONFIG.latent_channels]


@pytest.fixture(scope="module")
def network() -> PlannerNetwork:
    torch.manual_seed(0)
    return PlannerNetwork(CONFIG).eval()


def inputs(count: int = 2) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn((count, 3, 4, 4, 4), generator=generator),
        torch.tensor([10, 900])[:count],
        torch.randn((count, TEXT_TOKENS, TEXT_WIDTH), generator=generator),
        torch.randn((count, 4, 4, 4), generator=generator),
    )


def test_frames_and_channels_keep_their_order() -> None:
    network = PlannerNetwork(CONFIG)
    network.unet = FirstChannels()
    noisy, timestep, text, first_frame = inputs()
    assert torch.equal(network.predict(noisy, timestep, text, first_frame), noisy)
    assert network.grounding is not None
    expected = network.grounding(first_frame, text).change
    assert torch.equal(network.unet.rest, torch.cat([first_frame, expected.flatten(1, 2)], 1))


def test_a_change_is_counted_from_the_first_frame(network: PlannerNetwork) -> None:
    future, _, _, first_frame = inputs()
    change = network.to_change(future, first_frame)
    torch.testing.assert_close(change[1, 0], (future[1, 0] - first_frame[1]) / 0.1)
    torch.testing.assert_close(change[1, 2], (future[1, 2] - first_frame[1]) / 0.4)
    torch.testing.assert_close(network.to_frames(change, first_frame), future)
    torch.testing.assert_close(network.to_change(network.to_frames(future, first_frame), first_frame), future)


def test_the_noise_implies_the_predicted_change(network: PlannerNetwork) -> None:
    noisy, timestep, text, first_frame = inputs()
    with torch.inference_mode():
        noise = network.predict_noise(noisy, timestep, text, first_frame)
        clean = network(noisy, timestep, text, first_frame)
    alpha = network.alphas[timestep][:, None, None, None, None]
    torch.testing.assert_close(to_sample(noise, noisy, alpha), clean, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("residual", [0.0, 0.3])
def test_the_noisy_latents_count_beside_the_estimate(residual: float) -> None:
    network = PlannerNetwork(dataclasses.replace(CONFIG, residual=residual))
    network.unet = FirstChannels()  # it answers the noisy latents
    noisy, timestep, text, first_frame = inputs()
    alpha = network.alphas[timestep][:, None, None, None, None]
    clean = network(noisy, timestep, text, first_frame)
    torch.testing.assert_close(clean, weigh_in(noisy, residual, noisy, alpha))


def test_text_time_and_first_frame_matter(network: PlannerNetwork) -> None:
    noisy, timestep, text, first_frame = inputs()
    with torch.inference_mode():
        clean = network(noisy, timestep, text, first_frame)
        others = [
            network(noisy, timestep, torch.zeros_like(text), first_frame),
            network(noisy, timestep.flip(0), text, first_frame),
            network(noisy, timestep, text, torch.zeros_like(first_frame)),
        ]
    assert clean.shape == noisy.shape
    assert all(not torch.allclose(clean, other, atol=1e-4) for other in others)


def test_without_grounding_the_text_alone_is_attended_to() -> None:
    """What the weights are like that were shipped before there was any."""
    torch.manual_seed(0)
    network = PlannerNetwork(dataclasses.replace(CONFIG, grounding_layers=0)).eval()
    noisy, timestep, text, first_frame = inputs()
    with torch.inference_mode():
        clean = network(noisy, timestep, text, first_frame)
        other = network(noisy, timestep, 2.0 * text, first_frame)
    assert network.grounding is None and clean.shape == noisy.shape
    assert not torch.allclose(clean, other, atol=1e-4)


def test_it_says_its_shapes(network: PlannerNetwork) -> None:
    assert (network.frames, network.latent_shape) == (3, (4, 4, 4))
    assert network.alphas.shape == (1000,)


def test_a_scale_for_another_number_of_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="2 numbers for 3 frames"):
        PlannerNetwork(dataclasses.replace(CONFIG, change_scale=(1.0, 2.0)))
