"""A text-conditioned U-Net over pictures of latents, with cross-attention to tokens.

Ho et al., arXiv 2006.11239, with the transformers of Rombach et al., arXiv 2112.10752. Modules are named as
in diffusers' `UNet2DConditionModel`, or for clips `UNetMotionModel`, and compute the same to the bit
(tests/models/networks/test_unet.py), but importing diffusers takes longer than importing PyTorch, each time a
process starts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sail_models.networks.transformer import GROUPS, MotionTransformer, Transformer


class UNet(nn.Module):
    """From pictures (B, in_channels, h, w), timesteps (B,) or one, and tokens (B, L, token_width) to pictures
    (B, out_channels, h, w).

    widths: of the levels, fine to coarse; plain: the first of them, which have no attention. layers: residual
    blocks a level. heads: of each attention; they divide its width. pictures: where given, the pictures are
    so many successive ones of each of B clips, (B × pictures, in_channels, h, w), with timesteps and tokens a
    clip, and motion modules connect them (Guo et al., arXiv 2307.04725), as in `UNetMotionModel`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        widths: Sequence[int],
        plain: int,
        layers: int,
        heads: int,
        token_width: int,
        pictures: int | None = None,
    ) -> None:
        super().__init__()
        self._pictures = pictures or 1
        time_width, coarsest = 4 * widths[0], len(widths) - 1

        def shape(number: int, inputs: Sequence[int], resamples: bool) -> LevelShape:
            attention = (heads, token_width) if number >= plain else None
            motion = None if pictures is None else (heads, pictures)
            return LevelShape(inputs, widths[number], time_width, attention, motion, resamples)

        self.conv_in = nn.Conv2d(in_channels, widths[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(widths[0], time_width)
        self.down_blocks, self.up_blocks = nn.ModuleList(), nn.ModuleList()
        skips = [widths[0]]
        for number, width in enumerate(widths):
            inputs = [skips[-1], *[width] * (layers - 1)]
            self.down_blocks.append(DownLevel(shape(number, inputs, number < coarsest)))
            skips += [width] * (layers + (number < coarsest))
        self.mid_block = Middle(widths[-1], time_width, heads, token_width, pictures is not None)
        below = widths[-1]
        for number, width in reversed(list(enumerate(widths))):
            inputs = [one + skips.pop() for one in (below, *[width] * layers)]
            self.up_blocks.append(UpLevel(shape(number, inputs, number > 0)))
            below = width
        self.conv_norm_out = nn.GroupNorm(GROUPS, widths[0])
        self.conv_out = nn.Conv2d(widths[0], out_channels, 3, padding=1)

    def forward(self, pictures: Tensor, timestep: Tensor, tokens: Tensor) -> Tensor:
        """See the class."""
        clips = pictures.shape[0] // self._pictures
        time = self.time_embedding(timestep.expand(clips), pictures.dtype)
        if self._pictures > 1:
            time, tokens = (one.repeat_interleave(self._pictures, dim=0) for one in (time, tokens))
        skips = [self.conv_in(pictures)]
        for level in self.down_blocks:
            skips += level(skips[-1], time, tokens)
        hidden = self.mid_block(skips[-1], time, tokens)
        for level in self.up_blocks:
            hidden = level(hidden, skips, time, tokens)
        found: Tensor = self.conv_out(F.silu(self.conv_norm_out(hidden)))
        return found


@dataclass(frozen=True)
class LevelShape:
    """Sizes of a level.

    inputs: channels that go into each residual block. attention: heads, and the tokens' width; None for no
    attention. motion: heads, and a clip's pictures; None for no motion modules. resamples: whether another
    level follows.
    """

    inputs: Sequence[int]
    width: int
    time_width: int
    attention: tuple[int, int] | None
    motion: tuple[int, int] | None
    resamples: bool


class Level(nn.Module):
    """The residual blocks of one resolution, each with a transformer and a motion module after it where the
    shape says so."""

    def __init__(self, shape: LevelShape) -> None:
        super().__init__()
        resnets, attentions, motion_modules = [], [], []
        for channels in shape.inputs:
            resnets.append(ResidualBlock(channels, shape.width, shape.time_width))
            if shape.attention is not None:
                attentions.append(Transformer(shape.width, *shape.attention, shape.motion is not None))
            if shape.motion is not None:
                motion_modules.append(MotionTransformer(shape.width, *shape.motion))
        self.attentions = nn.ModuleList(attentions)
        self.resnets = nn.ModuleList(resnets)
        self.motion_modules = nn.ModuleList(motion_modules)

    def block(self, number: int, hidden: Tensor, time: Tensor, tokens: Tensor) -> Tensor:
        """The block of this number, its transformer and its motion module."""
        hidden = self.resnets[number](hidden, time)
        for attention in self.attentions[number : number + 1]:
            hidden = attention(hidden, tokens)
        for motion in self.motion_modules[number : number + 1]:
            hidden = motion(hidden)
        return hidden


class DownLevel(Level):
    """A level on the way to the coarsest."""

    def __init__(self, shape: LevelShape) -> None:
        super().__init__(shape)
        self.downsamplers = nn.ModuleList([Downsampler(shape.width)] if shape.resamples else [])

    def forward(self, hidden: Tensor, time: Tensor, tokens: Tensor) -> list[Tensor]:
        """What each block gives, and the downsampler: (B, width, h, w)."""
        given = []
        for number in range(len(self.resnets)):
            hidden = self.block(number, hidden, time, tokens)
            given.append(hidden)
        return given + [downsampler(hidden) for downsampler in self.downsamplers]


class UpLevel(Level):
    """A level on the way back, which takes from the end of `skips` what the way there gave."""

    def __init__(self, shape: LevelShape) -> None:
        super().__init__(shape)
        self.upsamplers = nn.ModuleList([Upsampler(shape.width)] if shape.resamples else [])

    def forward(self, hidden: Tensor, skips: list[Tensor], time: Tensor, tokens: Tensor) -> Tensor:
        """(B, width, h, w), or of the next finer level's height and width."""
        for number in range(len(self.resnets)):
            hidden = self.block(number, torch.cat([hidden, skips.pop()], dim=1), time, tokens)
        for upsampler in self.upsamplers:
            hidden = upsampler(hidden, skips[-1].shape[2:])
        return hidden


class Middle(nn.Module):
    """A transformer between two residual blocks, at the coarsest resolution."""

    def __init__(self, width: int, time_width: int, heads: int, token_width: int, convolves: bool) -> None:
        super().__init__()
        before = ResidualBlock(width, width, time_width)
        self.attentions = nn.ModuleList([Transformer(width, heads, token_width, convolves)])
        self.resnets = nn.ModuleList([before, ResidualBlock(width, width, time_width)])

    def forward(self, hidden: Tensor, time: Tensor, tokens: Tensor) -> Tensor:
        """(B, width, h, w), as it came."""
        hidden = self.attentions[0](self.resnets[0](hidden, time), tokens)
        after: Tensor = self.resnets[1](hidden, time)
        return after


class TimeEmbedding(nn.Module):
    """Sines and cosines of the timestep, and two layers."""

    def __init__(self, frequencies: int, width: int) -> None:
        super().__init__()
        self._frequencies = frequencies
        self.linear_1 = nn.Linear(frequencies, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, timestep: Tensor, dtype: torch.dtype) -> Tensor:
        """(B, width) of timesteps (B,)."""
        half = self._frequencies // 2
        exponents = torch.arange(half, dtype=torch.float32, device=timestep.device)
        angles = timestep[:, None].float() * torch.exp(-math.log(10_000) * exponents / half)[None, :]
        waves = torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1).to(dtype)
        embedding: Tensor = self.linear_2(F.silu(self.linear_1(waves)))
        return embedding


class ResidualBlock(nn.Module):
    """Two convolutions, between which the time is added."""

    def __init__(self, inputs: int, outputs: int, time_width: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time_emb_proj = nn.Linear(time_width, outputs)
        self.norm2 = nn.GroupNorm(GROUPS, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, given: Tensor, time: Tensor) -> Tensor:
        """(B, outputs, h, w) of (B, inputs, h, w)."""
        hidden = self.conv1(F.silu(self.norm1(given)))
        hidden = hidden + self.time_emb_proj(F.silu(time))[:, :, None, None]
        hidden = self.conv2(F.silu(self.norm2(hidden)))
        changed: Tensor = self.conv_shortcut(given) + hidden
        return changed


class Downsampler(nn.Module):
    """Half the height and width, rounded up."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, width, h, w) to (B, width, ⌈h / 2⌉, ⌈w / 2⌉)."""
        halved: Tensor = self.conv(hidden)
        return halved


class Upsampler(nn.Module):
    """Twice the height and width, or one less."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, hidden: Tensor, size: Sequence[int]) -> Tensor:
        """(B, width, h, w) to (B, width, *size)."""
        doubled: Tensor = self.conv(F.interpolate(hidden, size=list(size), mode="nearest"))
        return doubled
