"""Our U-Net is diffusers' to the bit: names, order and first values of weights, outputs and gradients."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from sail_models.networks.unet import UNet

# Widths, plain levels, layers, heads, and a picture's height and width.
SHAPES = [
    ((16, 32), 1, 1, 2, (8, 8)),
    ((32, 16, 48), 2, 2, 4, (7, 11)),
    ((16, 32), 0, 1, 2, (7, 11)),
    ((16,), 1, 1, 1, (8, 8)),
]


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return make()


@pytest.mark.parametrize(("widths", "plain", "layers", "heads", "side"), SHAPES)
def test_it_is_diffusers_to_the_bit(
    widths: tuple[int, ...], plain: int, layers: int, heads: int, side: tuple[int, int]
) -> None:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    attentive = len(widths) - plain
    ours = seeded(lambda: UNet(20, 16, widths, plain, layers, heads, token_width=24))
    theirs = seeded(
        lambda: UNet2DConditionModel(
            in_channels=20,
            out_channels=16,
            down_block_types=(*("DownBlock2D",) * plain, *("CrossAttnDownBlock2D",) * attentive),
            mid_block_type="UNetMidBlock2DCrossAttn",
            up_block_types=(*("CrossAttnUpBlock2D",) * attentive, *("UpBlock2D",) * plain),
            block_out_channels=widths,
            layers_per_block=layers,
            cross_attention_dim=24,
            attention_head_dim=heads,
            norm_num_groups=16,
            use_linear_projection=True,
        )
    )
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    generator = torch.Generator().manual_seed(1)
    pictures, tokens = torch.randn(3, 20, *side, generator=generator), torch.randn(3, 5, 24)
    for timestep in (torch.tensor([0, 500, 999]), torch.tensor(37)):
        found = ours(pictures, timestep, tokens)
        expected: Tensor = theirs(pictures, timestep, tokens, return_dict=False)[0]
        assert torch.equal(found, expected)
    same_weights_and_gradients(ours, theirs, found, expected)


@pytest.mark.parametrize(("widths", "plain", "layers", "heads", "side"), SHAPES)
def test_with_motion_modules_too(
    widths: tuple[int, ...], plain: int, layers: int, heads: int, side: tuple[int, int]
) -> None:
    from diffusers.models.unets.unet_motion_model import UNetMotionModel

    attentive, count = len(widths) - plain, 3
    ours = seeded(lambda: UNet(20, 16, widths, plain, layers, heads, token_width=24, pictures=count))
    theirs = seeded(
        lambda: UNetMotionModel(
            sample_size=side,
            in_channels=20,
            out_channels=16,
            down_block_types=(*("DownBlockMotion",) * plain, *("CrossAttnDownBlockMotion",) * attentive),
            up_block_types=(*("CrossAttnUpBlockMotion",) * attentive, *("UpBlockMotion",) * plain),
            block_out_channels=widths,
            layers_per_block=layers,
            cross_attention_dim=24,
            num_attention_heads=heads,
            motion_num_attention_heads=heads,
            motion_max_seq_length=count,
            norm_num_groups=16,
            use_motion_mid_block=False,
        )
    )
    generator = torch.Generator().manual_seed(1)
    clips, tokens = torch.randn(2, count, 20, *side, generator=generator), torch.randn(2, 5, 24)
    repeated = tokens.repeat_interleave(count, dim=0)
    for timestep in (torch.tensor([0, 999]), torch.tensor(37)):
        found = ours(clips.flatten(0, 1), timestep, tokens)
        made: Tensor = theirs(clips.transpose(1, 2), timestep, repeated, return_dict=False)[0]
        expected = made.transpose(1, 2).flatten(0, 1)
        assert torch.equal(found, expected)
    same_weights_and_gradients(ours, theirs, found, expected)


def same_weights_and_gradients(ours: nn.Module, theirs: nn.Module, found: Tensor, expected: Tensor) -> None:
    found.square().sum().backward()
    expected.square().sum().backward()
    weights, others = dict(ours.named_parameters()), dict(theirs.named_parameters())
    assert weights.keys() == others.keys() and ours.state_dict().keys() == theirs.state_dict().keys()
    for name, weight in weights.items():
        assert torch.equal(weight, others[name]), name
        assert weight.grad is not None and others[name].grad is not None, name
        assert torch.equal(weight.grad, others[name].grad), name
