"""Transformers inside a U-Net: over the places of a picture and to tokens, and over the pictures of a clip.

Rombach et al., arXiv 2112.10752; Guo et al., arXiv 2307.04725. Modules are named as in
diffusers (see `sail_models.networks.unet`).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Groups of the group normalisations.
GROUPS = 16


class Transformer(nn.Module):
    """Attention over the places of a picture and to the tokens.

    convolves: whether the first and last layer's weights are those of 1×1 convolutions, as in Stable
    Diffusion 1.5.
    """

    def __init__(self, width: int, heads: int, token_width: int, convolves: bool) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width, eps=1e-6)
        self._convolves = convolves
        self.proj_in = nn.Conv2d(width, width, 1) if convolves else nn.Linear(width, width)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(width, heads, token_width)])
        self.proj_out = nn.Conv2d(width, width, 1) if convolves else nn.Linear(width, width)

    def forward(self, picture: Tensor, tokens: Tensor) -> Tensor:
        """(B, width, h, w), as it came."""
        places = self.norm(picture)
        if not self._convolves:
            places = self.proj_in(places.permute(0, 2, 3, 1).flatten(1, 2))
        else:
            places = self.proj_in(places).permute(0, 2, 3, 1).flatten(1, 2)
        places = self.transformer_blocks[0](places, tokens)
        if not self._convolves:
            places = self.proj_out(places)
        changed: Tensor = places.transpose(1, 2).reshape(picture.shape).contiguous()
        if self._convolves:
            changed = self.proj_out(changed)
        return changed + picture


class MotionTransformer(nn.Module):
    """Attention over the pictures of a clip, for each place alone."""

    def __init__(self, width: int, heads: int, pictures: int) -> None:
        super().__init__()
        self._pictures = pictures
        self.norm = nn.GroupNorm(GROUPS, width, eps=1e-6)
        self.proj_in = nn.Linear(width, width)
        self.transformer_blocks = nn.ModuleList([MotionBlock(width, heads, pictures)])
        self.proj_out = nn.Linear(width, width)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B × pictures, width, h, w), as they came."""
        clips = pictures.reshape(-1, self._pictures, *pictures.shape[1:]).transpose(1, 2)
        places = self.norm(clips).permute(0, 3, 4, 2, 1)  # (B, h, w, pictures, width)
        changed: Tensor = self.transformer_blocks[0](self.proj_in(places.flatten(0, 2)))
        changed = self.proj_out(changed).reshape(places.shape).permute(0, 3, 4, 1, 2)
        return changed.flatten(0, 1).contiguous() + pictures


class TransformerBlock(nn.Module):
    """Attention among places, attention to tokens, and a layer for each place."""

    def __init__(self, width: int, heads: int, token_width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = Attention(width, width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.attn2 = Attention(width, token_width, heads)
        self.norm3 = nn.LayerNorm(width)
        self.ff = GatedLayer(width)

    def forward(self, places: Tensor, tokens: Tensor) -> Tensor:
        """(B, N, width), as it came."""
        normed = self.norm1(places)
        places = self.attn1(normed, normed) + places
        places = self.attn2(self.norm2(places), tokens) + places
        changed: Tensor = self.ff(self.norm3(places)) + places
        return changed


class MotionBlock(TransformerBlock):
    """Attention among a place's pictures, twice, and a layer for each of them."""

    def __init__(self, width: int, heads: int, pictures: int) -> None:
        super().__init__(width, heads, width)
        self.pos_embed = PicturePosition(width, pictures)

    def forward(self, pictures: Tensor) -> Tensor:  # type: ignore[override]
        """(N, pictures, width), as it came."""
        for norm, attention in ((self.norm1, self.attn1), (self.norm2, self.attn2)):
            normed = self.pos_embed(norm(pictures))
            pictures = attention(normed, normed) + pictures
        changed: Tensor = self.ff(self.norm3(pictures)) + pictures
        return changed


class PicturePosition(nn.Module):
    """Adds sines and cosines of a picture's number in its clip."""

    pe: Tensor

    def __init__(self, width: int, pictures: int) -> None:
        super().__init__()
        numbers = torch.arange(pictures)[:, None]
        angles = numbers * torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
        waves = torch.stack([torch.sin(angles), torch.cos(angles)], dim=2).flatten(1)
        self.register_buffer("pe", waves[None])

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, pictures, width), as it came."""
        return pictures + self.pe


class Attention(nn.Module):
    """Scaled dot-product attention with several heads."""

    def __init__(self, width: int, token_width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(token_width, width, bias=False)
        self.to_v = nn.Linear(token_width, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, asking: Tensor, asked: Tensor) -> Tensor:
        """(B, N, width) of asking (B, N, width) and asked (B, L, token_width)."""
        split = (self._heads, -1)
        query, key, value = (
            one.unflatten(-1, split).transpose(1, 2)
            for one in (self.to_q(asking), self.to_k(asked), self.to_v(asked))
        )
        answer = F.scaled_dot_product_attention(query, key, value)
        answers: Tensor = self.to_out[0](answer.transpose(1, 2).flatten(2))
        return answers


class GatedLayer(nn.Module):
    """Two layers, the first gated by GELU (Shazeer, arXiv 2002.05202)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.ModuleDict({"0": _Gate(width, 4 * width), "2": nn.Linear(4 * width, width)})

    def forward(self, places: Tensor) -> Tensor:
        """(B, N, width), as it came."""
        changed: Tensor = self.net["2"](self.net["0"](places))
        return changed


class _Gate(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)

    def forward(self, places: Tensor) -> Tensor:
        hidden, gate = self.proj(places).chunk(2, dim=-1)
        gated: Tensor = hidden * F.gelu(gate)
        return gated
