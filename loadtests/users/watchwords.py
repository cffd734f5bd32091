"""Watchwords: what only one user says at a time, so that an answer that was meant for another is known for what it is.

Two of a kind differ in two words or digits at least: one that a model misreads makes no watchword of another. Knows
answers as text.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from tests.demo.words import COLORS, NUMBERS, SHAPES, numbers, singular, with_article

Marks = tuple[str | int, ...]


class Verdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    """A mistake of the model, as far as one can tell."""
    STOLEN = "someone else's"
    """Holds what somebody else said at the same time."""
    CUT = "cut off"
    """Interrupted by the user before it could be right."""
    FAILED = "failed"
    """Refused, broken off or without sound."""


class TooManyUsersError(Exception):
    """There are not as many watchwords as users that want one."""


@dataclass(frozen=True, slots=True)
class Watchword:
    said: str
    marks: Marks
    """What of it an answer gives back."""
    read: Callable[[str], Marks] = field(repr=False)
    """The marks in an answer."""
    result: int = 0
    """Where in the marks an answer has to be right."""

    def verdict(self, answer: str, others: Sequence[Watchword]) -> Verdict:
        """Of an answer to it, while `others` were said by others."""
        found = self.read(answer)
        if found[self.result :] == self.marks[self.result :]:
            return Verdict.RIGHT
        return Verdict.STOLEN if found in [other.marks for other in others] else Verdict.WRONG


def digits(answer: str) -> Marks:
    return tuple(re.findall(r"\d+", answer))


def named(answer: str) -> Marks:
    """Colors and shapes in their order."""
    return tuple(word for word in singular(answer) if word in COLORS or word in SHAPES)


def operands(answer: str) -> Marks:
    """The last three numbers: two and what they make."""
    return tuple(numbers(answer)[-3:])


def written() -> list[Watchword]:
    """Numbers of three digits whose last one is made of the others."""
    values = (f"{first}{second}{(first + second) % 10}" for first in range(1, 10) for second in range(10))
    return [Watchword(value, (value,), digits) for value in values]


def sentences() -> list[Watchword]:
    """`I see a red star and a blue circle.`, the second color made of the three other words."""
    every = ((color, one, other) for color in range(len(COLORS)) for one in range(5) for other in range(5))
    return [_sentence(COLORS[c], SHAPES[a], COLORS[(c + a + b) % len(COLORS)], SHAPES[b]) for c, a, b in every]


def _sentence(color: str, shape: str, second: str, other: str) -> Watchword:
    said = f"I see {with_article(color)} {shape} and {with_article(second)} {other}."
    return Watchword(said, (color, shape, second, other), named)


def sums() -> list[Watchword]:
    """`What is three plus four?`, no two of which have more than the sign or one number in common."""
    asked: list[Watchword] = []
    used: set[tuple[str | int, ...]] = set()
    every = [(first, sign, second) for first in range(21) for second in range(21) for sign in ("plus", "minus")]
    Random(7).shuffle(every)
    for first, sign, second in every:
        made = first + second if sign == "plus" else first - second
        parts: set[tuple[str | int, ...]] = {(first, sign), (sign, second), (first, second)}
        if 0 <= made <= 20 and not parts & used:
            used |= parts
            said = f"What is {NUMBERS[first]} {sign} {NUMBERS[second]}?"
            asked.append(Watchword(said, (first, second, made), operands, result=-1))
    return asked


@dataclass(frozen=True, slots=True)
class Lent:
    """A watchword and those that others had at any time while it was out."""

    word: Watchword
    beside: list[Watchword] = field(default_factory=list)
    user: object = None
    """Who has it: what he has else is not somebody else's."""

    def verdict(self, answer: str) -> Verdict:
        return self.word.verdict(answer, self.beside)


class Lending:
    """The watchwords of one kind, each with one user at a time; the one that has not been out for longest is next."""

    def __init__(self, words: Sequence[Watchword], random: Random) -> None:
        self._free = deque(random.sample(words, len(words)))
        self._out: dict[int, Lent] = {}

    @contextmanager
    def lent(self, user: object = None) -> Iterator[Lent]:
        """Nobody else's until the block is left. `user` is given by those who have several at a time.

        Raises:
            TooManyUsersError: all are out.
        """
        if not self._free:
            raise TooManyUsersError(f"all {len(self._out)} watchwords are out: fewer users, or shorter conversations")
        others = [other for other in self._out.values() if user is None or other.user is not user]
        out = Lent(self._free.popleft(), [other.word for other in others], user)
        for other in others:
            other.beside.append(out.word)
        self._out[id(out)] = out
        try:
            yield out
        finally:
            del self._out[id(out)]
            self._free.append(out.word)
