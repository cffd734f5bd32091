"""The words of the small world, and what questions and answers are made of."""

from __future__ import annotations

from dataclasses import dataclass

SHAPES = ("circle", "square", "triangle", "star", "cross")
COLORS = {
    "red": (220, 30, 30),
    "green": (30, 160, 50),
    "blue": (40, 70, 220),
    "yellow": (245, 220, 40),
    "purple": (140, 50, 170),
    "orange": (245, 140, 30),
    "black": (15, 15, 15),
    "white": (250, 250, 250),
}
"""Names of the colors, and what a painter would call each: RGB."""
PLACES = ("top left", "top", "top right", "left", "center", "right", "bottom left", "bottom", "bottom right")
"""The thirds of a picture, row by row."""
DIRECTIONS = ("left", "right", "up", "down")
MOTIONS = ("still", "color", *DIRECTIONS)
"""What a shape in a clip does; it may change its color."""
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

NOWHERE, HEARD = 0, 1 + len(PLACES)
FOUND = 2 + len(PLACES)
"""Where something is found: nowhere, in one of PLACES, numbered from 1, or in what is heard; how many those are."""

TRANSCRIBE = "Please give the ASR results of the given speech."
ANSWER_SPEECH = "Please directly answer the questions in the user's speech."
"""The paper's two prompts for a recording."""

_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


@dataclass(frozen=True, slots=True)
class Turn:
    """What a user asks and what the model should answer.

    Args:
        finds: what has to be found out for that (`training.sketch.PROBES`).
        about: words of the question at whose end it can be known; empty if only at its end.
    """

    question: str
    answer: str
    finds: tuple[tuple[str, int], ...] = ()
    about: str = ""


def in_words(number: int) -> str:
    """0 to 999 as it is spoken: `three hundred forty seven`."""
    if number < 20:
        return _SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens - 2] + (f" {_SMALL[ones]}" if ones else "")
    hundreds, rest = divmod(number, 100)
    return f"{_SMALL[hundreds]} hundred" + (f" {in_words(rest)}" if rest else "")


def with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def listed(items: list[str]) -> str:
    """`a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def transcript(text: str) -> str:
    """As a transcript is written: lower case, no punctuation, numbers in words."""
    return " ".join(in_words(int(word)) if word.isdecimal() and len(word) < 4 else word for word in bare(text))


def bare(text: str) -> list[str]:
    """The words in lower case, without punctuation but for the apostrophe, which belongs to its word."""
    return "".join(c if c.isalnum() or c == "'" else " " for c in text.lower()).split()
