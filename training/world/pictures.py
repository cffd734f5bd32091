"""Drawn pictures of shapes or of a written number, and every question that they answer.

It knows nothing of models: `cells` only counts in the grid that the caller's encoder happens to have.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from io import BytesIO
from math import cos, exp, log, pi, radians, sin
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from engine.preprocess import CELL, Pixels, padded
from training.world.words import COLORS, PLACES, SHAPES, Turn, in_words, listed, with_article

RGB = tuple[int, int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom; right and bottom are outside
Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int8]

SMALLEST, SMALLEST_SHAPE, LARGEST_SHAPE = 64, 0.12, 0.60
OVERLAP = 0.05  # of the smaller of two bounding boxes
CONTRAST = 80  # RGB distance from a shape to all that is behind it
DIGIT_HEIGHT = 0.729  # of the font size, in DejaVu Sans
HELD_OUT_HEIGHTS = (0.26, 0.32)  # digits, of the shorter side
HELD_OUT_HUES = (165 / 360, 195 / 360)  # teal backgrounds

_PURE: dict[str, tuple[RGB, ...]] = {
    "red": ((255, 0, 0), (200, 20, 20), (230, 50, 40), (220, 20, 60), (178, 24, 24)),
    "green": ((0, 128, 0), (0, 255, 0), (34, 139, 34), (60, 180, 75), (50, 205, 50), (0, 200, 0)),
    "blue": ((0, 0, 255), (30, 60, 200), (0, 90, 220), (65, 105, 225), (0, 0, 170), (30, 130, 245)),
    "yellow": ((255, 255, 0), (255, 225, 25), (240, 230, 50), (255, 215, 0)),
    "purple": ((128, 0, 128), (145, 30, 180), (160, 32, 240), (148, 0, 211), (102, 40, 153)),
    "orange": ((255, 165, 0), (255, 140, 0), (245, 130, 48), (255, 120, 0)),
    "black": ((0, 0, 0), (30, 30, 30)),
    "white": ((255, 255, 255), (240, 240, 240)),
}


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


@dataclass(frozen=True, slots=True)
class Cells:
    """Labels of `[rows, cols]` cells.

    kind: 0 nothing, 1 to 5 the shapes, 6 to 15 the digits; color: 0 none, 1 to 8 the colors; centre: 1 where the
    centre of an object is; index: 0 nothing, else 1 + which object.
    """

    kind: Labels
    color: Labels
    centre: Labels
    index: Labels


@dataclass(frozen=True, slots=True)
class Look:
    """How one shape is drawn. `corners` lie in a box of side 1 around 0; a circle has none."""

    corners: npt.NDArray[np.float64] | None
    fill: RGB
    edge: RGB | None
    edge_share: float
    smooth: bool

    def alpha(self, side: int, share: float = 1.0) -> Image.Image:
        """Coverage in a square of `side` pixels, the shape itself scaled by `share`."""
        finer = max(2, min(4, 480 // side)) if self.smooth else 1
        span = side * finer
        cover = Image.new("L", (span, span))
        draw = ImageDraw.Draw(cover)
        if self.corners is None:
            rim = (1 - share) / 2 * span
            draw.ellipse((rim, rim, span - 1 - rim, span - 1 - rim), fill=255)
        else:
            draw.polygon(((self.corners * share + 0.5) * (span - 1)).ravel().tolist(), fill=255)
        return cover.reduce(finer) if finer > 1 else cover

    def sprite(self, side: int) -> tuple[Image.Image, Image.Image]:
        """Colors and coverage of a square of `side` pixels."""
        cover = self.alpha(side)
        if self.edge is None:
            return Image.new("RGB", (side, side), self.fill), cover
        colors = Image.new("RGB", (side, side), self.edge)
        colors.paste(self.fill, (0, 0), self.alpha(side, 1 - 2 * self.edge_share))
        return colors, cover


def pick(dice: np.random.Generator, *choices: str) -> str:
    return choices[int(dice.integers(len(choices)))]


def shade(dice: np.random.Generator, color: str) -> RGB:
    """One of the many values that go by the name of `color`."""
    exact = dice.random()
    values = _PURE[color]
    base = np.array(COLORS[color] if exact < 0.5 else values[int(dice.integers(len(values)))])
    if 0.3 < exact < 0.8:
        base = base + dice.integers(-12, 13, 3)
    red, green, blue = np.clip(base, 0, 255).tolist()
    return red, green, blue


def look(dice: np.random.Generator, kind: str, fill: RGB) -> Look:
    edge: RGB | None = None
    if dice.random() < 0.12:
        edge = tuple(value // 2 for value in fill) if dice.random() < 0.4 else (0, 0, 0)  # type: ignore[assignment]
        edge = (255, 255, 255) if max(fill) < 60 else edge
    return Look(_corners(dice, kind), fill, edge, dice.uniform(0.02, 0.06), dice.random() < 0.8)


def _corners(dice: np.random.Generator, kind: str) -> npt.NDArray[np.float64] | None:
    if kind == "circle":
        return None
    if kind == "square":
        points = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
    elif kind == "triangle":
        half = 0.577 if dice.random() < 0.6 else dice.uniform(0.42, 0.7)
        apex = 0 if dice.random() < 0.9 else dice.uniform(-half, half)
        points = np.array([(apex, 0), (half, 1), (-half, 1)], float)
    elif kind == "star":
        inner = 0.382 if dice.random() < 0.3 else dice.uniform(0.35, 0.5)
        radius = np.tile([1, inner], 5)
        angle = np.arange(10) * pi / 5
        points = np.stack([radius * np.sin(angle), -radius * np.cos(angle)], 1)
    else:
        arm = dice.uniform(0.25, 0.4)
        signs = [(-arm, -1), (arm, -1), (arm, -arm), (1, -arm), (1, arm), (arm, arm)]
        points = np.array(signs + [(-x, -y) for x, y in signs], float)
    points = points @ _turned(dice, kind)
    low, high = points.min(0), points.max(0)
    return np.asarray((points - (low + high) / 2) / (high - low).max())


def _turned(dice: np.random.Generator, kind: str) -> npt.NDArray[np.float64]:
    chance = dice.random()
    degrees = 0.0 if chance < 0.7 else dice.uniform(-20, 20) if chance < 0.93 else dice.uniform(-180, 180)
    if kind == "cross" and dice.random() < 0.12:
        degrees = 45
    angle = radians(degrees)
    return np.array([(cos(angle), sin(angle)), (-sin(angle), cos(angle))])


def sides(dice: np.random.Generator, smallest: int, largest: int) -> tuple[int, int]:
    """Width and height, each log-uniform."""
    width, height = np.exp(dice.uniform(log(smallest), log(largest + 1), 2)).astype(int).tolist()
    return min(width, largest), min(height, largest)


def background(
    dice: np.random.Generator, width: int, height: int, held_out: bool = False
) -> tuple[Pixels, Floats | None]:
    """A plain or gradient ground `[height, width, 3]`, and the noise that may be added to it."""
    first, second = (np.array(_ground_color(dice, held_out), np.float32) for _ in range(2))
    ground = np.asarray(Image.new("RGB", (width, height), tuple(first.astype(int).tolist())))
    if dice.random() < 0.45:
        second = second if dice.random() < 0.6 else np.clip(first + dice.uniform(-80, 80), 0, 255)
        ramp, ground = _ramp(dice, width, height), np.empty((height, width, 3), np.uint8)
        for channel, (begin, end) in enumerate(zip(first, second, strict=True)):
            ground[..., channel] = begin + ramp * (end - begin)
    noisy = dice.random() < 0.4
    return ground, _noise(dice, width, height) if noisy else None


def _ground_color(dice: np.random.Generator, held_out: bool) -> RGB:
    while True:
        color = _teal(dice) if held_out else _any_ground(dice)
        hue, saturation, value = colorsys.rgb_to_hsv(*(part / 255 for part in color))
        if held_out or not (HELD_OUT_HUES[0] <= hue <= HELD_OUT_HUES[1] and saturation > 0.2 and value > 0.3):
            return color


def _teal(dice: np.random.Generator) -> RGB:
    return _from_hsv(dice.uniform(*HELD_OUT_HUES), dice.uniform(0.25, 1), dice.uniform(0.35, 1))


def _any_ground(dice: np.random.Generator) -> RGB:
    family, hue = dice.random(), dice.random()
    if family < 0.12:
        return (255, 255, 255)
    if family < 0.42:
        limits = (230, 256) if family < 0.2 else (0, 40) if family < 0.28 else (40, 230)
        level = int(dice.integers(*limits))
        return level, level, level
    if family < 0.64:
        return _from_hsv(hue, dice.uniform(0.05, 0.35), dice.uniform(0.8, 1))
    if family < 0.8:
        return _from_hsv(hue, dice.uniform(0.6, 1), dice.uniform(0.4, 1))
    red, green, blue = dice.integers(0, 256, 3).tolist()
    return red, green, blue


def _from_hsv(hue: float, saturation: float, value: float) -> RGB:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return int(red * 255), int(green * 255), int(blue * 255)


def _ramp(dice: np.random.Generator, width: int, height: int) -> Floats:
    """0 to 1 along any direction, sometimes outwards from a point."""
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    if dice.random() < 0.15:
        x_centre, y_centre = dice.uniform(-0.6, 0.6, 2).tolist()
        away = np.hypot(x - x_centre, y - y_centre)
        return np.asarray(np.minimum(away / dice.uniform(1, 2), 1), np.float32)
    straight = dice.random() < 0.5
    angle = int(dice.integers(4)) * pi / 2 if straight else dice.uniform(0, 2 * pi)
    reach = abs(cos(angle)) + abs(sin(angle))
    ramp = (x * np.float32(cos(angle) / reach) + y * np.float32(sin(angle) / reach) + 1) / 2
    return ramp.astype(np.float32, copy=False)


def _noise(dice: np.random.Generator, width: int, height: int) -> Floats:
    """`[height, width, 1 or 3]` to be added, of a strength from hardly visible to rough."""
    strength, kind = exp(dice.uniform(log(2), log(40))), dice.random()
    channels = 3 if dice.random() < 0.6 else 1
    if kind < 0.1:
        thrown = dice.integers(0, 256, (height, width, 1), dtype=np.uint8)
        rare = max(1, int(strength / 4))
        return ((thrown < rare) * np.float32(255) - (thrown > 255 - rare) * np.float32(255)).astype(np.float32)
    if kind < 0.25:
        grain = int(dice.integers(2, 25))
        coarse = dice.normal(0, strength, (height // grain + 2, width // grain + 2)).astype(np.float32)
        return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BILINEAR))[..., None]
    # Two uniform bytes: nearly the look of normal noise at a tenth of its price.
    thrown = dice.integers(0, 256, (2, height, width, channels), dtype=np.uint8)
    return np.asarray(np.subtract(thrown[0], thrown[1], dtype=np.float32) * (strength / 104), np.float32)


def with_noise(pixels: Pixels, noise: Floats | None) -> Pixels:
    return pixels if noise is None else np.clip(pixels + noise, 0, 255).astype(np.uint8)


def contrasting(dice: np.random.Generator, behind: Pixels) -> tuple[str, RGB] | None:
    """A color, by name and value, that stands out from all the pixels behind; None if there is no such color."""
    rows, cols = behind.shape[:2]
    sample = behind[:: max(1, rows // 6), :: max(1, cols // 6)].reshape(-1, 3).astype(np.float32)
    for index in dice.permutation(len(COLORS)).tolist():
        color = tuple(COLORS)[index]
        fill = shade(dice, color)
        if ((sample - np.array(fill, np.float32)) ** 2).sum(1).min() > CONTRAST**2:
            return color, fill
    return None


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


def squeezed(dice: np.random.Generator, pixels: Pixels) -> Pixels:
    """Through JPEG and back."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(dice.integers(45, 96)))
    return np.array(Image.open(file))


def _draw(
    dice: np.random.Generator, canvas: Image.Image, ground: Pixels, mask: npt.NDArray[np.uint8]
) -> tuple[Shape, ...]:
    drawn: list[Shape] = []
    found = boxes(dice, canvas.width, canvas.height, int(dice.integers(1, 6)))
    for left, top, right, bottom in sorted(found, key=lambda box: box[0] + box[2]):
        seen, twice = {shape.name for shape in drawn}, dice.random() < 0.04
        for _ in range(8):
            chosen, kind = contrasting(dice, ground[top:bottom, left:right]), pick(dice, *SHAPES)
            if chosen is not None and (twice or f"{chosen[0]} {kind}" not in seen):
                break
        else:
            continue
        colors, cover = look(dice, kind, chosen[1]).sprite(right - left)
        canvas.paste(colors, (left, top), cover)
        drawn.append(Shape(kind, chosen[0], (left + right) / 2, (top + bottom) / 2, right - left))
        mask[top:bottom, left:right][np.asarray(cover) > 127] = len(drawn)
    return tuple(drawn) if drawn else _draw(dice, canvas, ground, mask)


@lru_cache(maxsize=512)
def font(bold: bool, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_file(bold), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache
def font_file(bold: bool) -> str:
    """DejaVu Sans as matplotlib ships it: that is a wheel that every machine can have.

    Raises:
        FileNotFoundError: matplotlib is not installed, or has lost its fonts.
    """
    package = find_spec("matplotlib")
    if package is None or package.origin is None:
        raise FileNotFoundError("Written numbers need DejaVu Sans out of matplotlib: `pip install matplotlib`.")
    path = Path(package.origin).parent / "mpl-data/fonts/ttf" / f"DejaVuSans{'-Bold' if bold else ''}.ttf"
    if not path.exists():
        raise FileNotFoundError(f"matplotlib has no font {path}.")
    return str(path)


def _write(
    dice: np.random.Generator, canvas: Image.Image, ground: Pixels, mask: npt.NDArray[np.uint8], held_out: bool
) -> tuple[str, tuple[Digit, ...]]:
    limit = (1000, 1000, 1000, 1000, 100, 10)[int(dice.integers(6))]
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
        if held_out or not HELD_OUT_HEIGHTS[0] < tall / shorter < HELD_OUT_HEIGHTS[1]:
            return font(bold, min(int(tall / DIGIT_HEIGHT + 0.5), int(largest / DIGIT_HEIGHT)))


def ink(dice: np.random.Generator, behind: Pixels) -> RGB:
    """The color of a number: often black or white, whichever stands out more."""
    dark = behind.mean() < 128
    if dice.random() < 0.5:
        chosen = contrasting(dice, behind)
        if chosen is not None:
            return chosen[1]
    return (255, 255, 255) if dark else (0, 0, 0)


def place(x: float, y: float, width: int, height: int) -> str:
    """Which third of the picture a point is in."""
    return PLACES[3 * min(2, int(3 * y / height)) + min(2, int(3 * x / width))]


def asked(dice: np.random.Generator, usual: str, *others: str) -> str:
    """The usual wording of a question, seldom another one."""
    return pick(dice, *others) if dice.random() < 0.15 else usual


def where(thing: str, spot: str) -> str:
    """`The red circle is in the top left.`"""
    preposition = {"top": "at", "bottom": "at", "left": "on", "right": "on"}.get(spot, "in")
    return f"The {thing} is {preposition} the {spot}."


def questions(picture: Picture, dice: np.random.Generator) -> list[Turn]:
    """All that can be asked about the picture, in random order; a question about one shape names it uniquely."""
    if picture.number is not None:
        seen, counted = f"I see the number {picture.number}.", f"no shapes, only the number {picture.number}"
    else:
        count = len(picture.shapes)
        seen = f"I see {listed([with_article(shape.name) for shape in picture.shapes])}."
        counted = f"{in_words(count)} shape{'s' if count > 1 else ''}"
    verb = "is" if len(picture.shapes) == 1 else "are"
    turns = [
        Turn(asked(dice, "What do you see?", "What is in the image?", "What do you see in this picture?"), seen),
        Turn(asked(dice, "Describe the image.", "Describe the picture.", "Please describe this image."), seen),
        Turn(
            asked(dice, "How many shapes are there?", "How many shapes do you see?", "Count the shapes."),
            f"There {verb} {counted}.",
        ),
    ]
    if picture.number is not None:
        question = asked(dice, "What number is written?", "Which number is written?", "What number do you see?")
        turns.append(Turn(question, f"The number {picture.number} is written."))
    elif dice.random() < 0.2:
        turns.append(Turn(asked(dice, "What number is written?", "Which number is written?"), "There is no number."))
    turns += _about_single_shapes(picture, dice) + _whether_there(picture, dice)
    return [turns[index] for index in dice.permutation(len(turns))]


def _about_single_shapes(picture: Picture, dice: np.random.Generator) -> list[Turn]:
    height, width = picture.mask.shape
    kinds, colors = [shape.kind for shape in picture.shapes], [shape.color for shape in picture.shapes]
    names = [shape.name for shape in picture.shapes]
    turns: list[Turn] = []
    for shape in picture.shapes:
        kind, color, spot = shape.kind, shape.color, place(shape.x, shape.y, width, height)
        if kinds.count(kind) == 1:
            others = (f"Which color is the {kind}?", f"What colour is the {kind}?", f"What is the color of the {kind}?")
            turns.append(Turn(asked(dice, f"What color is the {kind}?", *others), f"The {kind} is {color}."))
            if dice.random() < 0.15:
                turns.append(Turn(f"Where is the {kind}?", where(kind, spot)))
        if colors.count(color) == 1:
            question = asked(dice, f"What shape is {color}?", f"Which shape is {color}?")
            turns.append(Turn(question, f"The {kind} is {color}."))
        if names.count(shape.name) == 1:
            question = asked(dice, f"Where is the {shape.name}?", f"Where do you see the {shape.name}?")
            turns.append(Turn(question, where(shape.name, spot)))
    return turns


def _whether_there(picture: Picture, dice: np.random.Generator) -> list[Turn]:
    """One or two shapes that are there, one or two that are not but mostly share a color or a kind with one."""
    names = [shape.name for shape in picture.shapes]
    there = list(dict.fromkeys(names[index] for index in dice.permutation(len(names))))
    more = int(dice.random() < 0.6)
    asking = there[: 1 + more]
    for _ in range(2 - more if names or dice.random() < 0.5 else 0):
        absent = _absent(picture.shapes, dice)
        if absent not in asking:
            asking.append(absent)
    turns: list[Turn] = []
    for name in asking:
        thing = with_article(name)
        question = asked(dice, f"Is there {thing}?", f"Is there {thing} in the picture?", f"Do you see {thing}?")
        turns.append(Turn(question, f"Yes, there is {thing}." if name in names else f"No, there is no {name}."))
    return turns


def _absent(shapes: tuple[Shape, ...], dice: np.random.Generator) -> str:
    names = {shape.name for shape in shapes}
    while True:
        kind, color, alike = pick(dice, *SHAPES), pick(dice, *COLORS), dice.random()
        if shapes:
            near = shapes[int(dice.integers(len(shapes)))]
            kind = near.kind if alike < 0.43 else kind
            color = near.color if 0.43 <= alike < 0.86 else color
        if f"{color} {kind}" not in names:
            return f"{color} {kind}"


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
    centre = np.zeros((rows, cols), np.int8)
    kinds, colors = [0], [0]
    for number, thing in enumerate(picture.objects, 1):
        cell = int((thing.y + y_start) * rows / canvas[1]), int((thing.x + x_start) * cols / canvas[0])
        index[cell], centre[cell] = number, 1
        kinds.append(1 + SHAPES.index(thing.kind) if isinstance(thing, Shape) else 6 + int(thing.character))
        colors.append(1 + tuple(COLORS).index(thing.color) if isinstance(thing, Shape) else 0)
    return Cells(np.array(kinds, np.int8)[index], np.array(colors, np.int8)[index], centre, index)


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
