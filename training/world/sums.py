"""Sums, differences and counting up to twenty, in digits and in words, with what they come to.

It knows no negative number but as the result of a difference.
"""

from __future__ import annotations

from numpy.random import Generator

from training.world.chance import likely, pick
from training.world.words import Turn, in_words

WRITTEN_SUMS = (
    *("What is {a} plus {b}?", "How much is {a} plus {b}?", "Calculate {a} plus {b}."),
    *("What is the sum of {a} and {b}?",),
    *("Add {a} and {b}.", "What does {a} plus {b} make?", "{a} plus {b}", "{a} plus {b}?", "What's {a} plus {b}?"),
    *("Can you add {a} and {b}?", "Tell me what {a} plus {b} is.", "Please add {a} and {b}.", "What is {a} and {b}?"),
    *("What do you get if you add {a} and {b}?", "Find {a} plus {b}.", "Add {b} to {a}."),
    *("What does {a} plus {b} equal?",),
)
WRITTEN_DIFFERENCES = (
    *("What is {a} minus {b}?", "How much is {a} minus {b}?", "Calculate {a} minus {b}.", "Subtract {b} from {a}."),
    *("What is the difference of {a} and {b}?", "What does {a} minus {b} make?", "{a} minus {b}", "{a} minus {b}?"),
    *("What is the difference between {a} and {b}?", "What's {a} minus {b}?", "Can you subtract {b} from {a}?"),
    *("Tell me what {a} minus {b} is.", "Take {b} from {a}.", "Find {a} minus {b}.", "Please subtract {b} from {a}."),
    *("What do you get if you take {b} from {a}?", "What does {a} minus {b} equal?"),
)
SIGNED = ("What is {a} {s} {b}?", "{a} {s} {b} = ?", "{a} {s} {b}", "{a}{s}{b}", "{a}{s}{b}=?", "{a} {s} {b} =")
SIGNED_ASKED = ("How much is {a} {s} {b}?", "Calculate {a} {s} {b}.", "{a} {s} {b}?", "What is {a}{s}{b}?")
COUNTS = (
    *("Count to {n}.", "Count from {one} to {n}.", "Please count to {n}.", "Can you count to {n}?"),
    *("Count up to {n}.", "Please count from {one} to {n}.", "Can you count from {one} to {n}?"),
    *("Count to {n}, please.",),
)


def arithmetic(dice: Generator) -> Turn:
    """A sum or difference as it is typed: with signs, digits or words."""
    a, b, sign = _operands(dice)
    if dice.random() < 0.3:
        shown = likely(dice, SIGNED) if dice.random() < 0.8 else pick(dice, SIGNED_ASKED)
        minus = "−" if dice.random() < 0.05 else "-"
        return Turn(shown.format(a=a, b=b, s=sign if sign == "+" else minus), _sum_answer(a, b, sign))
    asked = likely(dice, WRITTEN_SUMS if sign == "+" else WRITTEN_DIFFERENCES)
    digits = dice.random() < 0.6
    first, second = (str(a), str(b)) if digits else (in_words(a), in_words(b))
    return Turn(_capital(asked.format(a=first, b=second)), _sum_answer(a, b, sign))


def spoken_sum(dice: Generator) -> Turn:
    """A sum or difference in words alone."""
    a, b, sign = _operands(dice)
    asked = likely(dice, (WRITTEN_SUMS if sign == "+" else WRITTEN_DIFFERENCES)[:6])
    return Turn(_capital(asked.format(a=in_words(a), b=in_words(b))), _sum_answer(a, b, sign))


def counting(dice: Generator) -> Turn:
    """Counting up to twenty at most, mostly from one."""
    return _counted(dice, digits=dice.random() < 0.6)


def spoken_counting(dice: Generator) -> Turn:
    return _counted(dice, digits=False)


def _counted(dice: Generator, digits: bool) -> Turn:
    first, last = 1, int(dice.integers(1, 21))
    asked = likely(dice, COUNTS)
    if "{one}" in asked and dice.random() < 0.15:
        first = int(dice.integers(1, last + 1))
    show = str if digits else in_words
    answer = _capital(", ".join(in_words(number) for number in range(first, last + 1))) + "."
    return Turn(asked.format(one=show(first), n=show(last)), answer)


def _operands(dice: Generator) -> tuple[int, int, str]:
    """Mostly within 20, and no less than 0."""
    fate = dice.random()
    a, b = int(dice.integers(21)), int(dice.integers(21))
    if fate < 0.38:
        total = int(dice.integers(21)) if fate < 0.19 else max(a, b)
        first = int(dice.integers(total + 1))
        return first, total - first, "+"
    if fate < 0.52:
        return a, b, "+"
    if fate < 0.97:
        return max(a, b), min(a, b), "-"
    return a, b, "-"


def _sum_answer(a: int, b: int, sign: str) -> str:
    name, result = ("plus", a + b) if sign == "+" else ("minus", a - b)
    return _capital(f"{in_words(a)} {name} {in_words(b)} is {_said(result)}.")


def _said(number: int) -> str:
    return in_words(number) if number >= 0 else f"minus {in_words(-number)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
