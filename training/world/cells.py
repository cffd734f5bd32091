"""What is in each cell of the grid that an encoder divides a picture into: labels to learn seeing from.

It knows nothing of models, only how many rows and columns the caller's encoder happens to have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.preprocess import CELL, padded
from training.world.pictures import Digit, Picture, Shape
from training.world.words import COLORS, SHAPES

Labels = npt.NDArray[np.int8]
KINDS, SHADES = 1 + len(SHAPES) + 10, 1 + len(COLORS)
"""How many kinds and colors there are, none included."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Labels of `[rows, cols]` cells.

    kind: 0 nothing, 1 to 5 the shapes, 6 to 15 the digits; color: 0 none, 1 to 8 the colors; centre: 1 where the
    centre of an object is; third: 1 to 9 there, which third of the picture it is in, row by row; index: 0 nothing, else
    1 + which object.
    """

    kind: Labels
    color: Labels
    centre: Labels
    third: Labels
    index: Labels


def cells(picture: Picture, rows: int, cols: int) -> Cells:
    """Labels of the encoder's canvas, divided into `rows` x `cols`.

    A cell belongs to the shape that covers most of it, if that is a fifth or more, or to the digit whose glyph's box
    holds the cell's centre; the cell of an object's centre always belongs to that object.
    """
    height, width = picture.mask.shape
    canvas = padded((width, height), CELL)
    x_start, y_start = (canvas[0] - width) // 2, (canvas[1] - height) // 2
    if picture.number is None:
        index = _covered(picture, rows, cols, canvas, (x_start, y_start))
    else:
        index = np.zeros((rows, cols), np.int8)
        x_cells = (np.arange(cols) + 0.5) * canvas[0] / cols - x_start
        y_cells = (np.arange(rows) + 0.5) * canvas[1] / rows - y_start
        for number, digit in enumerate(picture.objects, 1):
            left, top, right, bottom = digit.box  # type: ignore[union-attr]
            inside = ((y_cells >= top) & (y_cells < bottom))[:, None] & ((x_cells >= left) & (x_cells < right))
            index[inside] = number
    centre, third = np.zeros((rows, cols), np.int8), np.zeros((rows, cols), np.int8)
    kinds, colors = [0], [0]
    for number, thing in enumerate(picture.objects, 1):
        cell = int((thing.y + y_start) * rows / canvas[1]), int((thing.x + x_start) * cols / canvas[0])
        index[cell], centre[cell] = number, 1
        third[cell] = 1 + 3 * min(2, int(3 * thing.y / height)) + min(2, int(3 * thing.x / width))
        kind, color = labels_of(thing)
        kinds.append(kind)
        colors.append(color)
    return Cells(np.array(kinds, np.int8)[index], np.array(colors, np.int8)[index], centre, third, index)


def labels_of(thing: Shape | Digit) -> tuple[int, int]:
    """Its kind and its color, 0 for a digit's."""
    if isinstance(thing, Shape):
        return 1 + SHAPES.index(thing.kind), 1 + tuple(COLORS).index(thing.color)
    return 1 + len(SHAPES) + int(thing.character), 0


def _covered(picture: Picture, rows: int, cols: int, canvas: tuple[int, int], start: tuple[int, int]) -> Labels:
    """1 + which object covers most of each cell, 0 where none covers a fifth."""
    things = len(picture.objects) + 1
    step = 2 if min(canvas[0] / cols, canvas[1] / rows) >= 16 else 1
    mask = picture.mask[::step, ::step]
    row = (np.arange(0, picture.mask.shape[0], step) + start[1]) * rows // canvas[1]
    col = (np.arange(0, picture.mask.shape[1], step) + start[0]) * cols // canvas[0]
    where_to = (row[:, None] * cols + col) * things + mask
    counts = np.bincount(where_to.ravel(), minlength=rows * cols * things).reshape(rows, cols, things)[..., 1:]
    enough = counts.max(2) >= 0.2 * canvas[0] * canvas[1] / (rows * cols * step**2)
    return np.where(enough, counts.argmax(2) + 1, 0).astype(np.int8)
