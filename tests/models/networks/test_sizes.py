"""Levels follow from the frame: as many as bring any picture down to a few places, at about the same cost."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sail.embodiment import Embodiment, EmbodimentError
from sail_envs.metaworld.metaworld_tasks import METAWORLD
from sail_models.networks.inverse_dynamics import InverseDynamics, InverseDynamicsConfig, dynamics_config
from sail_models.networks.planner_network import PlannerNetwork, PlannerNetworkConfig, planner_config
from sail_models.networks.policy import Policy, PolicyConfig, policy_config
from sail_models.networks.sizes import MOST_PLACES, halvings, with_finer
from sail_models.networks.verifier import VerifierNetworkConfig, verifier_config

from embodied import sizes
from helpers import assert_one_line

SIDES = st.integers(1, 600)


def seen_at(height: int, width: int) -> Embodiment:
    return replace(METAWORLD.embodiment, height=height, width=width)


def numbers(network: nn.Module) -> int:
    return sum(one.numel() for one in network.parameters())


@given(SIDES, SIDES)
def test_a_picture_is_halved_until_few_places_are_left_and_no_further(height: int, width: int) -> None:
    count = halvings(height, width)

    def places(times: int) -> int:
        side = 2**times
        return -(-height // side) * -(-width // side)

    assert places(count) <= MOST_PLACES
    assert count == 0 or places(count - 1) > MOST_PLACES


def test_a_finer_level_is_half_as_wide_and_wide_enough() -> None:
    assert with_finer((128, 192), 2, 64) == (128, 192)
    assert with_finer((128, 192), 4, 48) == (48, 64, 128, 192)
    assert with_finer((128, 192), 1, 64) == (128, 192)


def test_at_64_pixels_networks_have_the_sizes_that_they_always_had() -> None:
    here = METAWORLD.embodiment
    assert planner_config("compact", here) == PlannerNetworkConfig(8, 8, 8)
    assert planner_config("wide", here) == PlannerNetworkConfig(8, 8, 8, widths=(256, 256))
    assert dynamics_config(here) == InverseDynamicsConfig(**sizes(), state=True)
    assert policy_config("compact", here) == PolicyConfig(**sizes(), diffusion_steps=2)
    assert policy_config("wide", here).widths == (64, 128, 256, 512)
    assert verifier_config(64, 64, arm=False) == VerifierNetworkConfig(64, 64, arm=False)


@pytest.mark.parametrize(
    ("height", "width", "levels", "coarsest"),
    [
        (64, 96, 2, (4, 6)),
        (48, 80, 2, (3, 5)),
        (96, 96, 2, (6, 6)),
        (128, 128, 3, (4, 4)),
        (72, 104, 2, (5, 7)),
        (256, 256, 4, (4, 4)),
    ],
)
def test_attention_is_at_a_few_places_whatever_the_frame(
    height: int, width: int, levels: int, coarsest: tuple[int, int]
) -> None:
    config = planner_config("compact", seen_at(height, width), latent_channels=2)
    assert (config.latent_height, config.latent_width) == (height // 8, width // 8)
    assert (len(config.widths), config.plain_levels) == (levels, levels - 1)
    thin = replace(config, widths=(16,) * levels, heads=2, grounding_layers=0)
    network, shapes = PlannerNetwork(thin), []
    network.unet.mid_block.register_forward_hook(lambda _, given, __: shapes.append(given[0].shape[2:]))
    latents = torch.zeros(1, 8, 2, config.latent_height, config.latent_width)
    assert (
        network.predict(latents, torch.tensor([5]), torch.zeros(1, 4, 384), latents[:, 0]).shape
        == latents.shape
    )
    assert shapes == [coarsest]
    attending = [name for name, _ in network.unet.named_modules() if name.endswith("attn2")]
    assert {name.split(".attentions")[0] for name in attending} == {
        f"down_blocks.{levels - 1}", "mid_block", "up_blocks.0"
    }  # fmt: skip


def test_a_large_frame_makes_no_network_large() -> None:
    small, large = METAWORLD.embodiment, seen_at(256, 256)
    for make in (
        lambda here: PlannerNetwork(planner_config("compact", here)),
        lambda here: InverseDynamics(dynamics_config(here)),
        lambda here: Policy(policy_config("wide", here)),
    ):
        assert numbers(make(large)) < 1.2 * numbers(make(small))


@pytest.mark.parametrize(("height", "width", "named"), [(100, 96, "height is 100"), (96, 60, "width is 60")])
def test_a_frame_between_the_autoencoders_steps_is_one_line(height: int, width: int, named: str) -> None:
    with pytest.raises(EmbodimentError, match=named) as error:
        planner_config("compact", seen_at(height, width))
    assert_one_line(error, "multiples of 8")
