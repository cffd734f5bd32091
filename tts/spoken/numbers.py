"""Numbers as words in one language. Knows no units and nothing of the text around a number."""

from __future__ import annotations

import re
from functools import lru_cache

from num2words import num2words

from tts.spoken.patterns import number_pattern
from tts.spoken.vocabulary import WORDS

LONGEST = 15
"""Digits that are still read as one number; more are read one by one."""
_TENS_AFTER_POINT = ("fr", "es", "it", "pt", "ru")


class Numbers:
    """How a language reads numbers."""

    reads_numbers = True
    """Whether cardinals become words; else their digits stay."""

    def __init__(self, lang: str) -> None:
        """`lang` is one of `WORDS`."""
        self.lang = lang
        self.words = WORDS[lang]
        self.number = number_pattern(self.words.decimal)
        """A regular expression without groups."""

    def cardinal(self, value: int) -> str:
        """The cardinal number, at most `LONGEST` digits long."""
        return _cardinal(self.lang, value) if self.reads_numbers else str(value)

    def digits(self, digits: str) -> str:
        """Digits one by one."""
        names = [self.cardinal(digit) for digit in range(10)]
        return " ".join(names[int(digit)] for digit in digits)

    def said(self, number: str) -> str:
        """A number as `self.number` finds it."""
        whole, fraction = self.parsed(number)
        if not fraction:
            return self.whole(whole)
        if not self.reads_numbers:
            return f"{whole}.{fraction}"
        return self.joined(self.whole(whole), self.words.point, self.fraction_digits(fraction))

    def whole(self, digits: str) -> str:
        """A number without a fraction; long ones and those with zeros before them digit by digit."""
        if not self.reads_numbers:
            return digits
        if len(digits) > LONGEST or (len(digits) > 1 and digits[0] == "0"):
            return self.digits(digits)
        return self.cardinal(int(digits))

    def fraction_digits(self, digits: str) -> str:
        """What follows the decimal point: two digits as a number where that is usual."""
        if self.lang in _TENS_AFTER_POINT and len(digits) == 2 and digits[0] != "0":
            return self.cardinal(int(digits))
        return self.digits(digits)

    def parsed(self, number: str) -> tuple[str, str]:
        """Digits before and after the decimal mark."""
        plain = re.sub(r"[ \u00a0\u202f'’]", "", number)
        mark = self.words.decimal
        if "," in plain and "." in plain:
            mark = max(",.", key=plain.rfind)
        elif mark == "," and re.fullmatch(r"[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,})", plain):
            mark = "."  # a group has three digits
        plain = plain.replace("." if mark == "," else ",", "")
        whole, _, fraction = plain.partition(mark)
        return whole, fraction

    def counted(self, words: str, noun: str) -> str:
        """The cardinal `words` as they are before `noun`."""
        for ending, masculine, feminine in self.words.ones:
            if words.endswith(ending) or words == ending.strip():
                stem = words.removesuffix(ending) if words.endswith(ending) else ""
                agreed = feminine if re.match(self.words.feminine, noun.strip()) else masculine
                return (stem + agreed).strip()
        return words

    def joined(self, *parts: str) -> str:
        """Words in a row."""
        return (" " if self.words.spaced else "").join(part for part in parts if part)


@lru_cache(maxsize=4096)
def _cardinal(lang: str, value: int) -> str:
    return str(num2words(value, lang=lang)).replace(",", "")
