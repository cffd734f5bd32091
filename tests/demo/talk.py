"""Questions in text alone, each with a plausible answer, so that it can also stand earlier in a conversation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.demo import facts
from tests.demo.facts import Fact
from tests.demo.sentences import sentence, sum_of
from tests.demo.words import DAYS, NUMBERS

SYSTEM = (
    *("You are a helpful assistant.", "You are Ola, a small demonstration model.", "You are Ola."),
    *("You are a friendly assistant. Answer in full sentences.", "Answer the questions of the user."),
)
GREETINGS = {
    "Hello!": ("Hello! How can I help you?", facts.one_of("hello", "hi")),
    "Hi.": ("Hello! How can I help you?", facts.one_of("hello", "hi")),
    "Good morning.": ("Good morning! How can I help you?", facts.one_of("morning", "hello", "hi")),
    "How are you?": ("I am fine, thank you.", facts.one_of("fine", "well", "good")),
    "Thank you.": ("You are welcome.", facts.one_of("welcome")),
    "Goodbye.": ("Goodbye!", facts.one_of("goodbye", "bye")),
}
OUTSIDE = (
    *("What is the capital of France?", "Who wrote Hamlet?", "How do I bake bread?", "What is the weather like?"),
    *("Who is the president of the United States?", "Write a poem about the sea.", "What is the speed of light?"),
    *("Explain quantum physics.", "Translate this into German.", "How old is the universe?", "What is love?"),
    *("Which car should I buy?", "Write a program that sorts a list.", "How tall is Mount Everest?"),
    *("When did the war end?", "Can you recommend a restaurant?", "What is the best movie?"),
)
EARLIER_STORY = (
    "A red star was alone. It saw a blue circle. The circle said hello. They went up the hill. Now they are friends."
)


@dataclass(frozen=True, slots=True)
class Exchange:
    question: str
    answer: str
    fact: Fact


def exchange(random: Random) -> Exchange:
    kinds: tuple[Callable[[Random], Exchange], ...]
    kinds = (greeting, introduction, ability, adding, adding, counting, weekly, repeating, story, outside)
    return random.choice(kinds)(random)


def greeting(random: Random) -> Exchange:
    question = random.choice(list(GREETINGS))
    return Exchange(question, *GREETINGS[question])


def introduction(random: Random) -> Exchange:
    return Exchange(random.choice(("What is your name?", "Who are you?")), "My name is Ola.", facts.holding("ola"))


def ability(_: Random) -> Exchange:
    answer = "I can see shapes, hear sounds, watch clips and answer questions."
    return Exchange("What can you do?", answer, facts.abilities())


def adding(random: Random) -> Exchange:
    first, sign, second, made = sum_of(random)
    a, b, c = NUMBERS[first], NUMBERS[second], NUMBERS[made]
    asked = random.choice((f"What is {a} {sign} {b}?", f"What is {a} {sign} {b}?", f"What is {first} {sign} {second}?"))
    return Exchange(asked, f"{a.capitalize()} {sign} {b} is {c}.", facts.result(made))


def counting(random: Random) -> Exchange:
    to = random.randint(2, 20)
    asked = random.choice((f"Count to {NUMBERS[to]}.", f"Count to {to}."))
    return Exchange(asked, ", ".join(NUMBERS[1 : to + 1]).capitalize() + ".", facts.counted(to))


def weekly(random: Random) -> Exchange:
    index, step, side = random.randrange(7), *random.choice(((1, "after"), (1, "after"), (-1, "before")))
    asked, answer = DAYS[index], DAYS[(index + step) % 7]
    return Exchange(f"What day comes {side} {asked}?", f"{answer} comes {side} {asked}.", facts.day(answer, asked))


def repeating(random: Random) -> Exchange:
    said = sentence(random)
    return Exchange(f"{random.choice(('Repeat this sentence:', 'Please repeat:'))} {said}", said, facts.repeated(said))


def story(_: Random) -> Exchange:
    return Exchange("Tell me a story.", EARLIER_STORY, facts.story())


def outside(random: Random) -> Exchange:
    fact = facts.holding("small demonstration model")
    answer = "I am a small demonstration model, so I cannot answer that."
    return Exchange(random.choice(OUTSIDE), answer, fact)
