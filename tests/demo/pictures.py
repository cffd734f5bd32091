"""Pictures of the demo's world, drawn with Pillow: colored shapes or a written number before a quiet background."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from tests.demo.words import SHAPES

PAINTS = {
    "red": (220, 30, 35),
    "green": (35, 160, 55),
    "blue": (35, 70, 220),
    "yellow": (248, 222, 40),
    "purple": (130, 40, 165),
    "orange": (246, 140, 20),
    "black": (16, 16, 16),
    "white": (244, 244, 244),
}
CONTRAST = 100  # Euclidean, of 442 between black and white
EDGE = 0.03  # how far from a border between thirds a centre stays, as a share of that side
SMALLEST, LARGEST = 0.12, 0.6

Paint = tuple[int, int, int]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Shape:
    """Centre, size and inner proportions in pixels and degrees; `size` is the side of the box around it, upright."""

    color: str
    kind: str
    paint: Paint
    x: float
    y: float
    size: float
    turn: float
    slim: float  # 0 to 1: how slim a star's points or a cross's arms are

    @property
    def name(self) -> tuple[str, str]:
        return self.color, self.kind


@dataclass(frozen=True, slots=True)
class Ground:
    """What lies behind: two paints with a gradient between them (equal for a plain one), and noise."""

    paints: tuple[Paint, Paint]
    angle: float
    noise: float
    seed: int

    def pixels(self, width: int, height: int) -> Pixels:
        across, along = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
        slope = across * math.cos(self.angle) + along * math.sin(self.angle)
        share = ((slope / np.abs(slope).max() + 1) / 2)[..., None]
        first, second = (np.array(paint, dtype=np.float64) for paint in self.paints)
        grain = np.random.default_rng(self.seed).normal(0, self.noise, (height, width, 3))
        mixed: Pixels = np.clip(first * (1 - share) + second * share + grain, 0, 255).astype(np.uint8)
        return mixed

    def colors(self) -> list[str]:
        """The colors that stand out from every part of it."""
        stops = [tuple((1 - t) * a + t * b for a, b in zip(*self.paints, strict=True)) for t in (0, 0.25, 0.5, 0.75, 1)]
        return [name for name, paint in PAINTS.items() if all(math.dist(paint, stop) >= CONTRAST for stop in stops)]


def size(random: Random) -> tuple[int, int]:
    """Width and height, each 64 to 640 and even as video wants them; every other picture is nearly square."""
    width = round(math.exp(random.uniform(math.log(32), math.log(320))))
    height = round(math.exp(random.uniform(math.log(32), math.log(320))))
    if random.random() < 0.5:
        height = min(320, max(32, round(width * random.uniform(0.7, 1.4))))
    return 2 * width, 2 * height


def ground(random: Random) -> Ground:
    kind = random.choice(("plain", "gradient", "noisy"))
    first = muted(random)
    second = muted(random) if kind == "gradient" else first
    noise = random.uniform(5, 18) if kind == "noisy" else 0.0
    drawn = Ground((first, second), random.uniform(0, 2 * math.pi), noise, random.getrandbits(32))
    return drawn if len(drawn.colors()) >= 4 else ground(random)


def muted(random: Random) -> Paint:
    level, spread = random.randint(25, 230), 25
    red, green, blue = (min(255, max(0, level + random.randint(-spread, spread))) for _ in range(3))
    return red, green, blue


def paint(random: Random, color: str) -> Paint:
    red, green, blue = (min(255, max(0, value + random.randint(-12, 12))) for value in PAINTS[color])
    return red, green, blue


def shape(random: Random, color: str, kind: str, x: float, y: float, side: float) -> Shape:
    turn = random.uniform(-8, 8) if random.random() < 0.25 else 0.0
    return Shape(color, kind, paint(random, color), x, y, side, turn, random.random())


def scatter(random: Random, count: int, width: int, height: int, behind: Ground) -> list[Shape]:
    """`count` shapes whose boxes lie inside the picture, hardly overlap, and are clearly in one third each way."""
    shapes: list[Shape] = []
    shorter, share, tries = min(width, height), LARGEST / max(1.0, count**0.5 / 1.2), 0
    while len(shapes) < count:
        side = shorter * random.uniform(SMALLEST, max(SMALLEST, share))
        x, y = (random.uniform(side * 0.55, length - side * 0.55) for length in (width, height))
        apart = all(max(abs(x - other.x), abs(y - other.y)) > (side + other.size) * 0.51 for other in shapes)
        if apart and clear(x / width) and clear(y / height):
            shapes.append(shape(random, random.choice(behind.colors()), random.choice(SHAPES), x, y, side))
        tries += 1
        if tries % 60 == 0:
            share *= 0.8
        if tries % 900 == 0:
            shapes.clear()
    return shapes


def clear(share: float) -> bool:
    return all(abs(share - border) >= EDGE for border in (1 / 3, 2 / 3))


def outline(drawn: Shape) -> list[tuple[float, float]]:
    """Corners of the shape (of a circle, of many) around its centre, half its box's side being 1."""
    match drawn.kind:
        case "circle":
            radii, start = [1.0] * 72, 0.0
        case "square":
            radii, start = [math.sqrt(2)] * 4, 45.0
        case "triangle":
            return [turned(corner, drawn.turn) for corner in ((0, -0.93), (1, 0.8), (-1, 0.8))]
        case "star":
            radii, start = [1.0, 0.5 - 0.14 * drawn.slim] * 5, -90.0
        case _:
            arm = 0.4 - 0.14 * drawn.slim
            quarter = [(-arm, -1.0), (arm, -1.0), (arm, -arm)]
            return [turned(corner, drawn.turn + 90 * side) for side in range(4) for corner in quarter]
    step = 360 / len(radii)
    return [turned((radius, 0), start + drawn.turn + index * step) for index, radius in enumerate(radii)]


def turned(point: tuple[float, float], degrees: float) -> tuple[float, float]:
    x, y, angle = *point, math.radians(degrees)
    return x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)


def fill(picture: Image.Image, drawn: Shape, smooth: int) -> None:
    """Paint it, its edge as smooth as `smooth` times the resolution makes it."""
    side = math.ceil(drawn.size * 1.3) + 2
    left, top = math.floor(drawn.x - side / 2), math.floor(drawn.y - side / 2)
    mask = Image.new("L", (side * smooth, side * smooth))
    corners = [
        ((drawn.x - left + x * drawn.size / 2) * smooth, (drawn.y - top + y * drawn.size / 2) * smooth)
        for x, y in outline(drawn)
    ]
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    picture.paste(drawn.paint, (left, top), mask.resize((side, side), Image.Resampling.BOX))


def draw(behind: Pixels, shapes: list[Shape], smooth: int) -> Image.Image:
    picture = Image.fromarray(behind)
    for each in shapes:
        fill(picture, each, smooth)
    return picture


def has_font() -> bool:
    return find_spec("matplotlib") is not None


def font(pixels: int) -> ImageFont.FreeTypeFont:
    spec = find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    return ImageFont.truetype(Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf", pixels)


def number(random: Random, value: int) -> Image.Image:
    """A picture of the number's digits, 10 pixels high at least, somewhere inside."""
    width, height = size(random)
    behind = ground(random)
    picture = Image.fromarray(behind.pixels(width, height))
    drawing = ImageDraw.Draw(picture)
    pixels = max(14, round(min(width, height) * random.uniform(0.25, 0.8)))
    while (box := drawing.textbbox((0, 0), str(value), font(pixels)))[2] > width * 0.94 or box[3] > height * 0.94:
        pixels -= 1
    edge = 0.03
    x = random.uniform(edge * width, (1 - edge) * width - box[2])
    y = random.uniform(edge * height, (1 - edge) * height - box[3])
    drawing.text((x, y), str(value), paint(random, random.choice(behind.colors())), font(pixels))
    return picture


def png(picture: Image.Image) -> bytes:
    stored = io.BytesIO()
    picture.save(stored, "PNG")
    return stored.getvalue()
