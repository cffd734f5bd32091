"""Short stories: a hero, a friend, and one of five things that happen to them on some day.

It knows nothing of who asks: every request has any of the stories as its answer.
"""

from __future__ import annotations

from numpy.random import Generator

from training.world.chance import likely, pick
from training.world.words import COLORS, DAYS, SHAPES, Turn, with_article

STORY_QUESTIONS = (
    *("Tell me a story.", "Tell me a story!", "Please tell me a story.", "Can you tell me a story?"),
    *("Tell me a short story.", "Can you tell me a short story?", "Tell me another story.", "I want to hear a story."),
)
_PLOTS = (
    (
        "Once there was {one}.",
        "On {day} the {hero} was alone.",
        "Then it heard a bell.",
        "It moved to the right and found {other}.",
        "Now they are friends.",
    ),
    (
        "There was once {one}.",
        "It wanted to see the world.",
        "On {day} it moved up, up, up to the top.",
        "There it met {other}.",
        "Come with me, said the {friend}.",
        "They were happy all day.",
    ),
    (
        "Once there was {one}.",
        "Every day it counted to ten.",
        "On {day} it heard a voice.",
        "The voice said good morning.",
        "It was {other}.",
        "The {hero} and the {friend} counted together.",
        "That was a good day.",
    ),
    (
        "There was once {one}.",
        "The {hero} was small.",
        "On {day} it looked for a friend.",
        "It looked to the left and to the right.",
        "It saw only silence and white noise.",
        "Then {other} came down from the top.",
        "Hello, said the {friend}.",
        "And the {hero} was not alone.",
    ),
    (
        "Once there was {one} with a big bell.",
        "On {day} the bell was gone.",
        "The {hero} was sad.",
        "Then {other} came and had the bell.",
        "Thank you, said the {hero}.",
        "They played the bell together until the evening.",
    ),
)


def tale(dice: Generator) -> Turn:
    """A request for a story, and one."""
    return Turn(likely(dice, STORY_QUESTIONS), " ".join(story(dice)))


def story(dice: Generator) -> tuple[str, ...]:
    """Five to eight short sentences about one of forty heroes and what happened to it in one of five ways."""
    colors = tuple(COLORS)
    shape, color = int(dice.integers(len(SHAPES))), int(dice.integers(len(colors)))
    hero, friend = SHAPES[shape], SHAPES[(shape + 1) % len(SHAPES)]
    names = {
        "one": with_article(f"{colors[color]} {hero}"),
        "hero": hero,
        "friend": friend,
        "other": with_article(f"{colors[(color + 3) % len(colors)]} {friend}"),
        "day": DAYS[(shape + color) % len(DAYS)],
    }
    return tuple(line.format(**names) for line in pick(dice, _PLOTS))
