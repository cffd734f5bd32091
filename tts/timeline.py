"""What a listener has heard: samples of an answer back to its words. Knows no voice and no clock but samples."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate

from tts.scripts import spoken_length

_WORD = re.compile("[\u3040-\u30ff\u3400-\u9fff]|[^\\s\u3040-\u30ff\u3400-\u9fff]+")
_DIGIT = 3
"""What a digit adds: it is said as a word of about four letters."""
_MARKS = {",": 2, "，": 2, "、": 2, ";": 3, ":": 3} | dict.fromkeys(".!?…。！？", 4)
"""The pause behind a mark inside a unit, in letters. It is not part of the word before it."""


@dataclass(slots=True)
class Span:
    """One unit and the samples, counted from the beginning of the answer, that say it."""

    text: str
    start: int
    end: int


class Timeline:
    """The units of one answer in the order in which they are handed out."""

    def __init__(self) -> None:
        self._spans: list[Span] = []

    def begin(self, text: str, at: int, expected: int) -> None:
        """A unit begins at this sample; it takes about `expected` samples."""
        self._spans.append(Span(text, at, at + expected))

    def end(self, at: int) -> None:
        """The last unit that began has ended before this sample."""
        self._spans[-1].end = at

    def skip(self, at: int) -> None:
        """The last unit that began broke off before this sample: what follows of it is not said."""
        span = self._spans[-1]
        span.text, span.end = _said(span, at), at

    @property
    def spans(self) -> tuple[Span, ...]:
        """The units so far, in order."""
        return tuple(self._spans)

    def heard(self, at: int) -> str:
        """The text that was said to its end before this sample: whole units, and of the last one whole words."""
        return " ".join(text for span in self._spans if (text := _said(span, at)))


def _said(span: Span, at: int) -> str:
    if at >= span.end:
        return span.text
    words = list(_WORD.finditer(span.text))
    weights = [_weight(word.group()) for word in words]
    total = sum(weights)
    said = ""
    for word, weight, until in zip(words, weights, accumulate(weights), strict=True):
        spoken = until - min(_MARKS.get(word.group()[-1], 0), weight)
        if (at - span.start) * total < spoken * (span.end - span.start):
            break
        said = span.text[: word.end()]
    return said


def _weight(word: str) -> int:
    """How long a word of the shown text takes, in letters; the space behind it counts as one."""
    return spoken_length(word) + _DIGIT * sum(map(str.isdigit, word)) + 1 + _MARKS.get(word[-1], 0)
