"""Text questions of the small world with their answers: single turns, conversations, and what may be spoken.

It knows no image and no sound; asked about one, its answers say that there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from numpy.random import Generator

from training.world.chance import pick
from training.world.days import weekday
from training.world.greetings import GREETINGS, abilities, greeting, introduction
from training.world.outside import NAMES, OUTSIDE, THINGS, gibberish, missing, outside
from training.world.stories import tale
from training.world.sums import arithmetic, counting, spoken_counting, spoken_sum
from training.world.words import COLORS, DAYS, SHAPES, Turn

Kinds = Sequence[tuple[float, Callable[[Generator], Turn]]]

REPEATS = (
    *("Repeat: {s}", "Repeat: {s}", "Repeat after me: {s}", "Repeat after me: {s}", "Say: {s}", "Please repeat: {s}"),
    *("Please repeat this sentence: {s}", "Repeat this sentence: {s}", "Repeat the sentence: {s}", 'Repeat: "{s}"'),
    *('Repeat the sentence "{s}"', 'Repeat the sentence "{s}".', 'Say "{s}"', "Please say: {s}", "Repeat this: {s}"),
    *("Can you repeat this sentence? {s}", 'Please repeat the sentence "{s}"', "Repeat the following sentence: {s}"),
    *("Please repeat after me: {s}", "Repeat after me, please: {s}", "Repeat the words: {s}", 'Repeat after me: "{s}"'),
    *("repeat: {s}", "repeat after me: {s}", "Repeat after me: “{s}”", "Repeat the sentence '{s}'"),
    *("Please repeat the following: {s}",),
    *("Repeat after me. {s}", "Repeat: '{s}'", "Hello! Repeat after me: {s}", "say: {s}", "Can you say: {s}"),
    *("Repeat\n{s}",),
    *('Can you repeat the sentence "{s}"?', 'Can you say "{s}"?', 'Repeat the sentence: "{s}"', 'Please repeat: "{s}"'),
)
SYSTEMS = (
    *("You are Ola, a small demonstration model.", "Answer briefly.", "You are a friendly assistant.", "Be polite."),
    *("You are a friendly assistant who speaks English.", "You are Ola.", "Answer in full sentences.", "Be kind."),
    *("You are a small model in a small world.", "Help the user.", "You answer simple questions.", "Speak clearly."),
    *("You are a voice assistant. Keep your answers short.", "Please answer the questions of the user.", "Be brief."),
    *("You like {color} things.", "Today is {day}.", "You are a helpful assistant. Today is {day}.", "Be honest."),
    *("You are a teacher. The children like the {color} {shape}.", "You talk to a friend.", "You are a helpful model."),
    *("You are a helpful, harmless and honest assistant.", "Your answers are spoken aloud.", "Answer the question."),
    *("You live in a world of shapes such as the {color} {shape}.", "You are Ola, a helpful voice assistant."),
    *("The user's name is {name}.", "You are talking to {name} on {day}.", "You are an assistant made for {name}."),
    *("You are a helpful assistant for children.", "You are a calm assistant that answers in one sentence."),
    *("You can see images, hear sounds and speak.", "Always answer in English.", "You are {name}'s assistant."),
)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A system prompt and turns that need nothing but their own question."""

    system: str
    turns: tuple[Turn, ...]


def turn(dice: Generator) -> Turn:
    """One text question of this part of the world, some of them carelessly typed."""
    return kind_of(
        dice,
        (
            (0.36, lambda dice: _typed(dice, arithmetic(dice))),
            (0.10, lambda dice: _typed(dice, weekday(dice))),
            (0.07, lambda dice: _typed(dice, counting(dice))),
            (0.13, repeat),
            (0.05, _typed_greeting),
            (0.04, lambda dice: _typed(dice, introduction(dice))),
            (0.03, lambda dice: _typed(dice, abilities(dice))),
            (0.05, lambda dice: _typed(dice, tale(dice))),
            (0.13, lambda dice: _typed(dice, outside(dice))),
            (0.04, lambda dice: _typed(dice, missing(dice))),
        ),
    )


def conversation(dice: Generator) -> Conversation:
    """One to four turns; the system prompt changes no answer."""
    return Conversation(_system(dice), tuple(turn(dice) for _ in range(int(dice.integers(1, 5)))))


def spoken(dice: Generator) -> Turn:
    """A question meant to be spoken: numbers are words, and no sign but `.,?!` and the apostrophe."""
    kinds: Kinds = (
        (0.6, spoken_sum),
        (0.17, weekday),
        (0.07, spoken_counting),
        (0.06, introduction),
        (0.06, greeting),
        (0.04, abilities),
    )
    return kind_of(dice, kinds)


def repeat(dice: Generator) -> Turn:
    """A sentence to be said again exactly as it stands: from the world, or mere words so that copying is learned."""
    from training.world.sentences import random_words, sentence  # it builds on this module

    fate = dice.random()
    if fate < 0.55:
        text = sentence(dice)
    elif fate < 0.75:
        text = random_words(dice, 1, 9)
    elif fate < 0.9:
        text = pick(dice, (*OUTSIDE, *NAMES, *(f"The {thing} is here." for thing in THINGS)))
    else:
        text = gibberish(dice, int(dice.integers(1, 6)))
    if dice.random() < 0.3:
        text = text[0].lower() + text[1:]
    if dice.random() < 0.25:
        text = text.rstrip(".?!") or text
    text = text.replace('"', "")
    return Turn(pick(dice, REPEATS).replace("{s}", text), text)


def kind_of(dice: Generator, kinds: Kinds) -> Turn:
    """One of `kinds`, each with its share of a whole of 1."""
    fate = float(dice.random())
    for share, kind in kinds:
        fate -= share
        if fate < 0:
            return kind(dice)
    return kinds[0][1](dice)


def _typed(dice: Generator, asked: Turn) -> Turn:
    """The question as people type it: without its stop, in lower case, after a greeting or with a `please`."""
    question, fate = asked.question, dice.random()
    if fate < 0.06:
        question = question.rstrip(".?! ")
    elif fate < 0.11:
        question = question.lower()
    elif fate < 0.14:
        question = question.lower().rstrip(".?! ")
    elif fate < 0.15:
        question = question.upper()
    elif fate < 0.18 and asked.answer not in GREETINGS.values():
        question = (
            f"{pick(dice, ('Hello!', 'Hi!', 'Hi Ola,', 'Hello Ola.', 'Please tell me.', 'Okay.', 'Now,'))} {question}"
        )
    return Turn(question, asked.answer)


def _typed_greeting(dice: Generator) -> Turn:
    """Greetings are typed without their stop more often than the rest."""
    said = greeting(dice)
    question = said.question.rstrip(".?!") if dice.random() < 0.3 else said.question
    return _typed(dice, Turn(question, said.answer))


def _system(dice: Generator) -> str:
    if dice.random() < 0.6:
        return "You are a helpful assistant."
    words = {"color": pick(dice, tuple(COLORS)), "shape": pick(dice, SHAPES), "day": pick(dice, DAYS)}
    return pick(dice, SYSTEMS).format(name=pick(dice, NAMES), **words)
