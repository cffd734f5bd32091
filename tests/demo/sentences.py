"""Sentences that could be said in the demo's world: its questions, its answers, its greetings."""

from __future__ import annotations

from random import Random

from tests.demo.words import COLORS, DAYS, NUMBERS, SHAPES, with_article, words

PLACES = (
    *("at the top", "at the bottom", "on the left", "on the right", "in the center"),
    *("in the top left", "in the top right", "in the bottom left", "in the bottom right"),
)
GREETINGS = ("Hello.", "Good morning.", "How are you?", "Thank you.", "Goodbye.", "Hello, my name is Ola.")
PLAIN = (
    *("What do you see?", "Describe the image.", "How many shapes are there?", "What number is written?"),
    *("What do you hear?", "What is moving?", "In which direction does it move?", "What does the voice say?"),
    *("Does the voice name the moving shape?", "Nothing is moving.", "Someone is speaking.", "I hear white noise."),
    *("I hear a bell.", "I hear a rising tone.", "I hear a falling tone.", "Tell me a story.", "What can you do?"),
    *("What is your name?", "My name is Ola.", "I am a small demonstration model."),
)
NAMING = (
    *("What color is the {shape}?", "Where is the {color} {shape}?", "Is there {a_color} {shape}?"),
    *("The {shape} is {color}.", "I see {a_color} {shape}.", "I see {a_color} {shape} and {a_other} {another}."),
    *("The {color} {shape} is moving to the {side}.", "The {color} {shape} is moving {way}.", "The {shape} is moving."),
    *("Yes, there is {a_color} {shape}.", "No, there is no {color} {shape}.", "The {color} {shape} is not moving."),
    *("There is one shape, {a_color} {shape}.", "The {color} {shape} is {place}."),
)


def sentence(random: Random) -> str:
    draw = random.choice((plain, naming_any, naming_any, counting, adding, weekly, greeting, shape_by_color))
    return draw(random)


def plain(random: Random) -> str:
    return random.choice(PLAIN)


def greeting(random: Random) -> str:
    return random.choice(GREETINGS)


def naming_any(random: Random) -> str:
    return naming(random, random.choice(SHAPES))


def naming(random: Random, shape: str, unnamed: str | None = None) -> str:
    """A sentence that holds the word `shape`, and not the word `unnamed`."""
    color, other = random.sample(COLORS, 2)
    another = random.choice([name for name in SHAPES if name not in (shape, unnamed)])
    return random.choice(NAMING).format(
        shape=shape,
        color=color,
        a_color=with_article(color),
        a_other=with_article(other),
        another=another,
        side=random.choice(("left", "right")),
        way=random.choice(("up", "down")),
        place=random.choice(PLACES),
    )


def not_naming(random: Random, shape: str) -> str:
    """A sentence without the word `shape`; more often than not it names another one."""
    if random.random() < 0.6:
        return naming(random, random.choice([name for name in SHAPES if name != shape]), unnamed=shape)
    while shape in words(said := sentence(random)):
        pass
    return said


def counting(random: Random) -> str:
    count = random.randint(2, 5)
    return random.choice(
        (
            f"There are {NUMBERS[count]} shapes.",
            f"I hear {NUMBERS[count]} beeps.",
            f"Count to {NUMBERS[random.randint(2, 20)]}.",
            ", ".join(NUMBERS[1 : count + 1]).capitalize() + ".",
        )
    )


def adding(random: Random) -> str:
    first, sign, second, result = sum_of(random)
    question = f"What is {NUMBERS[first]} {sign} {NUMBERS[second]}?"
    answer = f"{NUMBERS[first].capitalize()} {sign} {NUMBERS[second]} is {NUMBERS[result]}."
    return random.choice((question, answer))


def sum_of(random: Random) -> tuple[int, str, int, int]:
    """Two numbers, "plus" or "minus" between them, and what it makes, nothing of it below 0 or above 20."""
    small, large = sorted(random.randint(0, 20) for _ in range(2))
    if random.random() < 0.5:
        return large, "minus", small, large - small
    return large - small, "plus", small, large


def weekly(random: Random) -> str:
    index = random.randrange(7)
    day, following = DAYS[index], DAYS[(index + 1) % 7]
    return random.choice((f"What day comes after {day}?", f"{following} comes after {day}."))


def shape_by_color(random: Random) -> str:
    return f"What shape is {random.choice(COLORS)}?"
