"""What a picture is painted with: the shades that go by a color's name, grounds, noise, and colors that stand out.

It knows neither shapes nor digits, only the pixels that are behind them.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from io import BytesIO
from math import cos, exp, log, pi, sin

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.preprocess import Pixels
from training.world.words import COLORS

RGB = tuple[int, int, int]
Floats = npt.NDArray[np.float32]

CONTRAST = 80  # RGB distance from a shape to all that is behind it
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


def shade(dice: np.random.Generator, color: str) -> RGB:
    """One of the many values that go by the name of `color`."""
    exact = dice.random()
    values = _PURE[color]
    base = np.array(COLORS[color] if exact < 0.5 else values[int(dice.integers(len(values)))])
    if 0.3 < exact < 0.8:
        base = base + dice.integers(-12, 13, 3)
    red, green, blue = np.clip(base, 0, 255).tolist()
    return red, green, blue


def background(
    dice: np.random.Generator, width: int, height: int, held_out: bool = False
) -> tuple[Pixels, Floats | None]:
    """A plain or gradient ground `[height, width, 3]`, and the noise that may be added to it."""
    first = np.array(_ground_color(dice, held_out), np.float32)
    ground = np.asarray(Image.new("RGB", (width, height), tuple(first.astype(int).tolist())))
    if dice.random() < 0.45:
        second = _far_end(dice, first, held_out)
        ramp, ground = _ramp(dice, width, height), np.empty((height, width, 3), np.uint8)
        for channel, (begin, end) in enumerate(zip(first, second, strict=True)):
            ground[..., channel] = begin + ramp * (end - begin)
    noisy = dice.random() < 0.4
    return ground, _noise(dice, width, height) if noisy else None


def is_teal(color: Sequence[float]) -> bool:
    hue, saturation, value = colorsys.rgb_to_hsv(*(part / 255 for part in color))
    return HELD_OUT_HUES[0] <= hue <= HELD_OUT_HUES[1] and saturation > 0.2 and value > 0.3


def _ground_color(dice: np.random.Generator, held_out: bool) -> RGB:
    while True:
        color = _teal(dice) if held_out else _any_ground(dice)
        if held_out or not is_teal(color):
            return color


def _far_end(dice: np.random.Generator, first: Floats, held_out: bool) -> Floats:
    """The other color of a gradient; on the way to it no held-out one is met."""
    while True:
        other = np.array(_ground_color(dice, held_out), np.float32)
        second = other if dice.random() < 0.6 else np.clip(first + dice.uniform(-80, 80), 0, 255)
        if held_out or not any(is_teal(color) for color in np.linspace(first, second, 17).tolist()):
            return np.asarray(second, np.float32)


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
    """`pixels` with what `background` may have drawn to be added."""
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


def ink(dice: np.random.Generator, behind: Pixels) -> RGB:
    """The color of a number: often black or white, whichever stands out more."""
    dark = behind.mean() < 128
    if dice.random() < 0.5:
        chosen = contrasting(dice, behind)
        if chosen is not None:
            return chosen[1]
    return (255, 255, 255) if dark else (0, 0, 0)


def squeezed(dice: np.random.Generator, pixels: Pixels) -> Pixels:
    """Through JPEG and back."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(dice.integers(45, 96)))
    return np.array(Image.open(file))
