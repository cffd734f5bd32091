"""What a single shape looks like before it is put anywhere, and the font of the digits.

It knows no place and no ground: a sprite is its colors and what it covers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from math import cos, pi, radians, sin
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from training.world.paint import RGB

DIGIT_HEIGHT = 0.729  # of the font size, in DejaVu Sans


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


def look(dice: np.random.Generator, kind: str, fill: RGB) -> Look:
    """One of the many looks of a shape of this kind, some with an edge or turned."""
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


@lru_cache(maxsize=512)
def font(bold: bool, size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans; of `size`, a digit is DIGIT_HEIGHT high."""
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
