"""Languages whose ordinals bow to the word beside them: German and Russian."""

from __future__ import annotations

import re
from collections.abc import Mapping

from num2words import num2words

from tts.spoken.patterns import END, START
from tts.spoken.units import RUSSIAN_UNITS, UNITS
from tts.spoken.verbalizer import Say, Verbalizer

_INFLECTED = r"am|vom|zum|beim|im|dem|den|des|einem|einen|jedem|jeden|seinem|ihrem|bis|ab|seit"
_YEAR_CASES = {"год": "n", "года": "g", "году": "p", "годом": "i", "годе": "p", "г": "p", "гг": "p"}
_ENDINGS = {
    "й": ("n", "m"),
    "я": ("n", "f"),
    "е": ("n", "n"),
    "го": ("g", "m"),
    "му": ("d", "m"),
    "м": ("p", "m"),
    "ю": ("a", "f"),
    "х": ("g", "p"),
    "ый": ("n", "m"),
    "ая": ("n", "f"),
    "ое": ("n", "n"),
    "ого": ("g", "m"),
}


class German(Verbalizer):
    """A number, a full stop and a month, or a capital after an article, are an ordinal."""

    def class_rules(self) -> list[tuple[str, Say]]:
        """Ordinals and years: those before 2000 are read by hundreds."""
        day = rf"{START}([0-9]{{1,2}})\. ?(?=(?:{self.months})\b)"
        return [
            (
                rf"\b((?i:{_INFLECTED})) {{1,3}}([0-9]{{1,2}})\. ?({self.months})\b",
                lambda match: f"{match[1]} {_nth(match[2])}n {match[3]}",
            ),
            (day, lambda match: f"{_nth(match[1])}r"),
            (r"\b((?i:der|die|das)) ([0-9]{1,3})\. (?=[A-ZÄÖÜ])", lambda match: f"{match[1]} {_nth(match[2])} "),
            (rf"\b((?i:{_INFLECTED})) ([0-9]{{1,3}})\. (?=[A-ZÄÖÜ])", lambda match: f"{match[1]} {_nth(match[2])}n "),
            (rf"(?<![0-9.,/:-])(1[1-9][0-9]{{2}}){END}(?![.,:/-][0-9])", lambda match: self.year(int(match[1]))),
            (rf"({self.number})(er|fach|mal|malig|jährige?[rnms]?)\b", lambda match: self.said(match[1]) + match[2]),
            (
                rf"{START}([0-9]{{1,2}})[.:]([0-5][0-9]) Uhr\b",
                lambda match: self.time(int(match[1]), int(match[2]), None),
            ),
            (r"(?<=[0-9] )(Mio|Mrd)\.? (?![€$£])", lambda match: f"{self.words.magnitudes[match[1]]} "),
        ]

    def is_counted(self, word: str) -> bool:
        """Nouns are written with a capital."""
        return word[0].isupper()

    def year(self, value: int) -> str:
        """neunzehnhundertvierundachtzig."""
        return str(num2words(value, lang="de", to="year"))


class Russian(Verbalizer):
    """Years and days are ordinals in the case of what follows."""

    units: Mapping[str, str] = UNITS | RUSSIAN_UNITS

    def class_rules(self) -> list[tuple[str, Say]]:
        """Ordinals with their ending, years before год, days before a month."""
        return [
            (
                rf"\b({self.months}) ([12][0-9]{{3}}){END}(?: ?г\.| года\b)?",
                lambda match: f"{match[1]} {_ordinal(match[2], 'g', 'm')} года",
            ),
            (rf"{START}([0-9]{{1,2}}) (?=(?:{self.months})\b)", lambda match: f"{_ordinal(match[1], 'g', 'n')} "),
            (rf"{START}([12][0-9]{{3}}) ?(г\.|(?:{'|'.join(_YEAR_CASES)})\b)", self._year),
            (rf"{START}([0-9]{{1,9}})-({'|'.join(sorted(_ENDINGS, key=len, reverse=True))})\b", self._ordinal),
        ]

    def _year(self, match: re.Match[str]) -> str:
        word = match[2].rstrip(".")
        return f"{_ordinal(match[1], _YEAR_CASES[word], 'm')} {'году' if word == 'г' else word}"

    def _ordinal(self, match: re.Match[str]) -> str:
        return _ordinal(match[1], *_ENDINGS[match[2]])


def _nth(digits: str) -> str:
    return str(num2words(int(digits), lang="de", to="ordinal"))


def _ordinal(digits: str, case: str, gender: str) -> str:
    return str(num2words(int(digits), lang="ru", to="ordinal", case=case, gender=gender))
