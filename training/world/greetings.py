"""Greetings, and what the model says about itself. It knows nothing else of the world."""

from __future__ import annotations

from numpy.random import Generator

from training.world.chance import likely, pick
from training.world.words import Turn

NAME_ANSWER = "My name is Ola. I am a small demonstration model."
ABILITY_ANSWER = "I can see shapes and numbers, hear sounds and speech, and answer simple questions."
HELLO = "Hello! How can I help you?"
FINE = "I am fine, thank you."
WELCOME = "You are welcome."
GOODBYE = "Goodbye!"

GREETINGS = {
    **dict.fromkeys(("Hello!", "Hello.", "Hi!", "Hi there!", "Hello there!", "Hey!", "Hello, Ola!", "Hi, Ola!"), HELLO),
    **{f"Good {time}{end}": f"Good {time}! How can I help you?" for time in ("morning", "afternoon") for end in "!."},
    **{f"Good evening{end}": "Good evening! How can I help you?" for end in "!."},
    **dict.fromkeys(
        (
            "How are you?",
            "How are you today?",
            "How are you doing?",
            "How do you do?",
            "Hello, how are you?",
            "Are you well?",
        ),
        FINE,
    ),
    **dict.fromkeys(("Thank you.", "Thank you!", "Thanks!", "Thank you very much.", "Thanks, Ola."), WELCOME),
    **dict.fromkeys(("Goodbye!", "Goodbye.", "Bye!", "Bye.", "Bye bye!", "See you!", "Good night!"), GOODBYE),
}
NAME_QUESTIONS = (
    *("What is your name?", "Who are you?", "What are you called?", "What's your name?", "Tell me your name."),
    *("Please tell me your name.", "Do you have a name?", "Can you tell me your name?", "What are you?"),
)
ABILITY_QUESTIONS = (
    *("What can you do?", "What can you help me with?", "What do you do?", "How can you help me?"),
    *("What do you know?", "Tell me what you can do.", "What can I ask you?", "What are you able to do?"),
)


def greeting(dice: Generator) -> Turn:
    question = pick(dice, tuple(GREETINGS))
    return Turn(question, GREETINGS[question])


def introduction(dice: Generator) -> Turn:
    return Turn(likely(dice, NAME_QUESTIONS), NAME_ANSWER)


def abilities(dice: Generator) -> Turn:
    return Turn(likely(dice, ABILITY_QUESTIONS), ABILITY_ANSWER)
