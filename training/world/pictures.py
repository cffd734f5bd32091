"""Drawn pictures of shapes or of a written number, with where everything in them is.

It knows nothing of models and asks nothing: `asking` and `cells` say what there is to see in a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, exp, log, pi

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from engine.preprocess import Pixels
from training.world.chance import pick
from training.world.paint import background, contrasting, ink, squeezed, with_noise
from training.world.sprites import DIGIT_HEIGHT, Look, font, look
from training.world.words import SHAPES

Box = tuple[int, int, int, int]  # left, top, right, bottom; right and bottom are outside

SMALLEST, SMALLEST_SHAPE, LARGEST_SHAPE = 64, 0.12, 0.60
MOST = 5  # shapes
OVERLAP = 0.05  # of the smaller of two bounding boxes
HELD_OUT_HEIGHTS = (0.26, 0.32)  # digits, of the shorter side


@dataclass(frozen=True, slots=True)
class Shape:
    """A filled shape: centre, and side of its bounding box, in pixels."""

    kind: str
    color: str
    x: float
    y: float
    size: float

    @property
    def name(self) -> str:
        return f"{self.color} {self.kind}"


@dataclass(frozen=True, slots=True)
class Digit:
    """A digit of the written number, and the box of its glyph in pixels."""

    character: str
    box: Box

    @property
    def x(self) -> float:
        return (self.box[0] + self.box[2]) / 2

    @property
    def y(self) -> float:
        return (self.box[1] + self.box[3]) / 2


@dataclass(frozen=True, slots=True)
class Picture:
    """`mask` is 0 in the background and i + 1 in object i; objects stand in order from left to right."""

    pixels: Pixels
    shapes: tuple[Shape, ...]
    number: str | None
    objects: tuple[Shape | Digit, ...]
    mask: npt.NDArray[np.uint8]


def picture(
    dice: np.random.Generator,
    *,
    largest: int = 640,
    written: float = 0.25,
    held_out: bool = False,
    size: tuple[int, int] | None = None,
) -> Picture:
    """Draws a picture; with the probability `written` it holds a number instead of shapes.

    `held_out` draws from what training never sees: teal backgrounds, and digits of HELD_OUT_HEIGHTS. `size` is width
    and height, drawn up to `largest` if not given.
    """
    width, height = size or sides(dice, SMALLEST, largest)
    ground, noise = background(dice, width, height, held_out)
    above = dice.random() < 0.25
    canvas = Image.fromarray(ground if above else with_noise(ground, noise))
    mask = np.zeros((height, width), np.uint8)
    number: str | None = None
    shapes: tuple[Shape, ...] = ()
    objects: tuple[Shape | Digit, ...]
    if dice.random() < written:
        number, objects = _write(dice, canvas, ground, mask, held_out)
    else:
        objects = shapes = _draw(dice, canvas, ground, mask)
    pixels = with_noise(np.array(canvas), noise if above else None)
    return Picture(squeezed(dice, pixels) if dice.random() < 0.12 else pixels, shapes, number, objects, mask)


def sides(dice: np.random.Generator, smallest: int, largest: int) -> tuple[int, int]:
    """Width and height, each log-uniform."""
    width, height = np.exp(dice.uniform(log(smallest), log(largest + 1), 2)).astype(int).tolist()
    return min(width, largest), min(height, largest)


def boxes(dice: np.random.Generator, width: int, height: int, count: int) -> list[Box]:
    """Up to `count` square boxes that hardly overlap, as many as are found by throwing."""
    shorter, found = min(width, height), list[Box]()
    least, most = int(np.ceil(SMALLEST_SHAPE * shorter)), int(LARGEST_SHAPE * shorter)
    allowed = OVERLAP if dice.random() < 0.15 else 0.0
    for _ in range(count):
        edgy = dice.random() < 0.4
        for attempt, (size, across, down) in enumerate(dice.random((40, 3)).tolist()):
            side = int(least + size * (most * 0.97**attempt - least)) if most * 0.97**attempt > least else least
            if edgy:  # as often near the borders as in the middle
                across, down = (1 - cos(pi * across)) / 2, (1 - cos(pi * down)) / 2
            left, top = round(across * (width - side)), round(down * (height - side))
            box = (left, top, left + side, top + side)
            if all(overlap(box, other) <= allowed for other in found):
                found.append(box)
                break
    return found


def overlap(one: Box, other: Box) -> float:
    """Shared area, as a part of the smaller box."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    return across * down / min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))


def _draw(
    dice: np.random.Generator, canvas: Image.Image, ground: Pixels, mask: npt.NDArray[np.uint8]
) -> tuple[Shape, ...]:
    drawn: list[Shape] = []
    found = boxes(dice, canvas.width, canvas.height, int(dice.integers(1, 6)))
    for left, top, right, bottom in sorted(found, key=lambda box: box[0] + box[2]):
        seen, twice = {shape.name for shape in drawn}, dice.random() < 0.04
        for _ in range(8):
            chosen, kind = contrasting(dice, ground[top:bottom, left:right]), pick(dice, SHAPES)
            if chosen is not None and (twice or f"{chosen[0]} {kind}" not in seen):
                break
        else:
            continue
        box = left, top, right, bottom
        drawn.append(placed(look(dice, kind, chosen[1]), kind, chosen[0], canvas, mask, box, len(drawn) + 1))
    return tuple(drawn) if drawn else _draw(dice, canvas, ground, mask)


def placed(
    drawn: Look,
    kind: str,
    color: str,
    canvas: Image.Image,
    mask: npt.NDArray[np.uint8],
    box: Box,
    number: int,
) -> Shape:
    """Paints a shape into the square box, on the canvas and as `number` into the mask."""
    left, top, right, bottom = box
    colors, cover = drawn.sprite(right - left)
    canvas.paste(colors, (left, top), cover)
    mask[top:bottom, left:right][np.asarray(cover) > 127] = number
    return Shape(kind, color, (left + right) / 2, (top + bottom) / 2, right - left)


def scene(shapes: tuple[Shape, ...], size: tuple[int, int]) -> Picture:
    """What shapes of a frame cover, roughly; without pixels."""
    mask = np.zeros((size[1], size[0]), np.uint8)
    for number, shape in enumerate(shapes, 1):
        left, top = round(shape.x - 0.4 * shape.size), round(shape.y - 0.4 * shape.size)
        mask[top : top + round(0.8 * shape.size), left : left + round(0.8 * shape.size)] = number
    return Picture(np.zeros((0, 0, 3), np.uint8), shapes, None, shapes, mask)


def _write(
    dice: np.random.Generator, canvas: Image.Image, ground: Pixels, mask: npt.NDArray[np.uint8], held_out: bool
) -> tuple[str, tuple[Digit, ...]]:
    limit = (1000, 1000, 1000, 100, 100, 10)[int(dice.integers(6))]
    number, bold = str(dice.integers(limit)), dice.random() < 0.2
    letters = _fitting_font(dice, number, bold, canvas.size, held_out)
    text_left, text_top, text_right, text_bottom = (int(value) for value in letters.getbbox(number))
    width, height = text_right - text_left, text_bottom - text_top
    left = int(dice.integers(canvas.width - width + 1))
    top = int(dice.integers(canvas.height - height + 1))
    cover = Image.new("L", (width, height))
    draw = ImageDraw.Draw(cover)
    draw.fontmode = "L" if dice.random() < 0.9 else "1"
    draw.text((-text_left, -text_top), number, 255, letters)
    behind = ground[top : top + height, left : left + width]
    canvas.paste(ink(dice, behind), (left, top), cover)
    digits: list[Digit] = []
    area = mask[top : top + height, left : left + width]
    for index, character in enumerate(number):
        start = letters.getlength(number[:index]) - text_left
        box = letters.getbbox(character)
        x1, x2 = max(0, round(start + box[0])), min(width, round(start + box[2]))
        y1, y2 = int(box[1]) - text_top, int(box[3]) - text_top
        area[:, x1:x2][np.asarray(cover)[:, x1:x2] > 127] = index + 1
        digits.append(Digit(character, (left + x1, top + y1, left + x2, top + y2)))
    return number, tuple(digits)


def is_held_out(height: float) -> bool:
    """Whether digits of this height, as a part of the shorter side, are kept for the report: round ones are higher than
    others of their font."""
    return 0.94 * HELD_OUT_HEIGHTS[0] < height < 1.06 * HELD_OUT_HEIGHTS[1]


def _fitting_font(
    dice: np.random.Generator, number: str, bold: bool, size: tuple[int, int], held_out: bool
) -> ImageFont.FreeTypeFont:
    shorter = min(size)
    box = font(bold, 100).getbbox(number)
    largest = 97 * min(size[0] / (box[2] - box[0]), size[1] / (box[3] - box[1])) * DIGIT_HEIGHT
    least = max(10, SMALLEST_SHAPE * shorter)
    low, high = (HELD_OUT_HEIGHTS[0] * shorter, HELD_OUT_HEIGHTS[1] * shorter) if held_out else (least, largest)
    while True:
        tall = exp(dice.uniform(log(low), log(high)))
        if held_out or not is_held_out(tall / shorter):
            return font(bold, min(int(tall / DIGIT_HEIGHT + 0.5), int(largest / DIGIT_HEIGHT)))
