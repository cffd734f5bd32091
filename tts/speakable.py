"""What a voice should say for what is shown: the words of a unit without its markup.

A first, short version: it takes marks away and announces code, it spells nothing out. The shown text is never changed.
"""

from __future__ import annotations

import re

from tts.scripts import base

_CODE = {
    "en": "Code example.",
    "zh": "代码示例。",
    "de": "Codebeispiel.",
    "fr": "Exemple de code.",
    "ru": "Пример кода.",
}
_FENCED = re.compile(r"\s*(?:`{3}|~{3})")
_TABLE_ROW = re.compile(r"\s*\|")
_SPOKEN = (
    (re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+•‣◦][ \t]+)+", re.M), ""),  # heading, quotation, bullet
    (re.compile(r"^[ \t]*([-*_=])\1{2,}[ \t]*$", re.M), ""),  # rule
    (re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*(?:\s+\"[^\"]*\")?\)"), r"\1"),  # link or image by its text
    (re.compile(r"</?[a-zA-Z][^<>]*>"), " "),  # HTML tag
    (re.compile(r"\*+|~~+|`+|(?<!\w)_+|_+(?!\w)"), ""),  # emphasis and inline code; snake_case stays
    (re.compile("[\U0001f000-\U0001fbff\u2600-\u27bf\u2b00-\u2bff\ufe0e\ufe0f\u200d\u20e3]+"), " "),  # emoji
    (re.compile(r"\s+"), " "),
)


def speakable(unit: str, lang: str | None = None) -> str:
    """The words to say for one unit of `SentenceSplitter`; empty if it holds none.

    `lang` is the language in which code is announced, English if unknown.
    """
    if _FENCED.match(unit):
        return _CODE.get(base(lang or "en"), _CODE["en"])
    if _TABLE_ROW.match(unit):
        unit = ", ".join(cell.strip() for cell in unit.strip().strip("|").split("|"))
    for pattern, said in _SPOKEN:
        unit = pattern.sub(said, unit)
    return unit.strip() if any(char.isalnum() for char in unit) else ""
