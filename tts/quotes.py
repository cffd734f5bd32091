"""Whether a place in a text is inside quotes or brackets."""

from __future__ import annotations

import re

_CLOSE = ")]}）】」』》»”"
_OPEN = "([{（【「『《«“"
_OPENER = dict(zip(_CLOSE, _OPEN, strict=True))
_MARK = re.compile(rf"""[{re.escape(_OPEN + _CLOSE)}„]|(?<!\w)["`]|["`](?!\w)""")
_HELD = 160
"""Characters for which an open bracket or quote keeps its sentences together; it may never be closed."""


def is_open(text: str) -> bool:
    """Whether the end of `text` is inside a bracket or a quote that was opened not long before."""
    opened: list[tuple[str, int]] = []
    for match in _MARK.finditer(text):
        mark = match.group()
        marks = [each for each, _ in opened]
        opener = _OPENER.get(mark, mark)
        if mark == "“" and "„" in marks:  # German and Slavic quotes close with what English ones open with
            opener = "„"
        if opener in marks:
            del opened[marks.index(opener) :]
        elif opener == mark and not text[match.end() : match.end() + 1].isspace():  # `5" wide` opens nothing
            opened.append((mark, match.start()))
    return any(len(text) - at <= _HELD for _, at in opened)
