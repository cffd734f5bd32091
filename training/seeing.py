"""Pre-trains the vision encoder from scratch: what each cell of a picture shows, and where the cell is.

The released model takes an encoder that contrastive training on captions made; dense labels, which a drawn picture
knows, teach a small encoder more per picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import cos, pi, sin, sqrt
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from engine.model.oryx_vit import Attention, Block, OryxViT
from engine.model.senses import Vision, normalise
from engine.preprocess import CELL, image_views
from training.loop import Job, Parts
from training.world.cells import KINDS, SHADES, cells
from training.world.crowds import crowd
from training.world.pictures import Picture, picture

POSITIONS, WAVES, HIGHEST, SHARPNESS = 32, 8, 8.0, 1.19
"""Channels that say where a patch is; waves per axis; periods of the shortest over a picture; size of the queries."""
OFFSETS = (
    ((-0.08, 0.0), (0.08, 0.0), (0.0, -0.08), (0.0, 0.08)),
    ((-0.1, -0.1), (0.1, 0.1), (-0.1, 0.1), (0.1, -0.1)),
    ((-0.2, 0.0), (0.2, 0.0), (0.0, -0.2), (0.0, 0.2)),
    ((0.0, 0.0), (0.25, 0.0), (0.0, 0.25), (-0.25, -0.25)),
)
"""Where the heads of each layer begin to look: down and right, as parts of the picture."""
SMALLEST, LARGEST, AREA = 5, 10, 24 * 256**2
"""Sides of a batch's pictures in cells, and how many pixels they have together."""
LOW_VIEWS, LOW, CROWDED = 10, 0.3, 0.5
"""Low-resolution views in a batch, and the shares of such batches and of crowds."""

View = tuple[Tensor, tuple[Tensor, Tensor, Tensor]]


@dataclass(frozen=True, slots=True)
class See:
    """Views `[n, height, width, 3]`, and for their cells, view after view: kind, color, centre."""

    views: list[Tensor]
    kinds: Tensor
    colors: Tensor
    centres: Tensor


class Looking(nn.Module):
    """The vision encoder with heads over the mean of the four patches of a cell."""

    def __init__(self, vision: Vision) -> None:
        super().__init__()
        self.tower = vision.tower
        width = vision.tower.pos_embed.shape[2]
        self.kinds, self.colors, self.centres = nn.Linear(width, KINDS), nn.Linear(width, SHADES), nn.Linear(width, 1)
        self.places = nn.Linear(width, 2)

    def losses(self, batch: See) -> Parts:
        features = self.tower([normalise(view) for view in batch.views])
        pooled = [pool(grid.float()) for grid in features]
        x = torch.cat([grid.flatten(0, 2) for grid in pooled])
        places = torch.cat([where(grid).flatten(0, 2) for grid in pooled])
        rare = torch.ones(KINDS, device=x.device)
        rare[0] = 0.1  # most of a picture is background
        centres = F.binary_cross_entropy_with_logits(
            self.centres(x)[:, 0], batch.centres, pos_weight=torch.tensor(4.0, device=x.device)
        )
        return {
            "kinds": F.cross_entropy(self.kinds(x), batch.kinds, rare),
            "colors": F.cross_entropy(self.colors(x), batch.colors),
            "centres": centres,
            "places": F.mse_loss(self.places(x), places),
        }


def pool(grid: Tensor) -> Tensor:
    """[n, rows, columns, width] -> means of 2x2 patches."""
    return grid.unflatten(2, (-1, 2)).unflatten(1, (-1, 2)).mean((2, 4))


def where(grid: Tensor) -> Tensor:
    """Middle of each cell, -1 to 1 over the view: [n, rows, columns, 2]."""
    rows, columns = (((torch.arange(n, device=grid.device) + 0.5) / n * 2 - 1) for n in grid.shape[1:3])
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).expand(len(grid), -1, -1, -1)


def looking(vision: Vision, steps: int) -> tuple[Job, Looking]:
    module = Looking(vision)
    return Job("looking", steps, 2e-3, picture_batch, module.losses, (module,), seed=3), module


def picture_batch(dice: np.random.Generator) -> See:
    """Pictures of one size, because that is quicker to encode: crowds mostly, and the world's as they are served."""
    fate = dice.random()
    if fate < LOW:
        return seen([low_view(dice) for _ in range(LOW_VIEWS)])
    size = CELL * int(dice.integers(SMALLEST, LARGEST + 1)), CELL * int(dice.integers(SMALLEST, LARGEST + 1))
    count = round(AREA / (size[0] * size[1]))
    if fate < LOW + CROWDED:
        return seen([labelled_view(crowd(dice, size)) for _ in range(count)])
    return seen([labelled_view(picture(dice, size=size, written=0.4)) for _ in range(count)])


def low_view(dice: np.random.Generator) -> View:
    drawn = picture(dice, written=0.4)
    return labelled_view(drawn, image_views(Image.fromarray(drawn.pixels))[0])


def labelled_view(drawn: Picture, view: npt.NDArray[np.uint8] | None = None) -> View:
    shown = drawn.pixels if view is None else view
    return torch.tensor(shown), labelled(drawn, shown.shape[0] // CELL, shown.shape[1] // CELL)


def seen(views: list[View]) -> See:
    """Views of one size become one stack."""
    views = sorted(views, key=lambda view: view[0].shape)
    stacks = [[view for view, _ in same] for _, same in groupby(views, key=lambda view: view[0].shape)]
    kinds, colors, centres = (torch.cat(column) for column in zip(*(labels for _, labels in views), strict=True))
    return See([torch.stack(stack) for stack in stacks], kinds, colors, centres)


def labelled(drawn: Picture, rows: int, columns: int) -> tuple[Tensor, Tensor, Tensor]:
    truth = cells(drawn, rows, columns)
    kinds, colors = (torch.from_numpy(a.astype(np.int64)).flatten() for a in (truth.kind, truth.color))
    return kinds, colors, torch.from_numpy(truth.centre.astype(np.float32)).flatten()


def local_start(tower: OryxViT) -> None:
    """Let the encoder begin as a network of neighbours, which its attention would take long to find by itself.

    The first channels hold each patch's low frequencies, made equally strong; the last POSITIONS hold where it is, as
    waves. Queries turn the waves by an offset, so that each head begins by looking a part of the picture to one side
    (after Cordonnier et al., arXiv 1911.03584).
    """
    grid, width, content = tower.pos_grid, tower.pos_embed.shape[2], tower.pos_embed.shape[2] - POSITIONS
    frequencies = 0.5 * (HIGHEST / 0.5) ** (torch.arange(WAVES) / (WAVES - 1))
    angles = 2 * pi * (torch.arange(grid) + 0.5)[:, None] / grid * frequencies
    waves = torch.stack([angles.sin(), angles.cos()], -1).flatten(1)
    table = torch.zeros(grid, grid, width)
    table[..., content : content + 2 * WAVES], table[..., content + 2 * WAVES :] = waves[:, None], waves
    with torch.no_grad():
        tower.pos_embed.copy_(table.view(1, grid * grid, width))
        kernel = tower.patch_embed.proj.weight.zero_()
        kernel[:content] = frequencies_of_patches(content, tower.patch_size)
        for name, bias in tower.named_parameters():
            if name.endswith(("patch_embed.proj.bias", "qkv.bias")):
                bias.zero_()
        for layer, block in enumerate(cast(list[Block], tower.blocks)):
            look_aside(block.attn, OFFSETS[layer % len(OFFSETS)], frequencies, content, SHARPNESS * 1.2**layer)


def look_aside(
    attention: Attention, offsets: Sequence[tuple[float, float]], waves: Tensor, content: int, scale: float
) -> None:
    """Queries and keys by which head i attends to what lies `offsets[i]` (down, right; parts of the picture) away."""
    width = attention.proj.in_features
    queries, keys = torch.zeros(width, width), torch.zeros(width, width)
    for head, offset in enumerate(offsets[: attention.heads]):
        for axis, distance in enumerate(offset):
            for number, frequency in enumerate(waves.tolist()):
                row = head * (width // attention.heads) + 2 * (axis * WAVES + number)
                column = content + 2 * (axis * WAVES + number)
                turn = 2 * pi * frequency * distance
                queries[row : row + 2, column : column + 2] = torch.tensor(
                    [[cos(turn), sin(turn)], [-sin(turn), cos(turn)]]
                )
                keys[row : row + 2, column : column + 2] = torch.eye(2)
    attention.qkv.weight[: 2 * width] = scale * torch.cat([queries, keys])


def frequencies_of_patches(count: int, side: int) -> Tensor:
    """The cosine transform's lowest frequencies, half of them of brightness: `[count, 3, side, side]`.

    Their basis is random, so that all channels begin alike.
    """
    at = (torch.arange(side) + 0.5) * pi / side
    basis = torch.stack([(k * at).cos() * sqrt((1 + (k > 0)) / side) for k in range(side)])
    order = sorted(((i, j) for i in range(side) for j in range(side)), key=lambda pair: (sum(pair), pair))
    axes = torch.tensor([[1.0, 1, 1], [1, -1, 0], [1, 1, -2]])
    axes /= axes.norm(dim=1, keepdim=True)
    shares = (count // 2, count // 4, count - count // 2 - count // 4)
    # Natural pictures have the less of a frequency, the higher it is.
    filters = torch.stack(
        [
            axis[:, None, None] * torch.outer(basis[i], basis[j]) * ((1 + i + j) / side)
            for axis, share in zip(axes, shares, strict=True)
            for i, j in order[:share]
        ]
    )
    mixed = torch.linalg.qr(torch.randn(count, count))[0]
    return torch.einsum("ab,bcij->acij", mixed, filters)
