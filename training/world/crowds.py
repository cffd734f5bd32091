"""Pictures full of shapes and digits side by side, which teach an encoder more at a time than the world's own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from engine.preprocess import Pixels
from training.world.chance import pick
from training.world.paint import background, contrasting, ink, with_noise
from training.world.pictures import HELD_OUT_HEIGHTS, Box, Digit, Picture, Shape, boxes, is_held_out, placed
from training.world.sprites import DIGIT_HEIGHT, font, look
from training.world.words import SHAPES

OBJECTS = 9
"""Tried; about seven find room."""
BOLD, DIGITS = 0.2, 0.5
"""How often a digit is bold, and how often an object is a digit."""


def crowd(dice: np.random.Generator, size: tuple[int, int]) -> Picture:
    """A picture of `size` (width, height) whose objects are shapes and single digits; nothing is asked about it."""
    ground, noise = background(dice, *size)
    canvas, mask = Image.fromarray(ground), np.zeros(size[::-1], np.uint8)
    objects: list[Shape | Digit] = []
    for box in sorted(boxes(dice, *size, OBJECTS), key=lambda box: box[0] + box[2]):
        number = len(objects) + 1
        if dice.random() < DIGITS:
            objects.append(write(dice, canvas, ground, mask, box, number))
        elif drawn := draw(dice, canvas, ground, mask, box, number):
            objects.append(drawn)
    return Picture(with_noise(np.array(canvas), noise), (), None, tuple(objects), mask)


def draw(
    dice: np.random.Generator,
    canvas: Image.Image,
    ground: Pixels,
    mask: npt.NDArray[np.uint8],
    box: Box,
    number: int,
) -> Shape | None:
    """A shape that fills the box, if a color stands out there."""
    left, top, right, bottom = box
    chosen, kind = contrasting(dice, ground[top:bottom, left:right]), pick(dice, SHAPES)
    if chosen is None:
        return None
    return placed(look(dice, kind, chosen[1]), kind, chosen[0], canvas, mask, box, number)


def write(
    dice: np.random.Generator,
    canvas: Image.Image,
    ground: Pixels,
    mask: npt.NDArray[np.uint8],
    box: Box,
    number: int,
) -> Digit:
    """A digit as high as the box, or less where that height is held out, in its middle."""
    character, tall, shorter = str(dice.integers(10)), box[3] - box[1], min(canvas.size)
    if is_held_out(tall / shorter):
        tall = int(0.94 * HELD_OUT_HEIGHTS[0] * shorter)
    letters = font(bool(dice.random() < BOLD), max(8, int(tall / DIGIT_HEIGHT)))
    x1, y1, x2, y2 = (int(value) for value in letters.getbbox(character))
    cover = Image.new("L", (x2 - x1, y2 - y1))
    ImageDraw.Draw(cover).text((-x1, -y1), character, 255, letters)
    left = max(0, (box[0] + box[2] - cover.width) // 2)
    top = max(0, (box[1] + box[3] - cover.height) // 2)
    area = mask[top : top + cover.height, left : left + cover.width]
    canvas.paste(ink(dice, ground[top : top + cover.height, left : left + cover.width]), (left, top), cover)
    area[np.asarray(cover)[: area.shape[0], : area.shape[1]] > 127] = number
    return Digit(character, (left, top, left + area.shape[1], top + area.shape[0]))
