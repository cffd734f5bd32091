"""Characters that are pictures, ornaments or other shapes of digits, as what a voice can say. Knows no language."""

from __future__ import annotations

import re
import unicodedata

_DROPPED = frozenset({"So", "Sk", "Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_KEPT = frozenset("°℃℉№\u200c\u200d^`\n\t")
_VARIANTS = frozenset("\ufe0e\ufe0f\u20e3")
_SHAPES = {
    "㎡": "m²",
    "㎥": "m³",
    "㎞": "km",
    "㎏": "kg",
    "㎝": "cm",
    "㎜": "mm",
    "㎖": "ml",
    "⇒": "→",
    "⟶": "→",
    "∙": "×",
    "⋅": "×",
}
_ASCII = (
    frozenset("$%&*+/<=>@~")
    | frozenset("0123456789")
    | frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
# Raised digits after an m are of an area or a volume.
_EXPONENT = re.compile(r"(?<=[A-Za-z0-9)])(?<![0-9cdkm ]m)(?<!\bm)[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]{1,15}+")


def plain_characters(text: str) -> str:
    """Emoji and control characters become spaces, full-width and circled digits plain ones, raised ones exponents."""
    if text.isascii() and text.isprintable():
        return text
    text = _EXPONENT.sub(lambda match: f"^{match[0].translate(_RAISED)}", text)
    return text.translate({ord(char): _plain(char) for char in set(text)})


def _plain(char: str) -> str:
    if char in _VARIANTS:
        return ""
    if char in _KEPT or char in _SHAPES:
        return _SHAPES.get(char, char)
    shape = unicodedata.decomposition(char).partition(" ")[0]
    if shape == "<fraction>":
        return f" {unicodedata.normalize('NFKC', char)} "
    if shape == "<circle>" and unicodedata.category(char) == "No":
        return f" {int(unicodedata.numeric(char))} "
    if shape == "<wide>" and (ascii_char := unicodedata.normalize("NFKC", char)) in _ASCII:
        return ascii_char
    return " " if unicodedata.category(char) in _DROPPED else char
