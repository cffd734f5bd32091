"""Where to cut a text that goes on without a stop."""

from __future__ import annotations

import re
import unicodedata

_CLAUSE = re.compile(r"[,;:，；：、،؛—–](?:\s|(?=[\u2e80-\u9fff\uac00-\ud7a3]))")
_JOINER = "\u200d"
_SELECTOR = "\ufe0f"


def clause_ends(text: str, start: int = 0) -> list[int]:
    """Offsets behind the marks that end a clause, from `start` on."""
    return [match.end() for match in _CLAUSE.finditer(text, start)]


def limit_cut(text: str) -> int:
    """Offset of the best cut in the second half of `text`: after a clause, else after a word, else anywhere."""
    half = len(text) // 2
    if clauses := clause_ends(text, half):
        return clauses[-1]
    space = max(text.rfind(" ", half), text.rfind("\n", half))
    if space > 0:
        return space + 1
    cut = len(text) - 1
    while cut > half and _joins(text[cut - 1], text[cut]):
        cut -= 1
    return cut


def _joins(left: str, right: str) -> bool:
    """Whether a cut would part a letter from its accent, or an emoji that is made of several."""
    return unicodedata.combining(right) != 0 or right in (_JOINER, _SELECTOR) or left == _JOINER
