"""From a conversation with attachments to rows of the language model's input, thinned as `training.thin` says.

Text goes through the same chat template that serving uses; a row's label is the token that should follow it, and only
the assistant's answers have labels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from transformers import PreTrainedTokenizerBase
from transformers.utils.chat_template_utils import _compile_jinja_template

from engine.preprocess import frame_size, image_rows, image_views, video_frame, view_rows
from training.sketch import PROBES, UNASKED, Sketch, asked, unasked
from training.thin import CONTEXT, GROUPS, RATE, Tail, chunk, frame_rows
from training.world.words import Turn

Numbers = npt.NDArray[np.integer]

TEMPLATE = (Path(__file__).parents[1] / "engine" / "chat_template.jinja").read_text(encoding="utf-8")
SYSTEM = "You are a helpful assistant."
FEATURE, UNLABELLED = -1, -100
ANSWER = re.compile(r"(?<=<\|im_start\|>assistant\n).*?<\|im_end\|>", re.S)
SLOT = re.compile(r"<\|(?:image_pad|video_pad|mm_pad)\|>")

LONGER = 1.3
"""How much longer the longest of a batch may be than its shortest."""

Samples = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture: uint8 RGB `[height, width, 3]`, and which of its rows are kept, None for all."""

    pixels: Pixels
    kept: Sketch | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """A video: uint8 RGB `[n, height, width, 3]`, as many frames as are kept of its 64, its length, and as above."""

    frames: Pixels
    seconds: float
    kept: Sketch | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording of at most 30 s: float32 `[samples]` at 16 kHz."""

    samples: Samples


Attachment = Seen | Watched | Heard | Sketch
KINDS: dict[type, str] = {Seen: "image", Watched: "video", Heard: "audio"}
"""What the chat template calls an attachment; a sketch knows it itself."""


@dataclass(frozen=True, slots=True)
class Example:
    """A conversation; its attachments belong to the first question, which may be empty.

    Args:
        text_first: whether the first question's text stands before its attachments.
        apart: whether the turns know nothing of each other: each is the first one, after the same attachments. What
            one answer says could be copied from another otherwise, instead of being looked for.
    """

    turns: tuple[Turn, ...]
    attachments: tuple[Attachment, ...] = ()
    system: str = SYSTEM
    text_first: bool = False
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples side by side, padded at the end: `[examples, rows]` each."""

    ids: Tensor
    """Token ids; FEATURE where an attachment's rows go, in their order."""
    positions: Tensor
    weights: Tensor
    """Log of how many rows each one stands for; -inf for padding."""
    labels: Tensor
    parts: Tensor
    """0 for what all rows behind it see; rows of other parts are seen by their own part alone."""
    kinds: list[str]
    """Names of the attachments' types, example after example."""
    kept: list[Tensor | None]
    """Which of an attachment's rows are kept, where not all of those that it gives."""
    pictures: list[tuple[Tensor, Tensor]]
    videos: list[Tensor]
    sketches: list[Tensor]
    probes: Tensor
    """What rows are asked halfway (`training.sketch.PROBES`): [examples, rows, PROBES]."""
    waves: Tensor
    tail: Tail | None


@dataclass(frozen=True, slots=True)
class Strip:
    """Consecutive rows: positions within the strip, weights, how many positions it spans, and what rows are asked."""

    positions: Numbers
    weights: npt.NDArray[np.float32]
    span: int
    probes: Numbers


@dataclass(frozen=True, slots=True)
class Line:
    """The rows of one example, or of a part of one; see `Batch`. A label stands at its own token here."""

    ids: Numbers
    positions: Numbers
    weights: npt.NDArray[np.float32]
    labels: Numbers
    probes: Numbers
    parts: Numbers

    def __len__(self) -> int:
        return len(self.ids)


def conversation(example: Example) -> str:
    """As it is served, every answer included."""
    parts = [{"type": a.kind if isinstance(a, Sketch) else KINDS[type(a)]} for a in example.attachments]
    messages: list[dict[str, object]] = [{"role": "system", "content": example.system}]
    for place, turn in enumerate(example.turns):
        text = [{"type": "text", "text": turn.question}] if turn.question else []
        attached = parts if place == 0 else []
        content = text + attached if example.text_first else attached + text
        messages += [{"role": "user", "content": content}, {"role": "assistant", "content": turn.answer}]
    # The engine that serving uses for it; compiled once.
    served: str = _compile_jinja_template(TEMPLATE).render(messages=messages)
    return served


class Rows:
    """Makes batches of examples."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}

    def batches(self, examples: Sequence[Example], dice: np.random.Generator, *, thin: bool = True) -> list[Batch]:
        """Examples of about equal length go together, so that little is padding."""
        heard = [len(a.samples) for example in examples for a in example.attachments if isinstance(a, Heard)]
        tail = Tail.drawn(max(heard), dice) if heard and thin else None
        lines = sorted(((example, self._line(example, tail)) for example in examples), key=lambda both: len(both[1]))
        groups: list[list[tuple[Example, Line]]] = []
        for both in lines:
            if not groups or len(both[1]) > LONGER * len(groups[-1][0][1]):
                groups.append([])
            groups[-1].append(both)
        return [self._batch(group, tail) for group in groups]

    def _batch(self, group: Sequence[tuple[Example, Line]], tail: Tail | None) -> Batch:
        attached, lines = [a for example, _ in group for a in example.attachments], [line for _, line in group]
        waves = [chunk(a.samples) for a in attached if isinstance(a, Heard)]
        shape = len(lines), max(map(len, lines))
        ids, positions, parts = (torch.zeros(shape, dtype=torch.long) for _ in range(3))
        labels, weights = torch.full(shape, UNLABELLED), torch.full(shape, float("-inf"))
        probes = torch.full((*shape, len(PROBES)), UNASKED)
        for row, line in enumerate(lines):
            ids[row, : len(line)] = torch.from_numpy(line.ids)
            positions[row, : len(line)] = torch.from_numpy(line.positions)
            parts[row, : len(line)] = torch.from_numpy(line.parts)
            weights[row, : len(line)] = torch.from_numpy(line.weights)
            labels[row, : len(line) - 1] = torch.from_numpy(line.labels[1:])
            probes[row, : len(line)] = torch.from_numpy(line.probes)
        return Batch(
            ids,
            positions,
            weights,
            labels,
            parts,
            [type(a).__name__ for a in attached],
            [kept_rows(a) for a in attached],
            [views(a.pixels) for a in attached if isinstance(a, Seen)],
            [frames(a.frames) for a in attached if isinstance(a, Watched)],
            [torch.from_numpy(a.codes) for a in attached if isinstance(a, Sketch)],
            probes,
            torch.stack(waves) if waves else torch.zeros(0),
            tail,
        )

    def _line(self, example: Example, tail: Tail | None) -> Line:
        if not example.apart:
            return self._whole(example, tail)
        lines = [self._whole(replace(example, turns=(turn,), text_first=False), tail) for turn in example.turns]
        # What every turn begins with: all up to the rows of the last attachment.
        shared = int(np.flatnonzero(lines[0].ids == FEATURE)[-1]) + 1
        starts = (0, *(shared for _ in lines[1:]))
        columns = zip(*((x.ids, x.positions, x.weights, x.labels, x.probes) for x in lines), strict=True)
        ids, positions, weights, labels, probes = (
            np.concatenate([x[start:] for x, start in zip(xs, starts, strict=True)]) for xs in columns
        )
        parts = [np.full(len(line) - shared, number) for number, line in enumerate(lines, 1)]
        return Line(ids, positions, weights, labels, probes, np.concatenate([np.zeros(shared, np.int64), *parts]))

    def _whole(self, example: Example, tail: Tail | None) -> Line:
        text, attachments = conversation(example), iter(example.attachments)
        ids: list[int] = []
        labels: list[int] = []
        strips: list[Strip] = []
        end = 0
        for turn, answer in zip(example.turns, ANSWER.finditer(text), strict=True):
            for number, piece in enumerate(SLOT.split(text[end : answer.start()])):
                if number:
                    strip = rows_of(next(attachments), tail)
                    ids += [FEATURE] * len(strip.positions)
                    strips.append(strip)
                tokens = self._tokens(piece)
                ids += tokens
                strips.append(plain(len(tokens)))
            strips[-1].probes[[-1, self._known_at(turn.about, tokens)]] = asked(turn.finds)
            labels += [UNLABELLED] * (len(ids) - len(labels))
            said = self._tokens(answer.group())
            ids += said
            labels += said
            strips.append(plain(len(said)))
            end = answer.end()
        starts = np.cumsum([0, *(strip.span for strip in strips)])
        places = np.concatenate([strip.positions + start for strip, start in zip(strips, starts, strict=False)])
        weights = np.concatenate([strip.weights for strip in strips])
        probes = np.concatenate([strip.probes for strip in strips])
        return Line(np.array(ids), places, weights, np.array(labels), probes, np.zeros(len(ids), np.int64))

    def _known_at(self, about: str, tokens: list[int]) -> int:
        """Of the last token of these words in the question, or else of the row before the answer."""
        words = self._tokens(f" {about}") if about else []
        places = [end for end in range(len(words), len(tokens)) if words and tokens[end - len(words) : end] == words]
        return places[-1] - 1 if places else -1

    def _tokens(self, text: str) -> list[int]:
        if text not in self._known:
            if len(self._known) > 50_000:
                self._known.clear()
            self._known[text] = self._tokenizer(text, add_special_tokens=False).input_ids
        return self._known[text]


def plain(count: int) -> Strip:
    return Strip(np.arange(count), np.zeros(count, np.float32), count, unasked(count))


def rows_of(attachment: Attachment, tail: Tail | None) -> Strip:
    match attachment:
        case (Sketch() as sketch) | Seen(_, Sketch() as sketch) | Watched(_, _, Sketch() as sketch):
            return Strip(sketch.positions, sketch.weights, sketch.span, sketch.probes)
        case Seen(pixels):
            return plain(image_rows((pixels.shape[1], pixels.shape[0])))
        case Watched(frames):
            return video_rows(frames)
        case Heard():
            return sound_rows(tail)


def kept_rows(attachment: Attachment) -> Tensor | None:
    match attachment:
        case Seen(_, Sketch() as sketch) | Watched(_, _, Sketch() as sketch):
            return torch.from_numpy(sketch.rows)
        case _:
            return None


def sound_rows(tail: Tail | None) -> Strip:
    """One chunk: begin, the kept rows, newline, end (docs/reference.md, 5)."""
    chunk_rows = CONTEXT // RATE
    if tail is None:
        return plain(chunk_rows + 3)
    heard = tail.frames // RATE
    rows = np.concatenate([np.arange(heard), tail.rows])
    weights = np.zeros(len(rows) + 3, np.float32)
    weights[1 + heard : 1 + len(rows)] = log((chunk_rows - heard) / GROUPS)
    positions = np.concatenate([[0], 1 + rows, [chunk_rows + 1, chunk_rows + 2]])
    return Strip(positions, weights, chunk_rows + 3, unasked(len(positions)))


def video_rows(clip: Pixels) -> Strip:
    """Begin, the kept frames, each with its separator, end (docs/reference.md, 4)."""
    positions, weights, span = frame_rows(len(clip), view_rows(frame_size((clip.shape[2], clip.shape[1]))) + 1)
    return Strip(positions, weights, span, unasked(len(positions)))


def views(picture: Pixels) -> tuple[Tensor, Tensor]:
    low, high = image_views(Image.fromarray(picture))
    return torch.tensor(low), torch.tensor(high)


def frames(clip: Pixels) -> Tensor:
    target = frame_size((clip.shape[2], clip.shape[1]))
    return torch.from_numpy(np.stack([video_frame(Image.fromarray(frame), target) for frame in clip]))
