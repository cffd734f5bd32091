"""OryxViT: a vision transformer over pictures at their own resolution (docs/reference.md, 3, arXiv 2409.12961).

Pictures of many sizes are packed into one sequence; attention stays inside each picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORM_EPS = 1e-6


class PatchEmbed(nn.Module):
    """Non-overlapping square patches, row-major, no class token."""

    def __init__(self, width: int, patch_size: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch_size, stride=patch_size)

    def forward(self, pixels: Tensor) -> Tensor:
        """[n, 3, height, width] -> [n, rows * columns, channels]."""
        return self.proj(pixels).flatten(2).transpose(1, 2)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, groups: Sequence[tuple[int, int]]) -> Tensor:
        """`groups`: (pictures, patches per picture) of each run of equally sized pictures in the packed sequence."""
        packed = self.qkv(x).view(len(x), 3, self.heads, -1)
        runs = packed.split([n * length for n, length in groups])
        mixed = [self._attend(run, n, length) for run, (n, length) in zip(runs, groups, strict=True)]
        return self.proj(torch.cat(mixed))

    def _attend(self, run: Tensor, n: int, length: int) -> Tensor:
        q, k, v = run.view(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n * length, -1)


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=NORM_EPS)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=NORM_EPS)
        self.mlp = Mlp(width, hidden)

    def forward(self, x: Tensor, groups: Sequence[tuple[int, int]]) -> Tensor:
        x = x + self.attn(self.norm1(x), groups)
        return x + self.mlp(self.norm2(x))


class OryxViT(nn.Module):
    """Every layer is used and nothing follows the last one: no final norm, no pooling."""

    def __init__(self, width: int, layers: int, heads: int, mlp_dim: int, patch_size: int, pos_grid: int) -> None:
        super().__init__()
        self.patch_size, self.pos_grid = patch_size, pos_grid
        self.pos_embed = nn.Parameter(torch.zeros(1, pos_grid**2, width))
        self.patch_embed = PatchEmbed(width, patch_size)
        self.blocks = nn.ModuleList(Block(width, heads, mlp_dim) for _ in range(layers))

    def forward(self, stacks: Sequence[Tensor]) -> list[Tensor]:
        """Encode stacks of pictures, each stack of one size.

        Args:
            stacks: normalised pixels `[n, 3, height, width]`, sides multiples of the patch size.

        Returns:
            Features `[n, rows, columns, width]` of each stack.
        """
        grids = [(s.shape[0], s.shape[2] // self.patch_size, s.shape[3] // self.patch_size) for s in stacks]
        x = torch.cat([self._embed(s, rows, cols) for s, (_, rows, cols) in zip(stacks, grids, strict=True)])
        groups = [(n, rows * cols) for n, rows, cols in grids]
        for block in self.blocks:
            x = block(x, groups)
        parts = x.split([n * length for n, length in groups])
        return [part.view(*grid, -1) for part, grid in zip(parts, grids, strict=True)]

    def _embed(self, pixels: Tensor, rows: int, cols: int) -> Tensor:
        x = self.patch_embed(pixels.to(self.pos_embed.dtype)) + self._positions(rows, cols)
        return x.flatten(0, 1)

    def _positions(self, rows: int, cols: int) -> Tensor:
        """The trained square table, interpolated to this picture's grid: [1, rows * cols, width]."""
        if (rows, cols) == (self.pos_grid, self.pos_grid):
            return self.pos_embed
        table = self.pos_embed.view(1, self.pos_grid, self.pos_grid, -1).permute(0, 3, 1, 2).float()
        fitted = F.interpolate(table, size=(rows, cols), mode="bilinear", align_corners=False)
        return fitted.flatten(2).transpose(1, 2).to(self.pos_embed.dtype)
