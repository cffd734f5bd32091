"""Which language each stretch of a text is verbalized in, and by whom. Knows scripts; Latin letters tell nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from babel.core import UnknownLocaleError
from babel.numbers import get_currency_name

from tts.scripts import base, language_of, script_language
from tts.spoken.chinese import Chinese
from tts.spoken.declining import German, Russian
from tts.spoken.english import English
from tts.spoken.japanese import Japanese
from tts.spoken.korean import Korean
from tts.spoken.verbalizer import Verbalizer
from tts.spoken.vocabulary import WORDS

_ALIASES = {"cmn": "zh", "yue": "zh"}
_OWN = {"en": English, "zh": Chinese, "de": German, "ru": Russian, "ja": Japanese, "ko": Korean}
_LATIN = r"A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
_SIGNS = r"\u00b2\u00b3\u00b5\u00b9\u00bc-\u00be\u03bc\u2070-\u218f\u2460-\u24ff"  # raised digits, micro, fractions
_IS_LATIN = re.compile(f"[{_LATIN}]")
# From the first to the last letter of one script, with all that is no letter of another one in between.
_LATIN_STRETCH = re.compile(rf"[{_LATIN}](?:[\W\d_{_LATIN}]*[{_LATIN}])?")
_OTHER_STRETCH = re.compile(rf"[^\W\d_{_LATIN}{_SIGNS}](?:[^{_LATIN}]*[^\W\d_{_LATIN}{_SIGNS}])?")
_ADDRESS = re.compile(
    r"(?:https?://|www\.)[^\s<>()，。]++|(?<![\w.])[\w.+-]{1,64}@[\w.-]++|\$[A-Za-z0-9^_+=\\{} -]{1,99}\$", re.A
)
_NAME = re.compile(r"\b[A-Za-z]{3,}\b")
_WORD = re.compile(r"\b[a-z]{3,}\b")
_QUOTED_WORDS = 2
"""Lower-case words that make Latin letters in a text of another script a quotation; fewer are names."""


@cache
def verbalizer(lang: str) -> Verbalizer | None:
    """The one for a language of `WORDS`; None for others."""
    return _OWN.get(lang, Verbalizer)(lang) if lang in WORDS else None


def main_language(text: str, lang: str | None) -> str:
    """The language of a text: `lang` if its script is there, else that of the most frequent script, else English."""
    text = _ADDRESS.sub(" ", text)
    takes_latin = lang is None or language_of("a", lang) is not None
    others = "" if text.isascii() else _IS_LATIN.sub(" ", text)
    has_others = script_language(others) is not None
    if not takes_latin and (has_others or len(_NAME.findall(text)) < _QUOTED_WORDS):
        text = others  # names and units in Latin letters do not change the language
    if not has_others and (takes_latin or not _IS_LATIN.search(text)):
        return subtag(lang or "en")
    return subtag((language_of(text, lang) if has_others else None) or "en")


def stretches(text: str, main: str, lang: str | None) -> Iterator[tuple[str, str]]:
    """Cut `text` into pieces and the language of each: `main`, except for quotations in another script."""
    latin = language_of("a", main) is not None or main == "en"
    at = 0
    for match in (_OTHER_STRETCH if latin else _LATIN_STRETCH).finditer(text):
        if not latin and len(_WORD.findall(match[0])) < _QUOTED_WORDS:
            continue
        yield text[at : match.start()], main
        yield match[0], main_language(match[0], lang)
        at = match.end()
    yield text[at:], main


def dollars(lang: str) -> str:
    """CLDR's name of the dollar in a language; its code if CLDR has no such language."""
    try:
        return str(get_currency_name("USD", count=5, locale=lang))
    except (UnknownLocaleError, ValueError):
        return "USD"


def subtag(lang: str) -> str:
    """The language of a tag, with Chinese under one name."""
    return _ALIASES.get(base(lang), base(lang))
