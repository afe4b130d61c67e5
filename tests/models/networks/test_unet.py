"""Our U-Net is diffusers' to the bit: names, order and first values of weights, outputs and gradients."""

import pytest
import torch
from torch import Tensor, nn

from sail_models.networks.unet import UNet


def made(widths: tuple[int, ...], plain: int, layers: int, heads: int) -> tuple[UNet, nn.Module]:
    """Both networks from one seed."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    torch.manual_seed(0)
    ours = UNet(20, 16, widths, plain, layers, heads, token_width=24)
    torch.manual_seed(0)
    attentive = len(widths) - plain
    theirs = UNet2DConditionModel(
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
    return ours, theirs


@pytest.mark.parametrize("side", [(8, 8), (7, 11)])
@pytest.mark.parametrize(
    ("widths", "plain", "layers", "heads"),
    [((16, 32), 1, 1, 2), ((32, 16, 48), 2, 2, 4), ((16, 32), 0, 1, 2), ((16,), 1, 1, 1)],
)
def test_it_is_diffusers_to_the_bit(
    widths: tuple[int, ...], plain: int, layers: int, heads: int, side: tuple[int, int]
) -> None:
    ours, theirs = made(widths, plain, layers, heads)
    weights = list(ours.named_parameters()), list(theirs.named_parameters())
    assert [name for name, _ in weights[0]] == [name for name, _ in weights[1]]
    assert all(torch.equal(one, other) for (_, one), (_, other) in zip(*weights, strict=True))
    generator = torch.Generator().manual_seed(1)
    pictures, tokens = torch.randn(3, 20, *side, generator=generator), torch.randn(3, 5, 24)
    for timestep in (torch.tensor([0, 500, 999]), torch.tensor(37)):
        found = ours(pictures, timestep, tokens)
        expected: Tensor = theirs(pictures, timestep, tokens, return_dict=False)[0]
        assert torch.equal(found, expected)
    found.square().sum().backward()
    expected.square().sum().backward()
    for (name, one), (_, other) in zip(*weights, strict=True):
        assert one.grad is not None and other.grad is not None, name
        assert torch.equal(one.grad, other.grad), name
