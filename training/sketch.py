"""Sketches: rows that say outright what the rows of an encoded picture would show.

A language model learns from them what can be asked about pictures before it has seen one, for a fraction of the price:
there are no pixels and no encoder, and of the empty cells only a few that stand for the rest (`training.thin`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from engine.preprocess import CELL, high_size, low_size
from training.world.cells import KINDS, SHADES, Cells, cells
from training.world.pictures import Picture

MARKS = ("begin", "newline", "sep", "end")
THIRDS = 9
FIELDS = len(MARKS) + KINDS + SHADES + 1 + THIRDS + 2
"""What a row says: a mark; or kind, color, whether an object's centre is here, which third it is, and where."""
INNER, EMPTY = 4, 6
"""Cells that are kept of an object besides its centre, and of a view besides the objects."""

Codes = npt.NDArray[np.float32]
Part = tuple[Codes, npt.NDArray[np.int64], npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Sketch:
    """Kept rows: what they say `[rows, FIELDS]`, where, log of how many each stands for, how many there would be."""

    codes: Codes
    positions: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    span: int


class Sketcher(nn.Module):
    """What a row says, as a row of the language model."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rows = nn.Linear(FIELDS, width, bias=False)

    def forward(self, codes: Tensor) -> Tensor:
        rows: Tensor = self.rows(codes)
        return rows


def sketched(picture: Picture, dice: np.random.Generator) -> Sketch:
    """Both views of a picture, as `VisionProjector.image` lays them out."""
    height, width = picture.mask.shape
    parts: list[Part] = [mark("begin", 0)]
    at = 1
    for size, end in ((low_size((width, height)), "sep"), (high_size((width, height)), "end")):
        columns, rows = size[0] // CELL, size[1] // CELL
        parts += [view(cells(picture, rows, columns), at, dice), mark(end, at + rows * (columns + 1))]
        at += rows * (columns + 1) + 1
    codes, positions, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Sketch(codes, positions, weights, at)


def mark(name: str, at: int) -> Part:
    codes = np.zeros((1, FIELDS), np.float32)
    codes[0, MARKS.index(name)] = 1
    return codes, np.array([at]), np.zeros(1, np.float32)


def view(truth: Cells, at: int, dice: np.random.Generator) -> Part:
    """The kept cells of one view that begins at position `at`, in their order, and one of its newlines."""
    rows, columns = truth.kind.shape
    kept: dict[int, float] = {int(cell): 1.0 for cell in np.flatnonzero(truth.centre)}
    groups = [
        np.flatnonzero((truth.index.ravel() == i) & (truth.centre.ravel() == 0)) for i in range(truth.index.max() + 1)
    ]
    for i, group in enumerate(groups):
        chosen = dice.permutation(group)[: INNER if i else EMPTY]
        kept |= {int(cell): len(group) / len(chosen) for cell in chosen}
    places = np.array(sorted(kept))
    codes = said(truth)[places]
    newline, _, _ = mark("newline", 0)
    row = int(dice.integers(rows))
    positions = np.append(at + places // columns * (columns + 1) + places % columns, at + row * (columns + 1) + columns)
    weights = np.array([log(kept[place]) for place in places] + [log(rows)], np.float32)
    order = np.argsort(positions)
    return np.concatenate([codes, newline])[order], positions[order], weights[order]


def said(truth: Cells) -> Codes:
    """What every cell of a view says: [rows * columns, FIELDS]."""
    rows, columns = truth.kind.shape
    down, across = np.divmod(np.arange(rows * columns), columns)
    third = down * 3 // rows * 3 + across * 3 // columns
    kind, color = truth.kind.ravel().astype(int), truth.color.ravel().astype(int)
    place = np.stack([(down + 0.5) / rows * 2 - 1, (across + 0.5) / columns * 2 - 1], 1)
    parts = [
        np.zeros((len(kind), len(MARKS))),
        np.eye(KINDS)[kind],
        np.eye(SHADES)[color],
        truth.centre.reshape(-1, 1),
        np.eye(THIRDS)[third],
        place,
    ]
    return np.concatenate(parts, axis=1).astype(np.float32)
