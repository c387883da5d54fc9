"""A vision transformer small enough to read, in the three ways in which attention is written."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Eager(nn.Module):
    """Attention whose softmax is in sight."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.heads = heads

    def parts(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        split = self.qkv(x).reshape(*x.shape[:2], 3, self.heads, -1)
        return split.permute(2, 0, 3, 1, 4).unbind(0)

    def weights(self, x: torch.Tensor) -> torch.Tensor:
        q, k, _ = self.parts(x)
        return torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, dim=-1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        joined = self.weights(x) @ self.parts(x)[2]
        return self.proj(joined.transpose(1, 2).flatten(2))


class Fused(Eager):
    """Attention in one operation."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        joined = F.scaled_dot_product_attention(*self.parts(x))
        return self.proj(joined.transpose(1, 2).flatten(2))


class Packed(Eager):
    """The same weights, held by torch's own module."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.whole = nn.MultiheadAttention(width, heads, batch_first=True)
        self.whole.in_proj_weight, self.whole.in_proj_bias = self.qkv.weight, self.qkv.bias
        self.whole.out_proj.weight, self.whole.out_proj.bias = self.proj.weight, self.proj.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.whole(x, x, x, need_weights=False)[0]


class Block(nn.Module):
    """Attention and two layers, each added to its input."""

    def __init__(self, width: int, heads: int, attention: type[Eager]) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = attention(width, heads)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class TinyViT(nn.Module):
    """8 × 12 images in patches of 2 × 2, after `extra` other tokens, the first of which is read."""

    def __init__(
        self, attention: type[Eager] = Eager, extra: int = 1, depth: int = 3, width: int = 16
    ) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 2, stride=2)
        self.extra = nn.Parameter(torch.randn(1, extra, width))
        self.places = nn.Parameter(0.3 * torch.randn(1, extra + 24, width))
        self.blocks = nn.Sequential(*[Block(width, 2, attention) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 4)

    def tokens(self, x: torch.Tensor) -> torch.Tensor:
        patches = self.patches(x).flatten(2).transpose(1, 2)
        return torch.cat([self.extra.expand(len(x), -1, -1), patches], dim=1) + self.places

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.blocks(self.tokens(x)))
        return self.head(x[:, 0] if self.extra.shape[1] else x.mean(dim=1))


class Encoded(nn.Module):
    """Torch's own encoder over patches, samples or tokens first."""

    def __init__(self, first: bool) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=first)
        self.patches, self.first = nn.Conv2d(3, 16, 2, stride=2), first
        self.encoder, self.head = nn.TransformerEncoder(layer, 2), nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        if self.first:
            return self.head(self.encoder(tokens).mean(dim=1))
        return self.head(self.encoder(tokens.transpose(0, 1)).mean(dim=0))
