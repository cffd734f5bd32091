"""Clips of the demo's world: one or two shapes, one of which may move or change its color, with or without sound."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace
from random import Random

import av
import numpy as np

from tests.demo import pictures
from tests.demo.pictures import Ground, Paint, Shape
from tests.demo.sounds import RATE, Samples
from tests.demo.words import SHAPES

LONGEST = 6.0  # seconds
WAYS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


@dataclass(frozen=True, slots=True)
class Clip:
    """`actor` goes `travel` pixels `way` over the clip, ends in the paint `turns_to`; what is None does not happen."""

    width: int
    height: int
    behind: Ground
    actor: Shape
    others: tuple[Shape, ...]
    way: str | None
    travel: float
    turns_to: Paint | None
    rate: int
    seconds: float
    smooth: int

    def shapes(self, share: float) -> list[Shape]:
        """As they are when `share` of the clip has gone by."""
        across, along = WAYS[self.way] if self.way else (0, 0)
        shift = self.travel * share
        paint = self.turns_to if self.turns_to and share >= 0.5 else self.actor.paint
        actor = replace(self.actor, x=self.actor.x + across * shift, y=self.actor.y + along * shift, paint=paint)
        return [*self.others, actor]


def clip(random: Random, event: str) -> Clip:
    """`event` is a way to move, "still" or "color"."""
    width, height = (2 * random.randint(48, 160) for _ in range(2))
    behind, shorter = pictures.ground(random), min(width, height)
    kinds, colors = random.sample(SHAPES, 2), random.sample(behind.colors(), 3)
    side = shorter * random.uniform(0.15, 0.38)
    across, along = WAYS.get(event, (0, 0))
    travel = (abs(across) * width + abs(along) * height) * random.uniform(0.3, 0.55)
    x = start(random, width, side, across * travel)
    y = start(random, height, side, along * travel)
    actor = pictures.shape(random, colors[0], kinds[0], x, y, side)
    end = (x + across * travel, y + along * travel)
    return Clip(
        width=width,
        height=height,
        behind=behind,
        actor=actor,
        others=bystander(random, (width, height), actor, end, colors[1], kinds[1]),
        way=event if event in WAYS else None,
        travel=travel,
        turns_to=pictures.paint(random, colors[2]) if event == "color" else None,
        rate=random.randint(8, 25),
        seconds=random.uniform(1, LONGEST),
        smooth=random.choice((1, 4)),
    )


def lasting(shown: Clip, seconds: float) -> Clip:
    return replace(shown, seconds=seconds)


def start(random: Random, length: int, side: float, shift: float) -> float:
    """Where on a side of `length` a shape's centre starts so that it stays inside all the way."""
    margin = side * 0.55
    return random.uniform(margin + max(0, -shift), length - margin - max(0, shift))


def bystander(
    random: Random, size: tuple[int, int], actor: Shape, end: tuple[float, float], color: str, kind: str
) -> tuple[Shape, ...]:
    """In half of the clips a second shape, out of the first one's way; none where no place is found."""
    if random.random() < 0.5:
        return ()
    for _ in range(100):
        side = min(size) * random.uniform(0.15, 0.35)
        x, y = (random.uniform(side * 0.55, length - side * 0.55) for length in size)
        gap = (side + actor.size) * 0.52
        beside = not min(actor.x, end[0]) - gap < x < max(actor.x, end[0]) + gap
        above = not min(actor.y, end[1]) - gap < y < max(actor.y, end[1]) + gap
        if beside or above:
            return (pictures.shape(random, color, kind, x, y, side),)
    return ()


def mp4(shown: Clip, heard: Samples | None) -> bytes:
    """H.264 in yuv420p, and AAC if anything is heard, cut or filled up to the clip's length."""
    stored = io.BytesIO()
    count = math.ceil(shown.seconds * shown.rate)
    with av.open(stored, "w", format="mp4") as container:
        pictured = container.add_stream("libx264", rate=shown.rate, options={"crf": "21", "preset": "veryfast"})
        pictured.width, pictured.height, pictured.pix_fmt = shown.width, shown.height, "yuv420p"
        sounding = container.add_stream("aac", rate=RATE, layout="mono") if heard is not None else None
        behind = shown.behind.pixels(shown.width, shown.height)
        for index in range(count):
            picture = pictures.draw(behind, shown.shapes(index / (count - 1)), shown.smooth)
            container.mux(pictured.encode(av.VideoFrame.from_image(picture)))
        container.mux(pictured.encode(None))
        if sounding is not None and heard is not None:
            container.mux(sounding.encode(audio_frame(heard, round(count / shown.rate * RATE))))
            container.mux(sounding.encode(None))
    return stored.getvalue()


def audio_frame(heard: Samples, length: int) -> av.AudioFrame:
    filled = np.zeros((1, length), dtype=np.float32)
    filled[0, : len(heard)] = np.clip(heard[:length], -1, 1)
    frame = av.AudioFrame.from_ndarray(filled, format="fltp", layout="mono")
    frame.sample_rate = RATE
    return frame
