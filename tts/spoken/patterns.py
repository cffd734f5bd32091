"""The shapes of numbers, dates, times and prices in a text, as regular expressions. Knows no words.

No pattern can start inside a run of digits that another start has seen, and every repetition is bounded or possessive,
so that hostile text costs linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tts.spoken.units import CURRENCY_SIGNS

START = r"(?<![0-9])(?<![0-9][.,])"
END = r"(?![0-9])"
SIGN_END = r"(?![A-Za-z0-9\u00c0-\u052f_/²³^'’])"
"""No letter that could belong to a sign before it."""
SPACE = r"[ \u00a0\u202f]"
RANGE_MARK = "[-–—~～〜]"
CURRENCY = "|".join(re.escape(sign) for sign in sorted(CURRENCY_SIGNS, key=len, reverse=True))
BIG = (
    "thousand|million|billion|trillion|Tausend|Million(?:en)?|Milliarden?|Billion(?:en)?|mille|millions?|milliards?|mila|mil"
    "|millón|millones|milh(?:ão|ões)|bilh(?:ão|ões)|milion[ei]|miliard[oi]|тысяч[аи]?|миллион(?:а|ов)?|миллиард(?:а|ов)?"
)
"""Words for thousands and more that stand between a number and its currency."""

PHONE_ABROAD = rf"(?<![A-Za-z0-9.+-])(\+[0-9]{{1,3}}(?:[ .-]?\(?[0-9]{{1,4}}\)?){{2,6}}){END}"
PHONE_AMERICAN = rf"(?<![A-Za-z0-9.-])(\(?[0-9]{{3}}\)?[ .-][0-9]{{3}}[.-][0-9]{{4}}){END}"
PHONE_WITH_ZERO = (
    rf"(?<![A-Za-z0-9.,-])(?<![0-9]{SPACE})(0[0-9]{{1,4}}[ -][0-9]{{3,8}}(?:[ -][0-9]{{2,6}}){{0,3}}){END}"
)
CHAIN = rf"{START}(?<![0-9]-)([0-9]{{1,20}}(?:-[0-9]{{1,20}}){{2,12}}){END}(?!-[0-9])"
"""Three or more numbers with hyphens between them, such as an ISBN."""
DATE_YEAR_FIRST = rf"{START}(?P<y>[12][0-9]{{3}})([-/.])(?P<m>[01]?[0-9])\2(?P<d>[0-3]?[0-9])(?![0-9]|\2[0-9])T?"
DATE_YEAR_LAST = rf"{START}(?P<d>[0-3]?[0-9])([-/.])(?P<m>[0-3]?[0-9])\2(?P<y>[12][0-9]{{3}})(?![0-9]|\2[0-9])"
CLOCK = rf"{START}(?<!:)([01]?[0-9]|2[0-4])(?::|h(?=[0-9]{{2}}\b))([0-5][0-9])(?::([0-5][0-9]))?(?![0-9:])"
CLOCK_RANGE = rf"(?<=:[0-5][0-9]){RANGE_MARK}(?=[0-9]{{1,2}}:[0-5][0-9])"
VERSION = rf"(?<![A-Za-z])[vV]\.?([0-9]{{1,9}}(?:\.[0-9]{{1,9}}){{0,4}}){END}"
DOTTED = rf"{START}([0-9]{{1,9}}(?:\.[0-9]{{1,9}}){{2,9}}){END}(?!\.[0-9])"
GROUPED_BY_DOTS = r"(?![0-9]{1,3}(?:\.[0-9]{3}){2,6}(?![0-9.]*[0-9]))"
RANGE = rf"(?<=[0-9%°])(?:{RANGE_MARK}(?![0-9.,]{{1,15}} ?=)| [–—~～〜] )(?=[$€£¥]?[0-9])"
MINUS = r"(?<=[0-9)])[-−](?=[0-9(])|(?<=[\w)] )[-−] (?=[\w(])"
NEGATIVE = (
    r"(?<![\w)\]^])[-−](?=\.?[0-9$€£¥])"
    r"|(?<=[\u3040-\u9fff\uac00-\ud7a3])(?<![度도])[-−](?=[0-9]{1,9}(?:\.[0-9]{1,9})? ?[°℃℉%％度도])"
)
"""Straight behind a letter it is a hyphen (3月-5月, 歼-20), but for degrees and percent behind Chinese, Japanese and
Korean, which put no space there."""
FRACTION = r"(?<![0-9/])(?<![0-9][.,])(?:([0-9]{1,4})[ -])?([0-9]{1,4})[/⁄]([0-9]{1,4})(?![0-9/])"
RATIO = rf"{START}(?<!:)([0-9]{{1,3}}):([0-9]{{1,3}})(?![0-9:])"
TWO_SIGNS = r"(?<![<>=])(?:[<>]=|!=|[-=]>|\+-|\+/[-−]|==++)"
ONE_SIGN = r"([=+−×÷≤≥≠≈±&@%‰∞→°％])(?:\1{2,}+)?|(?<= )[<>](?= )|(?<![\w<>])[<>](?= ?\w)"
"""A run of three or more is said once."""


def number_pattern(decimal: str) -> str:
    """Pattern of a number; the other half of the world's way of grouping is known by its second mark."""
    own, other = (r"\.", ",") if decimal == "." else (",", r"\.")
    mark, group = (own, ",") if decimal == "." else ("[.,]", r"[. \u00a0\u202f'’]")
    return (
        rf"{START}(?:[0-9]{{1,3}}(?:{own}[0-9]{{3}}){{1,6}}+{other}[0-9]++(?!{other}?[0-9])"
        rf"|(?:[0-9]{{1,3}}+(?:{group}[0-9]{{3}}){{1,6}}+(?![0-9])|[0-9]++)(?:{mark}[0-9]++)?+)"
    )


def any_of(signs: Iterable[str]) -> str:
    """Alternatives, the longest first; what never matches if there are none."""
    return "|".join(map(re.escape, sorted(signs, key=len, reverse=True))) or "(?!)"
