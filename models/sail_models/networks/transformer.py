"""Transformers inside a U-Net: over the places of a picture and to tokens.

Rombach et al., arXiv 2112.10752. Modules are named as diffusers' (see `sail_models.networks.unet`).
"""

from torch import Tensor, nn
from torch.nn import functional as F

# Groups of the group normalisations.
GROUPS = 16


class Transformer(nn.Module):
    """Attention over the places of a picture and to the tokens."""

    def __init__(self, width: int, heads: int, token_width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width, eps=1e-6)
        self.proj_in = nn.Linear(width, width)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(width, heads, token_width)])
        self.proj_out = nn.Linear(width, width)

    def forward(self, picture: Tensor, tokens: Tensor) -> Tensor:
        """(B, width, h, w), as it came."""
        places = self.norm(picture).permute(0, 2, 3, 1)
        size = places.shape[1:3]
        places = self.transformer_blocks[0](self.proj_in(places.flatten(1, 2)), tokens)
        changed: Tensor = self.proj_out(places).unflatten(1, size).permute(0, 3, 1, 2).contiguous()
        return changed + picture


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
