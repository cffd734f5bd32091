"""English: ordinals, years, decades, dates with the month's name, a.m. and p.m., simple fractions."""

from __future__ import annotations

import re
from collections.abc import Mapping

from num2words import num2words

from tts.spoken.patterns import END, START
from tts.spoken.units import CURRENCY_SIGNS, UNITS
from tts.spoken.verbalizer import Say, Verbalizer

_MONTH_NAMES = "January|February|March|April|May|June|July|August|September|October|November|December"
_MONTHS = _MONTH_NAMES.split("|")
_MONTH = rf"(?P<month>{_MONTH_NAMES}|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\b\.?"
_DAY = r"(?P<day>[0-3]?[0-9])(?:st|nd|rd|th)?" + END
_YEAR = r"(?P<year>1[0-9]{3}|20[0-9]{2})" + END
_BEFORE_YEAR = (
    "in|since|by|from|until|till|before|after|of|year|during|circa|around|early|late|mid"
    "|spring|summer|autumn|fall|winter"
)
_BEFORE_VERSION = (
    "[Vv]ersions?|[Rr]eleases?|Python|Ubuntu|Debian|Java|Node|CUDA|PyTorch|Django|Ruby|PHP|Go|Rust|iOS|macOS|Android"
    "|Linux"
)
_PERIODS = "second|minute|min|hour|hr|day|night|week|month|mo|year|yr|person|user|kg|lb|liter|gallon"
_MEASURED = rf"(?! ?(?:%|{'|'.join(map(re.escape, [*UNITS, *CURRENCY_SIGNS]))})(?![A-Za-z])|[,.:/^x×-][0-9])"
_PLURAL = re.compile(r" (?:(?!(?:is|was|has|as|does|this|its|vs)\b)[a-z]{1,30}s|people|children|men|women)\b")
_COUNTED = re.compile(r"(?i)(?:about|over|nearly|almost|only|than|under|exactly|costs?|total(?:ing)?)\s\Z")
_ENDS = re.compile(r"\s*+(?:\Z|[A-Z])")
_ORDINARY = 20
"""Denominators up to here are said as ordinals."""
_NAMES = {"24/7": "twenty-four seven", "9/11": "nine eleven", "50/50": "fifty fifty", "20/20": "twenty twenty"}


class English(Verbalizer):
    """American English: dates are month first."""

    month_first = True
    units: Mapping[str, str] = UNITS | {
        "tbsp": "volume-tablespoon",
        "tsp": "volume-teaspoon",
        "hr": "duration-hour",
        "hrs": "duration-hour",
        "mins": "duration-minute",
        "sec": "duration-second",
        "secs": "duration-second",
    }

    def class_rules(self) -> list[tuple[str, Say]]:
        """A bare number from 1900 to 2099 is a year unless a plural follows; round hundreds are read as years."""
        return [
            (rf"{START}({'|'.join(_NAMES)})(?![0-9/])", lambda match: _NAMES[match[1]]),
            (
                r"\b(?:(?<=on )|(?<=by )|(?<=until )|(?<=since ))(1[0-2]|[1-9])/([12][0-9]|3[01]|[1-9])(?![0-9/])",
                self._short_date,
            ),
            (rf"(?<=[0-9])/(?=(?:{_PERIODS})\b)", lambda match: " per "),
            (r"(?<=[0-9] [AaPp][Mm])[-–](?=[0-9])|(?<=[0-9][AaPp][Mm])[-–](?=[0-9])", lambda match: " to "),
            (r"(?<![0-9])([0-9])['′]([0-9]{1,2})[\"″]", lambda match: f"{match[1]} foot {match[2]}"),
            (
                rf"{START}([0-9]{{1,4}}\.[0-9]{{1,4}})/([0-9]{{1,4}}){END}",
                lambda match: f"{match[1]} out of {match[2]}",
            ),
            (rf"({self.number})¢", lambda match: f"{self.said(match[1])} cents"),
            (rf"\b{_MONTH} {_DAY}(?:(?:, ?| ){_YEAR})?(?![,.:/%][0-9])", self._named_date),
            (rf"{START}{_DAY} (?:of )?{_MONTH}(?:,? {_YEAR})?(?![,.:/%][0-9])", self._day_first),
            (
                rf"\b{_MONTH},? {_YEAR}(?![,.:/%][0-9])",
                lambda match: f"{_full(match['month'])} {self.year(int(match['year']))}",
            ),
            (rf"{START}([12][0-9]{{2}}0)['’]?s\b", lambda match: _plural(self.year(int(match[1])))),
            (
                r"(?:(?:['’]|(?<=the )|(?<=early )|(?<=late )|(?<=mid )|(?<=mid-))([2-9]0)['’]?s)\b",
                lambda match: _plural(self.cardinal(int(match[1]))),
            ),
            (rf"{START}([0-9]{{1,3}}(?:,[0-9]{{3}}){{1,4}}|[0-9]{{1,15}})(?:st|nd|rd|th)\b", self._ordinal),
            (rf"{START}(1[0-2]|0?[1-9])(?:[:.]([0-5][0-9]))? ?([AaPp])(?:\.? ?[Mm]\.|[Mm]\b)", self._half_day),
            (rf"{START}{_YEAR}[-–—]((?:1[0-9]|20)?[0-9]{{2}})(?![0-9]|[-–—.,/:]?[0-9])", self._years),
            (
                rf"(?i:\b({_BEFORE_YEAR})( |-))(1[0-9][0-9]{{2}}|20[0-9]{{2}}){END}{_MEASURED}",
                lambda match: f"{match[1]} {self.year(int(match[3]))}",
            ),
            (
                rf"(?<![$€£¥#^/:~=+*×-])(?<![=+*×-] ){START}(1[1-9][0-9]{{2}}|20[0-9]{{2}}){END}"
                rf"{_MEASURED}(?! ?[=+*×])",
                self._maybe_year,
            ),
            (
                rf"\b({_BEFORE_VERSION}) ([0-9]{{1,4}}(?:\.[0-9]{{1,6}}){{1,4}}){END}",
                lambda match: f"{match[1]} {self.version(match[2])}",
            ),
            (
                r"(?i:\b(call|dial|room|flight|code|pin|zip|extension)) ([0-9]{3,9}(?:-[0-9]{3,9})?)\b(?![.,-][0-9])",
                lambda match: f"{match[1]} {', '.join(self.digits(group) for group in match[2].split('-'))}",
            ),
            (r"\b(?:[Nn]o|Nos)\. ?(?=[0-9])", lambda match: "number"),
            (
                rf"(?<![$€£¥A-Za-z])({self.number})(k|M|B|bn)\b(?! ?[$€£¥])",
                lambda match: f"{self.said(match[1])} {self.words.magnitudes[match[2]]}",
            ),
        ]

    def year(self, value: int) -> str:
        """`twenty twenty-six`, `nineteen oh-five`, `two thousand and five`."""
        return str(num2words(value, lang="en", to="year"))

    def time(self, hours: int, minutes: int, seconds: int | None) -> str:
        """`ten thirty`, `ten oh five`, `seventeen hundred`, `ten o'clock`."""
        after = f" and {self.cardinal(seconds)} seconds" if seconds else ""
        if not minutes:
            full = self.words.clock[1] if 1 <= hours <= 12 else "{a} hundred"
            return full.format(a=self.cardinal(hours)) + after
        oh = "oh " if minutes < 10 else ""
        return f"{self.cardinal(hours)} {oh}{self.cardinal(minutes)}{after}"

    def fraction(self, above: int, below: int) -> str:
        """`three quarters`, `eight out of ten`; others and those of one and more are `seven over four`."""
        if below in (10, 100) and 1 < above <= below:
            return f"{self.cardinal(above)} out of {self.cardinal(below)}"
        if not 0 < above < below or (below > _ORDINARY and below not in (25, 30, 50, 64, 100, 1000)):
            return super().fraction(above, below)
        one, many = {2: ("half", "halves"), 4: ("quarter", "quarters")}.get(below) or (_nth(below), f"{_nth(below)}s")
        return f"{self.cardinal(above)} {one if above == 1 else many}"

    def mixed(self, whole: int, fraction: str) -> str:
        """`one and a half`."""
        return super().mixed(whole, re.sub(r"\Aone (?=half|quarter)", "a ", fraction))

    def power(self, base: str, exponent: str) -> str:
        """`x squared`."""
        short = {"two": "squared", "three": "cubed"}.get(exponent)
        return f"{base} {short}" if short else super().power(base, exponent)

    def _named_date(self, match: re.Match[str]) -> str:
        year = f", {self.year(int(match['year']))}" if match["year"] else ""
        day = int(match["day"])
        said = _nth(day) if day else self.cardinal(day)
        return f"{_full(match['month'])} {said}{year}"

    def _day_first(self, match: re.Match[str]) -> str:
        the = "" if match.string[max(0, match.start() - 4) : match.start()].lower().endswith("the ") else "the "
        year = f", {self.year(int(match['year']))}" if match["year"] else ""
        return f"{the}{_nth(int(match['day']))} of {_full(match['month'])}{year}"

    def _short_date(self, match: re.Match[str]) -> str:
        return f"{_MONTHS[int(match[1]) - 1]} {_nth(int(match[2]))}"

    def _ordinal(self, match: re.Match[str]) -> str:
        return _nth(int(match[1].replace(",", "")))

    def _half_day(self, match: re.Match[str]) -> str:
        said = self.cardinal(int(match[1]))
        if minutes := int(match[2] or 0):
            said = self.time(int(match[1]), minutes, None)
        ends = "." if match[0].endswith(".") and _ENDS.match(match.string, match.end()) else ""
        return f"{said} {match[3].upper()}M{ends}"

    def _years(self, match: re.Match[str]) -> str:
        first, last = int(match["year"]), int(match[2])
        if first < 1100 or (last >= 1000 and last < first):
            return match[0]
        return f"{self.year(first)} to {self.year(last) if last >= 1000 else self.cardinal(last)}"

    def _maybe_year(self, match: re.Match[str]) -> str:
        value, text = int(match[1]), match.string
        if value < 2000 and not value % 100:
            return self.year(value)
        counted = _PLURAL.match(text, match.end()) or _COUNTED.search(text, max(0, match.start() - 12), match.start())
        return self.cardinal(value) if value < 1900 or counted else self.year(value)


def _nth(value: int) -> str:
    return str(num2words(value, lang="en", to="ordinal")).replace(",", "")


def _full(month: str) -> str:
    return next(name for name in _MONTHS if name.startswith(month[:3]))


def _plural(words: str) -> str:
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}es" if words.endswith("x") else f"{words}s"
