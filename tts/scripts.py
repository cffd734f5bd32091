"""Which language a text is probably in, by its script. Knows scripts only: Latin text tells nothing."""

from __future__ import annotations

import re

# The language that stands for a script when nothing else is known, and the others that are written in it.
_SCRIPTS = (
    ("ja", "\u3040-\u30ff\uff66-\uff9f", ()),
    ("ko", "\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f", ()),
    ("zh", "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff", ("cmn", "yue", "ja", "ko")),
    ("ru", "\u0400-\u052f", ("uk", "bg", "kk", "sr", "mk", "be", "ky", "tt", "mn")),
    ("ar", "\u0600-\u06ff\u0750-\u077f", ("fa", "ur", "ps", "sd", "ug")),
    ("hi", "\u0900-\u0963\u0966-\u097f", ("mr", "ne", "sa", "kok")),
    ("bn", "\u0980-\u09ff", ("as",)),
    ("pa", "\u0a00-\u0a7f", ()),
    ("gu", "\u0a80-\u0aff", ()),
    ("ta", "\u0b80-\u0bff", ()),
    ("te", "\u0c00-\u0c7f", ()),
    ("kn", "\u0c80-\u0cff", ()),
    ("ml", "\u0d00-\u0d7f", ()),
    ("th", "\u0e00-\u0e7f", ()),
    ("my", "\u1000-\u109f", ()),
    ("ka", "\u10a0-\u10ff", ()),
    ("am", "\u1200-\u137f", ("ti",)),
    ("hy", "\u0530-\u058f", ()),
    ("he", "\u0590-\u05ff", ("yi",)),
    ("el", "\u0370-\u03ff\u1f00-\u1fff", ()),
)
_SYLLABIC = 3  # the first scripts of the table write a syllable with each letter
_SYLLABLE = 3
"""Latin letters that say as much as one letter of a syllabic script."""
_LANGUAGES = {language: frozenset((language, *others)) for language, _, others in _SCRIPTS}
_NOT_LATIN = frozenset().union(*_LANGUAGES.values())
# One group per script, in the order of _SCRIPTS; the last one is any other letter.
_LETTER = re.compile("|".join(f"([{ranges}])" for _, ranges, _ in _SCRIPTS) + r"|([^\W\d_])")


_SYLLABLES = re.compile(f"[{''.join(ranges for _, ranges, _ in _SCRIPTS[:_SYLLABIC])}]")


def spoken_length(text: str) -> int:
    """How much there is to say, in Latin letters: those of a syllabic script count more."""
    return len(text) + (_SYLLABLE - 1) * len(_SYLLABLES.findall(text))


def base(lang: str) -> str:
    """The language of a BCP-47 tag: `zh` of `zh-Hant-TW`."""
    return lang.replace("_", "-").split("-", 1)[0].lower()


def script_language(text: str) -> str | None:
    """The language that stands for the most frequent script of `text`; None if that is Latin or there is no letter.

    Any kana makes Han Japanese, since Chinese has none.
    """
    counts = [0] * (len(_SCRIPTS) + 1)
    for match in _LETTER.finditer(text):
        script = (match.lastindex or 0) - 1
        counts[script] += _SYLLABLE if script < _SYLLABIC else 1
    best = max(range(len(counts)), key=counts.__getitem__)
    if not counts[best] or best == len(_SCRIPTS):
        return None
    language = _SCRIPTS[best][0]
    return "ja" if language == "zh" and counts[0] else language


def language_of(text: str, lang: str | None) -> str | None:
    """`lang` if `text` can be in it, else the language of its script; None for Latin text of unknown language."""
    script = script_language(text)
    wanted = base(lang) if lang else None
    if script is None:
        return None if wanted in _NOT_LATIN else lang
    return lang if wanted in _LANGUAGES[script] else script
