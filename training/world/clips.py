"""Drawn clips in which one shape moves, rests or changes its color, and the questions that they answer.

It knows nothing of files and soundtracks: a clip is its frames, and `names_question` takes the spoken sentence as text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.api import VIDEO_FRAMES
from engine.preprocess import Pixels
from training.world.chance import asked, pick
from training.world.paint import RGB, Floats, background, contrasting, squeezed, with_noise
from training.world.pictures import LARGEST_SHAPE, SMALLEST, SMALLEST_SHAPE, Box, Shape, overlap, sides
from training.world.sprites import Look, look
from training.world.words import COLORS, DIRECTIONS, HEARD, MOTIONS, NOWHERE, SHAPES, Turn, with_article

Times = npt.NDArray[np.float64]
Sprite = tuple[Image.Image, Image.Image]

SHORTEST_WAY = 0.15  # of the side along which the actor moves
_STEPS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
_MARGIN = 16  # of noise that changes from frame to frame by being shifted


@dataclass(frozen=True, slots=True)
class Clip:
    """`frames`: only those asked for, `[n, height, width, 3]`; `shapes`: names at the start, the acting one first.

    `actor` and `color` are kind and first color of the acting shape, `becomes` its last color if it changes; `motion`
    is one of DIRECTIONS, `still` or `color`. `scenes` says for each frame which shapes are where.
    """

    frames: Pixels
    seconds: float
    fps: float
    shapes: tuple[str, ...]
    actor: str
    motion: str
    color: str
    becomes: str | None
    scenes: tuple[tuple[Shape, ...], ...]


@dataclass(frozen=True, slots=True)
class Course:
    """Where the actor is: the box that it starts from, and its way in pixels, of which `share(time)` is done."""

    start: Box
    way: tuple[int, int]

    @property
    def swept(self) -> Box:
        left, top, right, bottom = self.start
        x, y = self.way
        return left + min(x, 0), top + min(y, 0), right + max(x, 0), bottom + max(y, 0)

    @property
    def side(self) -> int:
        return self.start[2] - self.start[0]

    def spots(self, done: Times) -> list[tuple[int, int]]:
        """Left and top when so much of the way is done."""
        return [
            (round(self.start[0] + share * self.way[0]), round(self.start[1] + share * self.way[1])) for share in done
        ]


def clip(dice: np.random.Generator, *, count: int | None = None, held_out: bool = False, largest: int = 640) -> Clip:
    """Draws a clip; `count` are as many of its VIDEO_FRAMES as are wanted, evenly spaced, None the whole clip.

    `held_out` draws on the backgrounds that training never sees.
    """
    while True:
        drawn = _attempt(dice, count, held_out, largest)
        if drawn is not None:
            return drawn


def _attempt(dice: np.random.Generator, count: int | None, held_out: bool, largest: int) -> Clip | None:
    """None where no color stands out from all that is behind the actor."""
    usual = dice.random() < 0.8 and largest > 96
    width, height = sides(dice, 96 if usual else SMALLEST, min(400, largest) if usual else largest)
    seconds, fps = round(dice.uniform(1, 6), 2), float(dice.integers(8, 26))
    ground, noise = background(dice, width + _MARGIN, height + _MARGIN, held_out)
    ground = ground[:height, :width]
    motion = pick(dice, DIRECTIONS) if dice.random() < 0.68 else pick(dice, ("still", "color"))
    course = _course(dice, width, height, motion)
    first = contrasting(dice, _part(ground, course.swept))
    last = contrasting(dice, _part(ground, course.swept))
    if first is None or last is None or (motion == "color" and first[0] == last[0]):
        return None
    kind = pick(dice, SHAPES)
    actor = look(dice, kind, first[1])
    stage, others = Image.fromarray(ground), list[Shape]()
    flickers = noise is not None and dice.random() < 0.4
    if noise is not None and not flickers:
        stage = Image.fromarray(with_noise(ground, noise[:height, :width]))
    if dice.random() < 0.5:
        others = _extra(dice, stage, ground, course.swept, kind)
    times = _times(round(seconds * fps), count)
    changed = _changed(dice, times) if motion == "color" else np.zeros(len(times))
    spots = course.spots(_eased(dice, times))
    frames = _frames(stage, actor, spots, course.side, _mixed(first[1], last[1], changed))
    if flickers and noise is not None:
        _flicker(dice, frames, noise)
    if dice.random() < 0.08:
        frames = np.stack([squeezed(dice, frame) for frame in frames])
    names = tuple(shape.name for shape in (Shape(kind, first[0], 0, 0, 0), *others))
    scenes = tuple(
        (
            Shape(kind, (first if share < 0.5 else last)[0], x + course.side / 2, y + course.side / 2, course.side),
            *others,
        )
        for (x, y), share in zip(spots, changed, strict=True)
    )
    return Clip(frames, seconds, fps, names, kind, motion, first[0], last[0] if motion == "color" else None, scenes)


def _part(ground: Pixels, box: Box) -> Pixels:
    return ground[box[1] : box[3], box[0] : box[2]]


def _side(dice: np.random.Generator, shorter: int) -> int:
    return int(dice.integers(int(np.ceil(SMALLEST_SHAPE * shorter)), int(LARGEST_SHAPE * shorter) + 1))


def _course(dice: np.random.Generator, width: int, height: int, motion: str) -> Course:
    side = _side(dice, min(width, height))
    box = _thrown(dice, width, height, side)
    if motion not in DIRECTIONS:
        return Course(box, (0, 0))
    x, y = _STEPS[motion]
    whole = width if x else height
    free = whole - side
    way = int(dice.uniform(np.ceil(SHORTEST_WAY * whole), free + 1))
    begin = int(dice.integers(free - way + 1)) + (way if x + y < 0 else 0)
    left, top = (begin, box[1]) if x else (box[0], begin)
    return Course((left, top, left + side, top + side), (x * way, y * way))


def _thrown(dice: np.random.Generator, width: int, height: int, side: int) -> Box:
    left, top = int(dice.integers(width - side + 1)), int(dice.integers(height - side + 1))
    return left, top, left + side, top + side


def _extra(dice: np.random.Generator, stage: Image.Image, ground: Pixels, swept: Box, actor: str) -> list[Shape]:
    """Draws a second shape of another kind onto the stage, mostly out of the actor's way, if it fits."""
    shorter = min(stage.size)
    crossing = dice.random() < 0.1
    for attempt in range(30):
        side = max(int(np.ceil(SMALLEST_SHAPE * shorter)), int(_side(dice, shorter) * 0.95**attempt))
        box = _thrown(dice, stage.width, stage.height, side)
        chosen = contrasting(dice, _part(ground, box)) if overlap(box, swept) <= 0.3 * crossing else None
        if chosen is not None:
            kind = pick(dice, [shape for shape in SHAPES if shape != actor])
            colors, cover = look(dice, kind, chosen[1]).sprite(side)
            stage.paste(colors, box[:2], cover)
            return [Shape(kind, chosen[0], box[0] + side / 2, box[1] + side / 2, side)]
    return []


def _times(frames: int, count: int | None) -> Times:
    """When the wanted frames are, 0 being the first of all and 1 the last."""
    chosen = np.arange(frames)
    if count is not None:
        sampled = np.linspace(0, frames - 1, VIDEO_FRAMES, dtype=int)
        chosen = sampled[np.linspace(0, VIDEO_FRAMES - 1, count).round().astype(int)]
    return chosen / (frames - 1)


def _eased(dice: np.random.Generator, times: Times) -> Times:
    """How much of the way is done: over the whole clip or a part of it, mostly at constant speed."""
    begin, end = (dice.uniform(0, 0.35), dice.uniform(0.65, 1)) if dice.random() < 0.3 else (0, 1)
    done = np.clip((times - begin) / (end - begin), 0, 1)
    ease = dice.random()
    if ease < 0.65:
        return done
    if ease < 0.85:
        return done**2 * (3 - 2 * done)
    return done**2 if ease < 0.925 else 1 - (1 - done) ** 2


def _changed(dice: np.random.Generator, times: Times) -> Times:
    """How far the actor's color has changed at each time: it changes at once, sometimes gradually."""
    middle = dice.uniform(0.3, 0.7)
    takes = dice.uniform(0.1, 0.5) if dice.random() < 0.2 else 1e-6
    return np.clip((times - middle) / takes + 0.5, 0, 1)


def _mixed(first: RGB, last: RGB, changed: Times) -> list[RGB]:
    values = np.array(first) + changed[:, None] * (np.array(last) - np.array(first))
    return [(red, green, blue) for red, green, blue in values.round().astype(int).tolist()]


def _frames(stage: Image.Image, actor: Look, spots: list[tuple[int, int]], side: int, fills: list[RGB]) -> Pixels:
    sprites: dict[RGB, Sprite] = {}
    frames = np.empty((len(spots), stage.height, stage.width, 3), np.uint8)
    for frame, spot, fill in zip(frames, spots, fills, strict=True):
        if fill not in sprites:
            sprites[fill] = replace(actor, fill=fill).sprite(side)
        colors, cover = sprites[fill]
        canvas = stage.copy()
        canvas.paste(colors, spot, cover)
        frame[:] = np.asarray(canvas)
    return frames


def _flicker(dice: np.random.Generator, frames: Pixels, noise: Floats) -> None:
    """Adds the noise to each frame, elsewhere each time."""
    height, width = frames.shape[1:3]
    for frame, (x, y) in zip(frames, dice.integers(0, _MARGIN + 1, (len(frames), 2)).tolist(), strict=True):
        frame[:] = with_noise(frame, noise[y : y + height, x : x + width])


def questions(clip: Clip, dice: np.random.Generator) -> list[Turn]:
    """All that can be asked about what is to be seen, in random order."""
    seen = f"I see {_described(clip)}."
    acts = (("motion", MOTIONS.index(clip.motion)),)
    changes = f"he {clip.actor} changes its color from {clip.color} to {clip.becomes}."
    turns = [
        Turn(asked(dice, "What is moving?", "What moves?", "Which shape is moving?"), _moving(clip), _mover(clip)),
        Turn(
            asked(dice, "In which direction does it move?", "Which way does it move?", "Where does it move?"),
            f"It moves {clip.motion}." if clip.motion in DIRECTIONS else "It does not move.",
            acts,
        ),
        Turn(asked(dice, "What do you see?", "What do you see in this video?", "What is in the video?"), seen),
        Turn(asked(dice, "Describe the video.", "Please describe this video.", "Describe this clip."), seen),
        Turn(asked(dice, "What happens in the video?", "What happens?", "What is happening?"), _happens(clip), acts),
    ]
    for name in clip.shapes:
        kind = name.split()[-1]
        does = clip.motion if kind == clip.actor else "still"
        yes, no = ("Yes", "") if does in DIRECTIONS else ("No", "not ")
        moves = (("motion", MOTIONS.index(does)),)
        turn = Turn(f"Is the {kind} moving?", f"{yes}, the {kind} is {no}moving.", moves, kind)
        turns.append(turn)
    if clip.becomes is not None:
        turns.append(Turn("What changes color?", f"T{changes}"))
    if dice.random() < (0.5 if clip.becomes is not None else 0.25):
        answer = "No, nothing changes its color." if clip.becomes is None else f"Yes, t{changes}"
        turns.append(Turn("Does anything change color?", answer))
    return [turns[index] for index in dice.permutation(len(turns))]


def names_question(clip: Clip, sentence: str) -> Turn:
    """Whether the soundtrack's `sentence` has the word for the shape that moves; there must be one that does."""
    assert clip.motion in DIRECTIONS
    finds = (("kind", 1 + SHAPES.index(clip.actor)), *_in_sound(clip.actor, sentence))
    return Turn("Does the voice name the moving shape?", _names(clip.actor, sentence), finds, "moving shape")


def names_questions(clip: Clip, sentence: str, dice: np.random.Generator) -> list[Turn]:
    """The same, if a shape moves, and whether it has the words for shapes that it does or does not name."""
    named = [kind for kind in SHAPES if _named(kind, sentence)]
    asking = [*named, pick(dice, [kind for kind in SHAPES if kind not in named])]
    turns = [
        Turn(f"Does the voice name the {kind}?", _names(kind, sentence), _in_sound(kind, sentence), kind)
        for kind in asking
    ]
    return [*turns, names_question(clip, sentence)] if clip.motion in DIRECTIONS else turns


def _names(kind: str, sentence: str) -> str:
    return f"{'Yes, the voice names' if _named(kind, sentence) else 'No, the voice does not name'} the {kind}."


def _in_sound(kind: str, sentence: str) -> tuple[tuple[str, int], ...]:
    return (("found", HEARD if _named(kind, sentence) else NOWHERE),)


def _mover(clip: Clip) -> tuple[tuple[str, int], ...]:
    moves = clip.motion in DIRECTIONS
    kind, color = 1 + SHAPES.index(clip.actor), 1 + tuple(COLORS).index(clip.color)
    return (("kind", kind if moves else 0), ("color", color if moves else 0))


def _named(kind: str, sentence: str) -> bool:
    return re.search(rf"\b{kind}\b", sentence, re.IGNORECASE) is not None


def _moving(clip: Clip) -> str:
    return f"The {clip.shapes[0]} is moving." if clip.motion in DIRECTIONS else "Nothing is moving."


def _happens(clip: Clip) -> str:
    if clip.motion in DIRECTIONS:
        return f"The {clip.shapes[0]} moves {clip.motion}."
    if clip.becomes is None:
        return "Nothing moves."
    return f"The {clip.actor} changes its color from {clip.color} to {clip.becomes}."


def _described(clip: Clip) -> str:
    acting = f"{with_article(clip.shapes[0])} that does not move"
    if clip.motion in DIRECTIONS:
        acting = f"{with_article(clip.shapes[0])} moving {clip.motion}"
    elif clip.becomes is not None:
        acting = f"{with_article(clip.actor)} that changes from {clip.color} to {clip.becomes}"
    return " and ".join([acting, *(with_article(name) for name in clip.shapes[1:])])
