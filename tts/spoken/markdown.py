"""Take the marks of markdown and HTML off one unit of text. Knows no language.

Every repetition is bounded or possessive, so that hostile text costs linear time.
"""

from __future__ import annotations

import html
import re

from tts.spoken.characters import plain_characters

_FENCED = re.compile(r"\s*+(?:`{3}|~{3})")
_TABLE_ROW = re.compile(r"\s*+\|")
_CELL_EDGE = re.compile(r"(?<!\\)\|")
_TAGS = (
    "a|abbr|b|big|blockquote|br|center|code|dd|del|details|div|dl|dt|em|font|h[1-6]|hr|i|img|ins|kbd|li|mark|ol|p|pre|s"
    "|samp|small|span|strike|strong|sub|summary|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|var"
)
_MARKS = (
    # A quotation, heading or bullet, with the box of a task; then a rule, and the target of a link by reference.
    (
        re.compile(
            r"^[ \t]*+(?:(?:#{1,6}[ \t]++|>[ \t]?|[-*+•‣◦](?:[ \t]++|$)(?:\[[ xX]\](?:[ \t]++|$))?)[ \t]*+)+", re.M
        ),
        "",
    ),
    (re.compile(r"^[ \t]*+([-*_=])\1{2,}+[ \t]*+$", re.M), ""),
    (re.compile(r"^[ \t]{0,3}\[[^\[\]\n]{1,100}\]:[ \t]++\S++[^\n]*+$", re.M), ""),
    (re.compile(r"<!--[^<>]{0,2000}+>"), " "),
    (re.compile(rf"</?(?:{_TAGS})(?:\s[^<>=]{{0,100}}=[^<>]{{0,1000}}|\s{{0,9}}/?)>", re.I), " "),
    (re.compile(r"<((?:https?://|mailto:)?[^<>\s]{1,2000}+)>"), r" \1 "),
    (re.compile(r"\[\^[^\[\]\n]{1,50}\]:?"), ""),  # footnote
)
_TARGET = r"\((?:[^()\s]|\([^()\s]{0,200}\)){0,2000}+(?:[ \t]{1,9}(?:\"[^\"\n]{0,300}\"|'[^'\n]{0,300}'))?[ \t]{0,9}\)"
_IMAGE = re.compile(rf"!\[([^\[\]\n]{{0,500}})\]{_TARGET}")
_LINK = re.compile(rf"\[([^\[\]\n]{{0,500}})\](?:{_TARGET}|\[[^\[\]\n]{{0,100}}\])")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_TIMES = re.compile(r"(?<=[0-9])\*(?=[0-9])|(?<=[\w)] )\*(?= [\w(])")
_EMPHASIS = re.compile(r"\*++|~~++|`++|(?<!\w)_++|_++(?!\w)")


def is_code(unit: str) -> bool:
    """Whether the unit is a fenced block."""
    return _FENCED.match(unit) is not None


def without_markup(unit: str) -> str:
    """The text of a unit that is no fenced block: links by their text, table cells parted by commas."""
    for pattern, shown in _MARKS:
        unit = pattern.sub(shown, unit)
    unit = _LINK.sub(r"\1", _IMAGE.sub(r"\1", unit))
    if _TABLE_ROW.match(unit):
        unit = _row(unit)
    unit = _TIMES.sub(" × ", plain_characters(html.unescape(_ESCAPED.sub(r"\1", unit))))
    return _EMPHASIS.sub("", unit)


def _row(unit: str) -> str:
    cells = (cell.strip() for cell in _CELL_EDGE.split(unit))
    return ", ".join(cell for cell in cells if cell.strip("-:= "))
