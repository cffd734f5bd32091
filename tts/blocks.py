"""What a line of streamed markdown is: heading, list item, table row, rule, fence, quote or prose.

Knows lines only, no sentences. A line is named as soon as no continuation of it could be named otherwise, so the
answer never depends on how the text was cut into pieces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a line is, by its beginning."""

    PROSE = "prose"
    BLANK = "blank"
    HEADING = "heading"
    ITEM = "item"
    TABLE = "table"
    RULE = "rule"
    QUOTE = "quote"
    FENCE = "fence"

    @property
    def is_block(self) -> bool:
        """A newline before or after it is a cut, whatever the line ends with."""
        return self not in (Kind.PROSE, Kind.QUOTE)

    @property
    def is_atomic(self) -> bool:
        """Never cut inside: a stop in a heading or a table cell ends no unit."""
        return self in (Kind.HEADING, Kind.TABLE, Kind.RULE)


@dataclass(frozen=True, slots=True)
class Line:
    """A named line."""

    kind: Kind
    indent: int
    """Characters of white space before it."""
    body: int
    """Characters of indent and marker; nothing is cut inside them."""
    fence: str = ""
    """The run of backticks or tildes that opens a fenced block."""


# Repetitions are bounded so that a line of nothing but spaces or dashes costs no more than any other.
_INDENT = r"(?P<indent>[ \t]{0,64})"
_BLANK = re.compile(r"[ \t\r]{0,64}\n")
_MARKERS = (
    (Kind.FENCE, re.compile(_INDENT + r"(?P<fence>`{3,200}|~{3,200})(?=[^`~])")),
    (Kind.HEADING, re.compile(_INDENT + r"#{1,6}[ \t]")),
    (Kind.RULE, re.compile(_INDENT + r"([-*_=])\2{2,199}[ \t\r]{0,64}\n")),
    (Kind.ITEM, re.compile(_INDENT + r"(?:[-*+•‣◦][ \t]|\d{1,3}[.)、．](?=[^\d.])|\(\d{1,3}\)|[a-z]\)[ \t])")),
    (Kind.TABLE, re.compile(_INDENT + r"\|")),
    (Kind.QUOTE, re.compile(_INDENT + r">")),
)
_UNDECIDED = re.compile(
    _INDENT
    + r"\r?(?:`{0,200}|~{0,200}|#{0,6}|[-*+•‣◦]|\d{1,3}[.)、．]?|\(\d{0,3}|[a-z]\)?|([-*_=])\2{0,199}[ \t\r]{0,64})"
)
_WHITE = re.compile(r"[ \t]{0,64}")
_CONTINUATION_INDENT = 2


def classify(text: str, at: int, *, final: bool = False) -> Line | None:
    """Name the line that begins at `text[at]`, or None while what follows could still change its name.

    `final` says that no more text comes.
    """
    if final:
        text, at = text[at:] + "\n", 0
    elif _UNDECIDED.fullmatch(text, at):
        return None
    if _BLANK.match(text, at):
        return Line(Kind.BLANK, 0, 0)
    for kind, pattern in _MARKERS:
        if match := pattern.match(text, at):
            named = match.groupdict()
            return Line(kind, len(named["indent"]), match.end() - at, named.get("fence") or "")
    match = _WHITE.match(text, at)
    indent = match.end() - at if match else 0
    return Line(Kind.PROSE, indent, indent)


def continues(line: Line, before: Line) -> bool:
    """Whether `line` belongs to the unit of the line `before` it when that one ended without a stop."""
    if line.kind is not Kind.PROSE:
        return line.kind is Kind.QUOTE and before.kind is Kind.QUOTE
    if before.kind is Kind.ITEM:
        return line.indent >= before.indent + _CONTINUATION_INDENT
    return before.kind is Kind.PROSE


class Fence:
    """The inside of a fenced block, until the line that closes it. Fed in any pieces."""

    def __init__(self, mark: str) -> None:
        self._closing = re.compile(rf"[ \t]{{0,64}}{re.escape(mark[0])}{{{len(mark)},200}}[ \t\r]{{0,64}}")
        self._could_close = re.compile(rf"[ \t]{{0,64}}{re.escape(mark[0])}{{0,200}}[ \t\r]{{0,64}}")
        self._line = ""
        self._inside_line = True  # the rest of the opening line, the language name, closes nothing

    def feed(self, text: str) -> int | None:
        """Return the offset in `text` after the closing line, or None if the block goes on."""
        at = 0
        while at < len(text):
            newline = text.find("\n", at)
            end = len(text) if newline < 0 else newline
            if not self._inside_line:
                # A line is kept only as long as it may be the closing one: long lines of code cost no copies.
                self._line += text[at:end]
                self._inside_line = not self._could_close.fullmatch(self._line)
            if newline < 0:
                return None
            if not self._inside_line and self._closing.fullmatch(self._line):
                return newline + 1
            self._line, self._inside_line = "", False
            at = newline + 1
        return None
