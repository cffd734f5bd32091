"""Cut streamed text into speakable units while it is being written.

Lines come first (`tts.blocks`), stops inside them second (`tts.stops`), a length limit last. Knows nothing of voices:
it neither cleans the text nor merges short sentences.
"""

from __future__ import annotations

import re

from tts.blocks import Fence, Kind, Line, classify, continues
from tts.limit import limit_cut
from tts.stops import STOP, Stops, ends_line

LIMIT = 280
"""Characters after which a unit without a stop is cut at a clause or a space."""

_PORTION = 4096
_IN_NUMBER = re.compile(r"\d[.．]\Z")
_NEW_SENTENCE = "The "
"""Stands for a sentence that has not begun: any capitalised word would do."""


class SentenceSplitter:
    """Text in, finished units out; the same units for every chunking of the text.

    Units are stripped and never empty; joined, they are the input without the white space at the cuts. A unit leaves as
    soon as one word after its stop has been seen, or the newline that ends it. Each heading, table row, rule and fenced
    block is one unit, each list item at least one. Only fenced blocks may exceed `LIMIT`. Time is linear in the text.
    """

    def __init__(self, lang: str | None = None) -> None:
        """`lang` is a BCP-47 tag; None decides by the script around each stop."""
        self._stops = Stops(lang)
        self._restart()

    def _restart(self) -> None:
        self._text = ""  # from the first character of the unit that is not finished
        self._at = 0  # it is not cut before here
        self._first: Line | None = None  # the line the unit began in, once it has more than one
        self._line: Line | None = None  # the line that holds `_at`; None at the beginning of one that has no name yet
        self._fence: Fence | None = None
        self._code: list[str] = []  # of the fenced block; the text of long ones is copied once

    def feed(self, text: str) -> list[str]:
        """Take the next piece of text, of any size, and return the units that it finished."""
        units: list[str] = []
        for at in range(0, len(text), _PORTION):  # each cut copies what is left, which must stay small
            rest = text[at : at + _PORTION]
            while rest:
                rest = self._feed_lines(rest, units) if self._fence is None else self._feed_fence(rest, units)
        return [unit for unit in units if unit]

    def flush(self) -> list[str]:
        """End the text and return what is left. The splitter is then as new."""
        units: list[str] = []
        if self._fence is None:
            self._cut(units, final=True)
        units.append("".join([*self._code, self._text]).strip())
        self._restart()
        return [unit for unit in units if unit]

    @property
    def pending(self) -> str:
        """The text of the unit that is not finished; empty where it must not be cut: a heading, a table row, code."""
        return self._text if self._fence is None and self._line is not None and not self._line.kind.is_atomic else ""

    def take(self, end: int) -> str:
        """Cut the unfinished unit at this offset of `pending` and return what is before it."""
        taken = self.pending[:end]
        self._text, self._at, self._first = self._text[len(taken) :], max(0, self._at - len(taken)), None
        return taken.strip()

    def release(self) -> list[str]:
        """Return the unit whose stop only waits for the word after it, as if a new sentence began there.

        For a text that pauses. The units then depend on where it paused; a digit's full stop is never released.
        """
        stop = STOP.match(self.pending, self._at)
        if stop is None or stop.group() == "\n" or _IN_NUMBER.search(self._text):
            return []
        text = self._text + " "
        judgement = self._stops.judge(text, stop.start()) or self._stops.judge(text + _NEW_SENTENCE, stop.start())
        assert judgement is not None
        return [self.take(judgement.end)] if judgement.cut else []

    def _feed_lines(self, text: str, units: list[str]) -> str:
        """Take text outside fences; return what of it is inside one."""
        self._text += text
        self._cut(units)
        if self._line is None or self._line.kind is not Kind.FENCE:
            return ""
        body = self._line.body
        self._fence, self._code = Fence(self._line.fence), [self._text[:body]]
        inside, self._text = self._text[body:], ""
        return inside

    def _feed_fence(self, text: str, units: list[str]) -> str:
        """Take text inside a fence; return what of it is behind it."""
        assert self._fence is not None
        end = self._fence.feed(text)
        self._code.append(text[:end])
        if end is None:
            return ""
        units.append("".join(self._code).strip())
        self._restart()
        return text[end:]

    def _cut(self, units: list[str], *, final: bool = False) -> None:
        while (cut := self._next_cut(final)) is not None:
            units.append(self._text[:cut].strip())
            self._text, self._at, self._first = self._text[cut:], max(0, self._at - cut), None

    def _next_cut(self, final: bool) -> int | None:
        """Offset of the next cut, or None if the text does not decide it."""
        while self._at < len(self._text):
            at, line = self._at, self._line
            if line is not None and line.kind is Kind.FENCE:
                return None
            cut = self._at_line_start(final) if line is None else self._in_line(line, final)
            if cut is not None or (self._at, self._line) == (at, line):
                return cut
        return None

    def _at_line_start(self, final: bool) -> int | None:
        line = classify(self._text, self._at, final=final)
        if line is None:
            return None
        if self._first is not None and not continues(line, self._first):
            return self._at
        if line.kind is Kind.BLANK:
            newline = self._text.find("\n", self._at)
            return newline + 1 or len(self._text)
        self._line = line
        if line.kind is not Kind.FENCE:
            self._at += line.body
        return None

    def _in_line(self, line: Line, final: bool) -> int | None:
        stop = STOP.search(self._text, self._at, LIMIT)
        if stop is None and len(self._text) >= LIMIT:
            return limit_cut(self._text[:LIMIT])
        if stop is None:
            self._at = len(self._text)
            return None
        if stop.group() == "\n":
            return self._at_newline(line, stop.start())
        if line.kind.is_atomic:
            self._at = stop.end()
            return None
        judgement = self._stops.judge(self._text, stop.start(), final=final)
        if judgement is None:
            self._at = stop.start()
            return None
        self._at = judgement.end
        return judgement.end if judgement.cut else None

    def _at_newline(self, line: Line, newline: int) -> int | None:
        self._line, self._at = None, newline + 1
        if line.kind.is_atomic or ends_line(self._text[:newline]):
            return newline + 1
        self._first = self._first or line
        return None
