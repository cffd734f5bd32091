"""Pre-trains the vision encoder from scratch: what each cell of a picture shows, and where the cell is.

The released model takes an encoder that contrastive training on captions made; dense labels, which a drawn picture
knows, teach a small encoder more per picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from engine.model.senses import Vision, normalise
from engine.preprocess import CELL, image_views
from training.loop import Job, Parts
from training.world.pictures import Picture, cells, picture
from training.world.words import COLORS, SHAPES

KINDS, SHADES = 1 + len(SHAPES) + 10, 1 + len(COLORS)
LARGEST_VIEW = 144
"""Cells of the largest high-resolution view that is encoded besides the low one."""


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
        rare[0] = 0.3  # most of a picture is background
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
    return Job("looking", steps, 1.5e-3, picture_batch, module.losses, (module,), seed=3), module


def picture_batch(dice: np.random.Generator, size: int = 12) -> See:
    views: list[Tensor] = []
    labels: list[tuple[Tensor, Tensor, Tensor]] = []
    for _ in range(size):
        drawn = picture(dice, largest=640 if dice.random() < 0.3 else 400, written=0.35)
        low, high = image_views(Image.fromarray(drawn.pixels))
        small = high.shape[0] * high.shape[1] <= LARGEST_VIEW * CELL**2
        for view in (low, high) if small and dice.random() < 0.5 else (low,):
            views.append(torch.tensor(view)[None])
            labels.append(labelled(drawn, view.shape[0] // CELL, view.shape[1] // CELL))
    kinds, colors, centres = (torch.cat(column) for column in zip(*labels, strict=True))
    return See(views, kinds, colors, centres)


def labelled(drawn: Picture, rows: int, columns: int) -> tuple[Tensor, Tensor, Tensor]:
    truth = cells(drawn, rows, columns)
    kinds, colors = (torch.from_numpy(a.astype(np.int64)).flatten() for a in (truth.kind, truth.color))
    return kinds, colors, torch.from_numpy(truth.centre.astype(np.float32)).flatten()
