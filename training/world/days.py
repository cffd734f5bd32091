"""The days of the week: which comes after which. It knows no date."""

from __future__ import annotations

from numpy.random import Generator

from training.world.chance import likely
from training.world.words import DAYS, Turn, listed

WEEK = f"The days of the week are {listed(list(DAYS))}."
AFTER = (
    *("What day comes after {d}?", "What day comes after {d}?", "Which day comes after {d}?", "What comes after {d}?"),
    *("What is the day after {d}?", "What day is after {d}?", "Which day is after {d}?", "What day follows {d}?"),
    *("Which day follows {d}?", "What is the next day after {d}?", "Tell me the day after {d}."),
    "If today is {d}, what day is tomorrow?",
)
BEFORE = (
    *("What day comes before {d}?", "What day comes before {d}?", "Which day comes before {d}?"),
    *("What is the day before {d}?", "What day is before {d}?", "What comes before {d}?", "Which day is before {d}?"),
    *("Tell me the day before {d}.", "If today is {d}, what day was yesterday?"),
)
WEEK_QUESTIONS = (
    *("Name the days of the week.", "What are the days of the week?", "Tell me the days of the week."),
    *("Say the days of the week.", "List the days of the week.", "Can you name the days of the week?"),
)
SEVEN_QUESTIONS = (
    *("How many days are in a week?", "How many days are there in a week?", "How many days does a week have?"),
)


def weekday(dice: Generator) -> Turn:
    """What comes after or before a day, or all seven of them."""
    fate, index = dice.random(), int(dice.integers(7))
    day = DAYS[index]
    if fate < 0.10:
        return Turn(likely(dice, WEEK_QUESTIONS), WEEK)
    if fate < 0.17:
        return Turn(likely(dice, SEVEN_QUESTIONS), "There are seven days in a week.")
    if fate < 0.6:
        return Turn(likely(dice, AFTER).format(d=day), f"{DAYS[(index + 1) % 7]} comes after {day}.")
    return Turn(likely(dice, BEFORE).format(d=day), f"{DAYS[index - 1]} comes before {day}.")
