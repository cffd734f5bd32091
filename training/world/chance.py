"""One choice out of several, by dice. It knows nothing of what they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from numpy.random import Generator

T = TypeVar("T")


def pick(dice: Generator, items: Sequence[T]) -> T:
    return items[int(dice.integers(len(items)))]


def likely(dice: Generator, phrasings: Sequence[str]) -> str:
    """One of `phrasings`, the first of them in four cases of ten."""
    return phrasings[0] if dice.random() < 0.4 else pick(dice, phrasings)


def asked(dice: Generator, usual: str, *others: str) -> str:
    """The usual wording of a question, seldom another one."""
    return pick(dice, others) if dice.random() < 0.15 else usual
