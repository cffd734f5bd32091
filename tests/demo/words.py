"""The words of the demo's world, numbers among them, and how far a transcript is from what was said."""

from __future__ import annotations

import re

COLORS = ("red", "green", "blue", "yellow", "purple", "orange", "black", "white")
SHAPES = ("circle", "square", "triangle", "star", "cross")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NUMBERS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)
PLURALS = {"crosses": "cross"} | {f"{shape}s": shape for shape in SHAPES if shape != "cross"}


def words(text: str) -> list[str]:
    """Lower case, without punctuation; shapes in the singular are left as they stand."""
    return re.findall(r"[a-z]+(?:'[a-z]+)?|\d+", text.lower().replace("’", "'"))


def singular(text: str) -> list[str]:
    return [PLURALS.get(word, word) for word in words(text)]


def number(word: str) -> int | None:
    if word.isdecimal():
        return int(word)
    return NUMBERS.index(word) if word in NUMBERS else None


def numbers(text: str) -> list[int]:
    """Every number up to twenty that the text spells, and every one in digits, in order."""
    return [value for word in words(text) if (value := number(word)) is not None]


def with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def spelled(text: str) -> list[str]:
    """The words of a transcript: small numbers in digits count as the words that they stand for."""
    return [NUMBERS[int(word)] if word.isdecimal() and int(word) < len(NUMBERS) else word for word in words(text)]


def unquoted(said: str) -> str:
    """What an answer quotes, if it begins by saying that it quotes."""
    return re.sub(r"^\W*(?:the voice|it|someone) (?:says|said)(?: that)?\b", "", said, flags=re.IGNORECASE)


def word_errors(spoken: str, said: str) -> tuple[int, int]:
    """Words to insert, delete or replace in `said` to make it `spoken`, and the words of `spoken`."""
    wanted, given = spelled(spoken), spelled(said)
    row = list(range(len(given) + 1))
    for count, word in enumerate(wanted, 1):
        above, row = row, [count]
        for column, other in enumerate(given, 1):
            row.append(min(above[column] + 1, row[-1] + 1, above[column - 1] + (word != other)))
    return row[-1], len(wanted)
