"""Sketches: rows that say outright what the rows of an encoded picture, clip or recording would show.

A language model learns from them what can be asked before it has seen or heard anything, for a fraction of the price:
there are no encoders, and of rows that say the same only a few are kept, which stand for the rest (`training.thin`).
Connectors learn to make such rows (`training.connect`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from engine.preprocess import CELL, Size, frame_size, high_size, low_size, view_rows
from training.thin import CONTEXT, GROUPS, RATE, frame_rows
from training.world.cells import KINDS, SHADES, Cells, cells, labels_of
from training.world.pictures import MOST, Picture
from training.world.sentences import VOCABULARY, WORDS
from training.world.sounds import COUNTS, EVENTS
from training.world.words import COLORS, FOUND, MOTIONS, PLACES, SHAPES

MARKS = ("begin", "newline", "sep", "end", "speech begin", "speech newline", "speech end")
WAVES = {0.5: 1.5, 1.0: 0.5, 2.0: 0.5, 4.0: 0.5}
"""Periods over a view of the waves that say where a row is, and how strong each is."""
SIGHTS = len(MARKS) + KINDS + SHADES + 1 + len(PLACES) + 4 * len(WAVES)
"""What a row of a view says: a mark; or kind, color, whether an object's centre is here, in which third, and where."""
HALVES = (1.0, 0.6)
"""A row of a recording is two halves; of what is said in it, the earlier is said louder."""
SOUNDS = len(MARKS) + len(HALVES) * (WORDS + 1) + EVENTS + COUNTS
"""What a row of a recording says: a mark; or each half's words and beginnings of words, the event, and the beeps."""
NOTHING, CENTRE = len(MARKS), len(MARKS) + KINDS + SHADES
"""The fields that say that a cell is empty, and that it is the centre of an object."""
ASIDE = 0.4
"""How clearly a cell says what it shows, if it is not the centre of an object."""
SEED, LENGTH = 7, 0.4
"""Of the directions that stand for the fields in the language model's input."""
INNER, EMPTY = 4, 6
"""Cells that are kept of an object besides its centre, and of a view besides the objects."""

PROBES = {"kind": KINDS, "color": SHADES, "count": 1 + MOST, "motion": len(MOTIONS), "found": FOUND}
"""What a row is asked inside the language model, and how many answers there are.

Rows of an object, once all of a picture or clip has been seen: what stands to the right of the object, how many objects
there are, how it moves. The row before an answer, and that of the words in the question which it is about: what that
is, and where it is found.
"""
UNASKED = -100

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Sketch:
    """Rows: what they say `[rows, SIGHTS or SOUNDS]`, where, and log of how many each stands for.

    Args:
        kind: what the chat template calls it.
        span: how many rows there would be.
        rows: which of the rows that were laid out these are.
        alike: indexes of rows that say nearly the same, and how many of them are enough.
        probes: answers by number `[rows, PROBES]`, or UNASKED.
    """

    kind: str
    codes: Floats
    positions: Numbers
    weights: Floats
    span: int
    rows: Numbers
    alike: tuple[tuple[Numbers, int], ...]
    probes: Numbers

    def thinned(self, dice: np.random.Generator) -> Sketch:
        """Fewer rows that stand for all."""
        kept, weights = np.ones(len(self.codes), bool), self.weights.copy()
        for rows, count in self.alike:
            if len(rows) > count:
                kept[rows] = False
                chosen = dice.choice(rows, count, replace=False)
                kept[chosen] = True
                weights[chosen] += log(len(rows) / count)
        codes, positions, rows, probes = (x[kept] for x in (self.codes, self.positions, self.rows, self.probes))
        return Sketch(self.kind, codes, positions, weights[kept], self.span, rows, (), probes)


class Sketcher(nn.Module):
    """What a row says, as a row of the language model: each field has a direction.

    That of a kind, a color, a place or a spoken word is what the language model reads for it, so that to see or hear it
    is much like reading; all others are drawn once and stay.
    """

    sights: Tensor
    sounds: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        source = torch.Generator().manual_seed(SEED)
        for name, fields in (("sights", SIGHTS), ("sounds", SOUNDS)):
            directions = torch.randn(fields, width, generator=source)
            self.register_buffer(name, LENGTH * directions / directions.norm(dim=1, keepdim=True))

    @torch.no_grad()
    def take_words(self, embedding: Tensor, tokenizer: PreTrainedTokenizerBase) -> None:
        """Of a language model that can read: its input embeddings `[tokens, width]`."""

        def read(text: str) -> Tensor:
            return embedding[tokenizer(text, add_special_tokens=False).input_ids].mean(0)

        for number, name in enumerate((*SHAPES, *"0123456789"), NOTHING + 1):
            self.sights[number] = read(name if name.isdigit() else f" {name}")
        for number, name in enumerate(COLORS, NOTHING + KINDS + 1):
            self.sights[number] = read(f" {name}")
        for number, name in enumerate(PLACES, CENTRE + 1):
            self.sights[number] = read(f" {name}")
        for number, word in enumerate(VOCABULARY, len(MARKS) + 1):
            for half, strength in enumerate(HALVES):
                self.sounds[half * WORDS + number] = strength * read(f" {word}")

    def forward(self, codes: Tensor) -> Tensor:
        """[..., SIGHTS or SOUNDS] -> [..., width]."""
        return codes @ (self.sights if codes.shape[-1] == SIGHTS else self.sounds)


def of_picture(picture: Picture) -> Sketch:
    """Both views, as `VisionProjector.image` lays them out."""
    height, width = picture.mask.shape
    low, high = (
        cells(picture, size[1] // CELL, size[0] // CELL)
        for size in (low_size((width, height)), high_size((width, height)))
    )
    parts = [mark("begin"), view(low), mark("sep"), view(high, successions(picture)), mark("end")]
    return laid_out("image", parts)


def of_clip(scenes: Sequence[Picture], size: Size, motion: str) -> Sketch:
    """The kept frames, as `VisionProjector.video` lays out all of them.

    Args:
        scenes: what the kept frames show, the acting shape first.
        size: of a frame: width, height.
        motion: of MOTIONS, what the acting shape does.
    """
    columns, rows = (side // CELL for side in frame_size(size))
    each = view_rows(frame_size(size)) + 1
    answers = unasked(len(scenes[0].objects) + 1)
    answers[1:], answers[1] = (asked((("motion", MOTIONS.index(does)),)) for does in ("still", motion))
    shown = [view(cells(scene, rows, columns)) for scene in scenes[:-1]]
    shown.append(view(cells(scenes[-1], rows, columns), answers))
    inner = [part for frame in shown for part in (frame, mark("sep"))]
    made = laid_out("video", [mark("begin"), *inner, mark("end")])
    positions, weights, span = frame_rows(len(scenes), each)
    return replace(made, positions=positions, weights=weights, span=span)


def of_recording(words: Numbers, begins: Numbers, events: Numbers, counts: Numbers) -> Sketch:
    """One chunk, as `SpeechProjector.recording` lays it out. For each 20 ms:

    Args:
        words: number of the word (`training.world.sentences`).
        begins: whether a word begins here.
        events: what sounds (`training.world.sounds`).
        counts: how many beeps have begun.
    """
    rows, heard = CONTEXT // RATE, -(-len(words) // RATE)
    words, begins, events, counts = (
        np.pad(line, (0, heard * RATE - len(line)), mode).reshape(heard, RATE)  # type: ignore[call-overload]
        for line, mode in ((words, "constant"), (begins, "constant"), (events, "constant"), (counts, "edge"))
    )
    half = RATE // len(HALVES)
    each = (np.arange(RATE) // half) * WORDS + words
    said = np.zeros((heard, len(HALVES) * WORDS), np.float32)
    np.add.at(said, (np.arange(heard)[:, None], each), 1 / half)
    codes = np.zeros((rows, SOUNDS), np.float32)
    codes[:heard] = np.concatenate(
        [
            np.zeros((heard, len(MARKS))),
            said,
            begins.reshape(heard, len(HALVES), half).any(2),
            np.eye(EVENTS)[events].mean(1),
            np.eye(COUNTS)[counts[:, -1]],
        ],
        axis=1,
    )
    codes[heard:] = silent(int(counts[-1, -1]))
    ends = [marked(name, SOUNDS) for name in ("speech begin", "speech newline", "speech end")]
    codes = np.concatenate([ends[0], codes, ends[1], ends[2]])
    silence = 1 + np.arange(heard, rows)
    return sketch("audio", codes, ((silence, GROUPS),), unasked(len(codes)))


def silent(count: int) -> Floats:
    """What a row says in which nothing sounds, after so many beeps."""
    codes = np.zeros(SOUNDS, np.float32)
    codes[[len(MARKS), len(MARKS) + WORDS, -COUNTS - EVENTS, count - COUNTS]] = 1
    return codes


Part = tuple[Floats, tuple[tuple[Numbers, int], ...], Numbers]
"""Consecutive rows, which of them are alike, and what they are asked."""


def laid_out(kind: str, parts: Sequence[Part]) -> Sketch:
    starts = np.cumsum([0, *(len(codes) for codes, _, _ in parts)])
    alike = tuple(
        (rows + start, count) for start, (_, groups, _) in zip(starts, parts, strict=False) for rows, count in groups
    )
    codes, probes = (np.concatenate([part[column] for part in parts]) for column in (0, 2))
    return sketch(kind, codes, alike, probes)


def sketch(kind: str, codes: Floats, alike: tuple[tuple[Numbers, int], ...], probes: Numbers) -> Sketch:
    """All rows one behind the other."""
    every = np.arange(len(codes))
    return Sketch(kind, codes, every, np.zeros(len(codes), np.float32), len(codes), every, alike, probes)


def marked(name: str, fields: int) -> Floats:
    codes = np.zeros((1, fields), np.float32)
    codes[0, MARKS.index(name)] = 1
    return codes


def mark(name: str) -> Part:
    return marked(name, SIGHTS), (), unasked(1)


def asked(finds: Sequence[tuple[str, int]]) -> npt.NDArray[np.int64]:
    """One row's answers, UNASKED for all others: [PROBES]."""
    return np.array([dict(finds).get(name, UNASKED) for name in PROBES])


def unasked(rows: int) -> npt.NDArray[np.int64]:
    return np.full((rows, len(PROBES)), UNASKED)


def successions(picture: Picture) -> Numbers:
    """For nothing and each object of a picture, from left to right, what its rows are asked: [1 + objects, PROBES]."""
    following = [*(labels_of(thing) for thing in picture.objects[1:]), (0, 0)]
    count = ("count", len(picture.objects))
    objects = [asked((("kind", kind), ("color", color), count)) for kind, color in following]
    return np.concatenate([unasked(1), np.stack(objects)])


def view(truth: Cells, answers: Numbers | None = None) -> Part:
    """The cells of a view, with a newline after each row of them.

    `answers`: to what the rows of nothing and of each object are asked, if they are: [1 + objects, PROBES].
    """
    rows, columns = truth.kind.shape
    newlines = np.broadcast_to(marked("newline", SIGHTS), (rows, 1, SIGHTS))
    codes = np.concatenate([said(truth).reshape(rows, columns, -1), newlines], axis=1).reshape(-1, SIGHTS)
    index = np.pad(np.where(truth.centre == 1, -1, truth.index), ((0, 0), (0, 1)), constant_values=-2).ravel()
    groups = [(np.flatnonzero(index == i), INNER if i else EMPTY) for i in range(int(truth.index.max()) + 1)]
    known = unasked(1 + int(truth.index.max())) if answers is None else answers
    probes = np.pad(known[truth.index], ((0, 0), (0, 1), (0, 0)), constant_values=UNASKED).reshape(-1, len(PROBES))
    return codes, (*groups, (np.flatnonzero(index == -2), 1)), probes


def said(truth: Cells) -> Floats:
    """What every cell of a view says: [rows * columns, SIGHTS]."""
    rows, columns = truth.kind.shape
    down, across = np.divmod(np.arange(rows * columns), columns)
    kind, color, third = (labels.ravel().astype(int) for labels in (truth.kind, truth.color, truth.third))
    place = np.stack([(down + 0.5) / rows, (across + 0.5) / columns], 1)
    angles = 2 * np.pi * place[:, :, None] * list(WAVES)
    waves = np.stack([np.sin(angles), np.cos(angles)], -1) * np.array(list(WAVES.values()))[:, None]
    clear = np.where(truth.centre.ravel() == 1, 1.0, ASIDE)[:, None]
    parts = [
        np.zeros((len(kind), len(MARKS))),
        clear * np.eye(KINDS)[kind],
        clear * np.eye(SHADES)[color],
        truth.centre.reshape(-1, 1),
        np.eye(1 + len(PLACES))[third][:, 1:],
        clear * waves.reshape(len(place), -1),
    ]
    return np.concatenate(parts, axis=1).astype(np.float32)
