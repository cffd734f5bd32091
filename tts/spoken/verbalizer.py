"""Verbalize the semiotic classes of a text in one language: numbers, dates, times, prices, measures, signs.

What is here serves every language that num2words and CLDR know; what English, Chinese and others do otherwise is in
modules of their own. Rules run in order, the most specific first, and each takes its digits away.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from babel.core import Locale
from babel.dates import format_date
from babel.units import format_unit
from num2words import num2words

from tts.spoken import patterns
from tts.spoken.currencies import currency_code, currency_names, of_currency
from tts.spoken.numbers import LONGEST, Numbers
from tts.spoken.patterns import CURRENCY, RANGE_MARK, SIGN_END, SPACE, START
from tts.spoken.units import CURRENCY_CODES, UNITS

Say = Callable[[re.Match[str]], str]

_LONG_WORD = 4
"""Letters of the words for a thousand, which take no `of`."""
_NOT_NUMERIC = re.compile(r"[0-9$€£¥￥₽₹₩₺₴฿₿=+−×÷<>≤≥≠≈±&@%‰∞→°#~^％]")
_SIGN_OF = {"<=": "≤", ">=": "≥", "!=": "≠", "->": "→", "=>": "→", "+-": "±", "+/-": "±", "+/−": "±", "％": "%"}
_ROMANCE = ("fr", "es", "it", "pt")
_FIRST = {"fr": "premier", "it": "primo"}
_NOUN = re.compile(r" ([^\W\d_]{3,30})")
_FUNCTION_WORDS = re.compile(
    "(?:dans|est|les|des|avec|pour|sur|par|qui|que|con|del|los|las|por|para|como|fue|che|della|dei|nel|com|dos|das|foi|uma"
    "|или|для|что|это|как|при|над|под|без|про|между|есть)$"
)
_ANY_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)?")


class Verbalizer(Numbers):
    """One language's way to say numbers and signs."""

    month_first = False
    """Whether 3/4/2026 is in March."""
    units: Mapping[str, str] = UNITS
    """Signs of units and their names in CLDR."""
    big_words = patterns.BIG
    """Pattern of the words that stand between a number and its currency."""
    negative = ""
    """What is said for the sign of a negative number, if not the word for taking away."""

    def __init__(self, lang: str) -> None:
        """`lang` is one of `WORDS`."""
        super().__init__(lang)
        self.months = self._month_names()
        self.negative = self.negative or self.words.signs["−"]
        self._rules = [(re.compile(pattern), say) for pattern, say in self.rules()]

    def verbalize(self, text: str) -> str:
        """`text` with words for its numbers and signs."""
        if _NOT_NUMERIC.search(text) is None:
            return text
        for pattern, say in self._rules:
            text = pattern.sub(lambda match, say=say: self._parted(match, say(match)), text)  # type: ignore[misc]
        return text

    def rules(self) -> list[tuple[str, Say]]:
        """Pattern and what is said for a match, in the order in which they run."""
        number, words, units = self.number, self.words, patterns.any_of(self.units)
        grouped = patterns.GROUPED_BY_DOTS if words.decimal == "," else ""
        scaled = (
            rf"(?P<n>{number})(?: ?(?P<k>{patterns.any_of(words.magnitudes)})(?:\.(?= ?[€$£]))?{SIGN_END}"
            rf"|(?P<big>{SPACE}?(?:{self.big_words}))|)"
        )
        return [
            (patterns.PHONE_ABROAD, self._phone),
            (patterns.PHONE_AMERICAN, self._phone),
            (patterns.PHONE_WITH_ZERO, self._phone),
            (patterns.DATE_YEAR_FIRST, self._date),
            (patterns.DATE_YEAR_LAST, self._date),
            (patterns.CLOCK_RANGE, self._sign(words.to)),
            *self.class_rules(),
            (patterns.CLOCK, self._time),
            (patterns.VERSION, self._version),
            (grouped + patterns.DOTTED, self._version),
            (patterns.CHAIN, self._phone),
            (
                rf"([$€£¥￥])({number}){RANGE_MARK}(?={number}(?![-–—]))",
                lambda match: f"{match[2]} {words.to} {match[1]}",
            ),
            (patterns.RANGE, self._sign(words.to)),
            (patterns.MINUS, self._sign(words.signs["−"])),
            (patterns.NEGATIVE, self._sign(self.negative)),
            (r"(?<!\w)[~≈] ?(?=[$€£¥]?[0-9])", self._sign(words.signs["≈"])),
            (rf"(?P<c>{CURRENCY}|(?<![A-Za-z])(?:{CURRENCY_CODES}){SPACE}?) ?(?=[0-9]){scaled}", self._money),
            (rf"{scaled}{SPACE}?(?P<c>{CURRENCY}|(?:{CURRENCY_CODES}){SIGN_END})", self._money),
            (rf"({number}){SPACE}?[%％]", lambda match: self.percent(match[1])),
            (rf"(?<=[0-9])( ?(?:{units})) ?[xX×] ?(?=[0-9])", lambda match: f"{match[1]} {words.by} "),
            (rf"({number}){SPACE}?({units}){SIGN_END}", lambda match: self.measure(match[1], match[2])),
            (r"(?<=[0-9)]) [/÷] (?=[0-9(])", self._sign(words.signs["÷"])),
            (
                rf"({number})(?:[xX×]| [xX] )(?=[0-9])(?![0-9.,]{{1,15}} ?=)",
                lambda match: self.joined(self.said(match[1]), words.by),
            ),
            (rf"({number})[eE]([+−-]?[0-9]{{1,4}})(?![0-9A-Za-z])", self._scientific),
            (rf"({number}|[A-Za-z]|\)) ?\^ ?[({{]?([−-]?[0-9]{{1,15}})[)}}]?", self._power),
            (patterns.FRACTION, self._fraction),
            (patterns.RATIO, self._ratio),
            (r"(?<![A-Za-z0-9])[#№] ?(?=[0-9])", self._sign(words.signs["#"])),
            (r"(?<![0-9.])\.([0-9]++)", lambda match: self.joined(words.point, self.digits(match[1]))),
            (rf"({number})", self._number),
            (r"([0-9]++)", lambda match: self.whole(match[1])),
            (patterns.TWO_SIGNS, self._operator),
            (patterns.ONE_SIGN, self._operator),
        ]

    def class_rules(self) -> list[tuple[str, Say]]:
        """Rules of the language alone: ordinals, years and dates with the month's name."""
        return [
            (rf"{START}1(?:er)?(?= (?:{self.months})\b)", lambda match: _FIRST.get(self.lang, match[0])),
            (rf"{START}([0-9]{{1,6}})(?:\.?([ºª])|(er|[rn]de?|re|e|[eè]me)\b)", self._ordinal),
        ]

    def date(self, day: datetime.date) -> str:
        """CLDR's long form; its numbers are read by the rules that follow."""
        return format_date(day, "long", locale=self.lang).replace(" г.", " года")

    def time(self, hours: int, minutes: int, seconds: int | None) -> str:
        """A time of day."""
        full, empty = self.words.clock
        said = full if minutes or seconds else empty
        after = f" {self.cardinal(seconds)}" if seconds else ""
        return said.format(a=self.hours(hours), b=self.cardinal(minutes)) + after

    def hours(self, hours: int) -> str:
        """The number before the word for o'clock."""
        return self.counted(self.cardinal(hours), "heure" if self.lang == "fr" else "")

    def fraction(self, above: int, below: int) -> str:
        """A simple fraction."""
        if known := self.words.fractions.get(f"{above}/{below}"):
            return known
        return self.words.over.format(a=self.cardinal(above), b=self.cardinal(below))

    def _month_names(self) -> str:
        months = Locale.parse(self.lang).months
        return "|".join(
            dict.fromkeys(str(name) for form in ("format", "stand-alone") for name in months[form]["wide"].values())
        )

    def _parted(self, match: re.Match[str], said: str) -> str:
        """With a space towards each word that it would run into."""
        if not self.words.spaced:
            return said
        before, after = match.string[match.start() - 1 : match.start()], match.string[match.end() : match.end() + 1]
        runs_on = after.isalnum() or after in self.words.signs
        return f"{' ' if before.isalnum() else ''}{said}{' ' if runs_on else ''}"

    def _sign(self, words: str) -> Say:
        return lambda match: words

    def _phone(self, match: re.Match[str]) -> str:
        groups = [self.digits(group) for group in re.findall("[0-9]+", match[1])]
        plus = f"{self.words.signs['+']} " if match[1].startswith("+") else ""
        return plus + ", ".join(groups)

    def _date(self, match: re.Match[str]) -> str:
        year, first, second = int(match["y"]), int(match["m"]), int(match["d"])
        month, day = first, second
        if (
            match.start("d") < match.start("m")
            and (self.month_first or month > 12)
            and not (self.month_first and day > 12)
        ):
            month, day = day, month
        try:
            return self.date(datetime.date(year, month, day))
        except ValueError:
            return ", ".join(self.whole(part) for part in re.findall("[0-9]+", match[0]))

    def _time(self, match: re.Match[str]) -> str:
        seconds = int(match[3]) if match[3] else None
        return self.time(int(match[1]), int(match[2]), seconds)

    def _version(self, match: re.Match[str]) -> str:
        v = "v " if match[0][0] in "vV" else ""
        return v + self.version(match[1])

    def version(self, parts: str) -> str:
        """Numbers with dots between them; four are an address of the Internet."""
        said = [self.whole(part) for part in parts.split(".")]
        between = self.words.dot if len(said) > 3 else self.words.point
        return self.joined(*[word for part in said for word in (between, part)][1:]) if self.reads_numbers else parts

    def _money(self, match: re.Match[str]) -> str:
        code = currency_code(match["c"].strip(), self.lang)
        whole, fraction = self.parsed(match["n"])
        big = self.words.magnitudes.get(match["k"] or "", "") or (match["big"] or "").strip()
        return self.money(whole, fraction, code, big)

    def money(self, whole: str, fraction: str, code: str, big: str) -> str:
        """A price: `whole` and `fraction` are digits, `big` a word such as million."""
        number = self.said(f"{whole}{self.words.decimal}{fraction}") if fraction.strip("0") else ""
        if big:
            many, _ = currency_names(self.lang, code, 5, 0)
            return self.joined(
                number or self.whole(whole), big, of_currency(self.lang, many) if len(big) > _LONG_WORD else many
            )
        below = int(fraction.ljust(2, "0")) if len(fraction) <= 2 else 0
        noun, part = currency_names(self.lang, code, int(whole) if len(whole) <= LONGEST else 5, below)
        if number and (not below or not part or not self.reads_numbers):
            return self.joined(number, noun)
        said = self.joined(self.counted(self.whole(whole), noun), noun)
        if not below:
            return said
        parts = self.joined(self.counted(self.cardinal(below), part), part)
        return parts if not whole.strip("0") else self.joined(said, self.words.signs["&"], parts)

    def percent(self, number: str) -> str:
        """A number of percent."""
        return self.joined(self.said(number), self.words.signs["%"])

    def measure(self, number: str, unit: str) -> str:
        """A number of a unit of `UNITS`, in the plural that CLDR has for it."""
        value = Decimal(".".join(filter(None, self.parsed(number[:LONGEST]))))
        name = self.units[unit]
        shown = format_unit(value, name, "long", format="0.######", locale=self.lang)
        if name in shown:  # CLDR's long form falls back to the short one here
            shown = format_unit(value, name, "short", format="0.######", locale=self.lang)
        at = _ANY_NUMBER.search(shown)
        if at is None:
            return self.joined(self.said(number), shown)
        before, after = shown[: at.start()].strip(), shown[at.end() :].strip()
        return self.joined(before, self.counted(self.said(number), after), after)

    def _power(self, match: re.Match[str]) -> str:
        base = self.said(match[1]) if match[1][0].isdecimal() else match[1]
        digits = match[2].lstrip("−-")
        sign = "" if digits == match[2] else self.negative
        return self.power(base, self.joined(sign, self.whole(digits)))

    def _scientific(self, match: re.Match[str]) -> str:
        digits = match[2].lstrip("+−-")
        sign = self.negative if match[2][0] in "−-" else ""
        ten = self.power(self.whole("10"), self.joined(sign, self.whole(digits)))
        return self.joined(self.said(match[1]), self.words.signs["×"], ten)

    def power(self, base: str, exponent: str) -> str:
        """Both are words."""
        return self.words.power.format(a=base, b=exponent)

    def _fraction(self, match: re.Match[str]) -> str:
        above, below = int(match[2]), int(match[3])
        said = (
            self.fraction(above, below)
            if below
            else self.joined(self.whole(match[2]), self.words.slash, self.whole(match[3]))
        )
        if match[1] and 0 < above < below:
            return self.mixed(int(match[1]), said)
        before = f"{self.whole(match[1])} " if match[1] else ""
        return before + said

    def mixed(self, whole: int, fraction: str) -> str:
        """A whole number and a fraction."""
        return self.joined(self.cardinal(whole), self.words.signs["&"], fraction)

    def _number(self, match: re.Match[str]) -> str:
        said = self.said(match[1])
        noun = self.words.ones and _NOUN.match(match.string, match.end())
        return self.counted(said, noun[1]) if noun and self.is_counted(noun[1]) else said

    def is_counted(self, word: str) -> bool:
        """Whether a word after a number may be what is counted."""
        return _FUNCTION_WORDS.match(word) is None

    def _ordinal(self, match: re.Match[str]) -> str:
        value = int(match[1])
        if self.lang not in _ROMANCE or not value or (match[3] and self.lang != "fr"):
            return match[0]
        said = str(num2words(value, lang=self.lang, to="ordinal"))
        if match[2] == "ª":
            said = re.sub(r"o\b", "a", said)
        return "première" if match[3] == "re" and value == 1 else said

    def _ratio(self, match: re.Match[str]) -> str:
        return self.joined(self.whole(match[1]), self.words.ratio, self.whole(match[2]))

    def _operator(self, match: re.Match[str]) -> str:
        return self.words.signs[_SIGN_OF.get(match[0], match[0][0])]
