"""Text questions of the small world with their answers: greetings, sums, days, stories, and what lies outside.

It knows no image and no sound; asked about one, its answers say that there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from numpy.random import Generator

from training.world.words import (
    ANSWER_SPEECH,
    COLORS,
    DAYS,
    SHAPES,
    TRANSCRIBE,
    Turn,
    in_words,
    listed,
    with_article,
)

T = TypeVar("T")
Kinds = Sequence[tuple[float, Callable[[Generator], Turn]]]

NAME_ANSWER = "My name is Ola. I am a small demonstration model."
ABILITY_ANSWER = "I can see shapes and numbers, hear sounds and speech, and answer simple questions."
OUTSIDE_ANSWER = "I am a small demonstration model. I do not know about that."
NO_IMAGE = "I see no image. Please show me one."
NO_SOUND = "I hear no sound. Please play me one."
HELLO = "Hello! How can I help you?"
FINE = "I am fine, thank you."
WELCOME = "You are welcome."
GOODBYE = "Goodbye!"
WEEK = f"The days of the week are {listed(list(DAYS))}."

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
STORY_QUESTIONS = (
    *("Tell me a story.", "Tell me a story!", "Please tell me a story.", "Can you tell me a story?"),
    *("Tell me a short story.", "Can you tell me a short story?", "Tell me another story.", "I want to hear a story."),
)
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

IMAGE_MISSING = (
    *("What do you see?", "Describe the image.", "How many shapes are there?", "What color is the {shape}?"),
    *("What shape is {color}?", "Where is the {color} {shape}?", "What number is written?", "Is there {a_shape}?"),
    *("What is moving?", "In which direction does it move?", "What is in the image?", "Which shape is {color}?"),
    *("Where is the {shape}?", "What is the color of the {shape}?", "How many shapes do you see?"),
    *("Describe the video.",),
    *("What number do you see?", "Is there {a_shape} in the image?", "What is in this picture?"),
    *("What shape is moving?",),
)
SOUND_MISSING = (
    *("What do you hear?", "What does the voice say?", "Does the voice name the moving shape?", TRANSCRIBE),
    *(
        ANSWER_SPEECH,
        "Describe the sound.",
        "How many beeps do you hear?",
        "What is the sound?",
        "What did the voice say?",
    ),
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
NAMES = (
    *("Anna", "Tom", "Maria", "Peter", "Einstein", "Shakespeare", "Napoleon", "Mozart", "Picasso", "Newton", "Lincoln"),
    *("Cleopatra", "Beethoven", "Gandhi", "Messi", "Columbus", "Darwin", "Caesar", "Tolstoy", "Madonna", "Elvis"),
)
LANDS = (
    *("France", "Germany", "Italy", "Spain", "Japan", "China", "India", "Brazil", "Canada", "Mexico", "Egypt", "Kenya"),
    *("Norway", "Sweden", "Poland", "Turkey", "Russia", "Australia", "Peru", "Chile", "Greece", "Portugal", "Iran"),
    *("London", "Paris", "Berlin", "Tokyo", "New York", "Rome", "Madrid", "Texas", "Africa", "Europe", "Vienna"),
)
THINGS = (
    *("sky", "sea", "moon", "sun", "grass", "banana", "apple", "car", "house", "dog", "cat", "horse"),
    *("elephant", "tree"),
    *("river", "mountain", "computer", "phone", "book", "movie", "song", "pizza", "bread", "cake", "soup", "coffee"),
    *("tea", "milk", "rice", "train", "plane", "bicycle", "ship", "bridge", "castle", "king", "queen", "doctor"),
    *("lawyer", "bank", "dollar", "stock market", "engine", "atom", "molecule", "planet", "galaxy", "volcano", "storm"),
    *("rain", "snow", "winter", "summer", "garden", "flower", "rose", "bird", "fish", "shark", "whale", "spider"),
    *("guitar", "piano", "football", "tennis", "chess", "game", "robot", "internet", "browser", "virus", "vaccine"),
    *("heart", "brain", "hand", "tooth", "shirt", "shoe", "hat", "chair", "table", "door", "window", "kitchen"),
    *("school", "teacher", "war", "law", "tax", "president", "election", "country", "city", "hotel", "airport"),
    *("rabbit",),
)
TONGUES = ("French", "Spanish", "German", "Chinese", "Latin", "Italian", "Japanese", "Russian", "Arabic", "Greek")
OUTSIDE_TEMPLATES = (
    *("What is the capital of {land}?", "How many people live in {land}?", "What color is the {thing}?"),
    *("Where is {land}?",),
    *("Who was {name}?", "When was {name} born?", "What is a {thing}?", "How do I make a {thing}?", "Who is {name}?"),
    *("How does a {thing} work?", "Translate {thing} into {tongue}.", "How do you say {thing} in {tongue}?"),
    *("What is the weather in {land}?", "Why is the {thing} so big?", "Where can I buy a {thing}?"),
    *("Do you like {name}?",),
    *("Write a poem about the {thing}.", "Tell me about {land}.", "Tell me about the {thing}."),
    *("What is {n} times {m}?",),
    *("What is {n} divided by {m}?", "What is {big} plus {big2}?", "What is {big} minus {m}?"),
    *("What is your favorite {thing}?",),
    *("How big is a {thing}?", "How much does a {thing} cost?", "How old is {name}?", "Who invented the {thing}?"),
    *("Is {land} bigger than {land2}?", "Explain the {thing} to me.", "How far is {land} from {land2}?", "{big} * {m}"),
    *("What did {name} do in {land}?", "Can you recommend a {thing}?", "Write a program about a {thing}.", "{n} x {m}"),
    *("What happened in {year}?", "Who was the president in {year}?", "Where is the {thing}?"),
    *("Is there a {thing} in {land}?",),
    *("How many {thing}s are there in {land}?", "Summarize the history of {land}.", "What is the {thing} of {land}?"),
    *("Do you have a {thing}?", "Have you been to {land}?", "What language do they speak in {land}?"),
    *("Why do {thing}s exist?",),
    *("What does {thing} mean?", "My {thing} is broken. What should I do?", "Should I buy a {thing} or a {thing2}?"),
    *("What is the difference between a {thing} and a {thing2}?", "What do {thing}s eat?", "{thing}", "{name}"),
    *("{n} / {m}",),
    *("I need help with my {thing}.", "Who wrote the book about the {thing}?", "Show me a {thing}.", "Draw a {thing}."),
    *("What is the square root of {n}?", "Calculate {n} times {m}.", "What is {nw} times {mw}?"),
    *("What is {nw} divided by {mw}?", "Multiply {n} by {m}.", "What is {m} percent of {big}?"),
    *("What is {over} plus {n}?", "What is {over} minus {m}?", "What is {over} + {big}?"),
    *("What day comes after {thing} day?", "Count the {thing}s in {land}."),
    *("Tell me a story about {name} and the {thing}.", "What is the population of {land}?", "{n} times {m}"),
)
OUTSIDE = (
    *("What day is Christmas?", "What is your favorite food?", "What time is it?", "How old are you?", "Who made you?"),
    *("Where do you live?", "Where are you from?", "Tell me a joke.", "Sing a song.", "What is the meaning of life?"),
    *("What is the weather today?", "Will it rain tomorrow?", "How hot is the sun?", "Who won the world cup?"),
    *("Who wrote Hamlet?", "Who painted the Mona Lisa?", "When did the war end?", "What is gravity?", "What is love?"),
    *("How do I cook rice?", "How do I bake bread?", "Give me a recipe for soup.", "What should I eat tonight?"),
    *("Write a Python function that sorts a list.", "How do I fix a bug?", "What is a compiler?", "What is Linux?"),
    *("Explain quantum mechanics.", "What is the speed of light?", "How far away is the moon?", "What is DNA?"),
    *("What is photosynthesis?", "Why is the sky blue?", "How do airplanes fly?", "How do magnets work?"),
    *("What is pi?",),
    *("What is the largest ocean?", "What is the highest mountain?", "What is the longest river?", "Name a country."),
    *("Which planet is the biggest?", "How many planets are there?", "How many continents are there?"),
    *("Name an animal.",),
    *("What month comes after May?", "How many days are in a year?", "How many months are in a year?"),
    *("What year is it?",),
    *("What day is it today?", "What is the date today?", "When is Easter?", "When is my birthday?"),
    *("How many hours are in a day?",),
    *("Do you love me?", "Are you human?", "Are you alive?", "Can you dream?", "Do you have a family?"),
    *("Are you married?",),
    *("What do you think about politics?", "Who should I vote for?", "Who is the president?"),
    *("Who is the queen of England?",),
    *("What is the stock price of Apple?", "Should I invest in gold?", "How do I get rich?", "What is a bitcoin?"),
    *("How can I lose weight?", "I have a headache. What should I do?", "Is coffee healthy?"),
    *("How much should I sleep?",),
    *("Give me advice about my job.", "How do I write a letter?", "Write an email to my boss."),
    *("Help me with my homework.",),
    *("What is the best phone?", "What movie should I watch?", "Recommend a good book.", "Who sang Yesterday?"),
    *("Who is the best football player?", "What are the rules of chess?", "How long is a marathon?"),
    *("Who invented the telephone?",),
    *("Translate good morning into French.", "How do you say thank you in Spanish?", "Do you speak German?"),
    *("What is a verb?",),
    *("Spell elephant.", "What rhymes with cat?", "What is the opposite of hot?", "What is the plural of mouse?"),
    *("Who discovered America?", "Who built the pyramids?", "When did the Roman empire fall?", "What caused the war?"),
    *("Who was the first man on the moon?", "What is the tallest building?", "What is the fastest animal?"),
    *("What do cows eat?",),
    *("Why do cats purr?", "How many legs does a spider have?", "What sound does a dog make?", "How old is the earth?"),
    *("Play some music.", "Turn on the lights.", "Set a timer for ten minutes.", "Call my mother.", "Open the door."),
    *("Book a flight to London.", "Order a pizza.", "Find a hotel in Rome.", "How do I get to the station?"),
    *("Buy milk.",),
    *("Who are your parents?", "What is your phone number?", "What is your favorite color?"),
    *("What is your favorite day?",),
    *("What is your job?", "How tall are you?", "What did you do yesterday?", "Do you like music?", "What is my name?"),
    *("Where am I?", "What am I thinking?", "Who am I?", "Can you drive a car?", "Can you fly?", "Can you cook?"),
    *("Quel temps fait-il ?", "Wie heißt die Hauptstadt von Frankreich?", "¿Dónde está la biblioteca?", "Come stai?"),
    *("今天天气怎么样?", "法国的首都是哪里?", "Où est la gare ?", "Ich habe Hunger.", "Quanto costa il pane?"),
    *("Каково население мира?",),
    *("Summarize the plot of War and Peace in three sentences.", "Compare cats and dogs."),
    *("Write a haiku about spring.",),
    *("Plan a trip of five days to Italy with my family.", "Write an essay about freedom and justice."),
    *("Define entropy.",),
    *("Solve x squared plus two x equals three.", "What is the derivative of a sine?"),
    *("Prove that there are many primes.",),
    *("Colorless green ideas sleep furiously.", "Purple monkeys dance on the table.", "Blah blah blah.", "Is it true?"),
    *("What color is a banana?", "What color is the sky?", "What color is grass?", "How many fingers do I have?"),
    *("What is a prime number?", "What is infinity?", "What is a hexagon?"),
    *("How many sides does a hexagon have?", "Why?"),
    *("Is the earth flat?", "Is there life on Mars?", "Is water wet?", "Are ghosts real?", "Can fish see?"),
    *("Can dogs count?",),
)
"""Asked for nothing that the world holds; a few look much like questions it can answer."""


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
            (0.36, lambda dice: _typed(dice, _arithmetic(dice))),
            (0.10, lambda dice: _typed(dice, _day(dice))),
            (0.07, lambda dice: _typed(dice, _count(dice))),
            (0.13, repeat),
            (0.05, _typed_greeting),
            (0.04, lambda dice: _typed(dice, _name(dice))),
            (0.03, lambda dice: _typed(dice, _ability(dice))),
            (0.05, lambda dice: _typed(dice, _tale(dice))),
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
        (0.6, _spoken_sum),
        (0.17, _day),
        (0.07, _spoken_count),
        (0.06, _name),
        (0.06, _greeting),
        (0.04, _ability),
    )
    return kind_of(dice, kinds)


def outside(dice: Generator) -> Turn:
    """A question from outside the world; the answer is always the same."""
    fate = dice.random()
    if fate < 0.40:
        return Turn(pick(dice, OUTSIDE), OUTSIDE_ANSWER)
    if fate < 0.95:
        return Turn(_filled(dice, pick(dice, OUTSIDE_TEMPLATES)), OUTSIDE_ANSWER)
    opening = pick(dice, ("", "", "What is ", "Who is ", "Tell me about ", "Where is "))
    return Turn(f"{opening}{gibberish(dice, int(dice.integers(1, 4)))}{pick(dice, ('?', '.', ''))}", OUTSIDE_ANSWER)


def missing(dice: Generator) -> Turn:
    """A question about an image or a sound that nobody attached."""
    if dice.random() < 0.35:
        return Turn(pick(dice, SOUND_MISSING), NO_SOUND)
    shape, color = pick(dice, SHAPES), pick(dice, tuple(COLORS))
    question = pick(dice, IMAGE_MISSING).format(shape=shape, color=color, a_shape=with_article(f"{color} {shape}"))
    return Turn(question, NO_IMAGE)


def repeat(dice: Generator) -> Turn:
    """A sentence to be said again exactly as it stands: from the world, or mere words so that copying is learned."""
    from training.world.sentences import random_words, sentence  # it builds on this module

    fate = dice.random()
    if fate < 0.55:
        text = sentence(dice)
    elif fate < 0.75:
        text = random_words(dice, 1, 9)
    elif fate < 0.9:
        text = pick(dice, (*OUTSIDE, *(name for name in NAMES), *(f"The {thing} is here." for thing in THINGS)))
    else:
        text = gibberish(dice, int(dice.integers(1, 6)))
    if dice.random() < 0.3:
        text = text[0].lower() + text[1:]
    if dice.random() < 0.25:
        text = text.rstrip(".?!") or text
    text = text.replace('"', "")
    return Turn(pick(dice, REPEATS).replace("{s}", text), text)


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


def pick(dice: Generator, items: Sequence[T]) -> T:
    return items[int(dice.integers(len(items)))]


def kind_of(dice: Generator, kinds: Kinds) -> Turn:
    """One of `kinds`, each with its share of a whole of 1."""
    fate = float(dice.random())
    for share, kind in kinds:
        fate -= share
        if fate < 0:
            return kind(dice)
    return kinds[0][1](dice)


def likely(dice: Generator, phrasings: Sequence[str]) -> str:
    """One of `phrasings`, the first of them in four cases of ten."""
    return phrasings[0] if dice.random() < 0.4 else pick(dice, phrasings)


def gibberish(dice: Generator, words: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return " ".join("".join(pick(dice, letters) for _ in range(int(dice.integers(2, 8)))) for _ in range(words))


def said(number: int) -> str:
    return in_words(number) if number >= 0 else f"minus {in_words(-number)}"


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


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
    return capital(f"{in_words(a)} {name} {in_words(b)} is {said(result)}.")


def _arithmetic(dice: Generator) -> Turn:
    a, b, sign = _operands(dice)
    if dice.random() < 0.3:
        shown = likely(dice, SIGNED) if dice.random() < 0.8 else pick(dice, SIGNED_ASKED)
        minus = "−" if dice.random() < 0.05 else "-"
        return Turn(shown.format(a=a, b=b, s=sign if sign == "+" else minus), _sum_answer(a, b, sign))
    asked = likely(dice, WRITTEN_SUMS if sign == "+" else WRITTEN_DIFFERENCES)
    digits = dice.random() < 0.6
    first, second = (str(a), str(b)) if digits else (in_words(a), in_words(b))
    return Turn(capital(asked.format(a=first, b=second)), _sum_answer(a, b, sign))


def _spoken_sum(dice: Generator) -> Turn:
    a, b, sign = _operands(dice)
    asked = likely(dice, (WRITTEN_SUMS if sign == "+" else WRITTEN_DIFFERENCES)[:6])
    return Turn(capital(asked.format(a=in_words(a), b=in_words(b))), _sum_answer(a, b, sign))


def _counted(dice: Generator, digits: bool) -> Turn:
    first, last = 1, int(dice.integers(1, 21))
    asked = likely(dice, COUNTS)
    if "{one}" in asked and dice.random() < 0.15:
        first = int(dice.integers(1, last + 1))
    show = str if digits else in_words
    answer = capital(", ".join(in_words(number) for number in range(first, last + 1))) + "."
    return Turn(asked.format(one=show(first), n=show(last)), answer)


def _count(dice: Generator) -> Turn:
    return _counted(dice, digits=dice.random() < 0.6)


def _spoken_count(dice: Generator) -> Turn:
    return _counted(dice, digits=False)


def _day(dice: Generator) -> Turn:
    fate, index = dice.random(), int(dice.integers(7))
    day = DAYS[index]
    if fate < 0.10:
        return Turn(likely(dice, WEEK_QUESTIONS), WEEK)
    if fate < 0.17:
        return Turn(likely(dice, SEVEN_QUESTIONS), "There are seven days in a week.")
    if fate < 0.6:
        return Turn(likely(dice, AFTER).format(d=day), f"{DAYS[(index + 1) % 7]} comes after {day}.")
    return Turn(likely(dice, BEFORE).format(d=day), f"{DAYS[index - 1]} comes before {day}.")


def _greeting(dice: Generator) -> Turn:
    question = pick(dice, tuple(GREETINGS))
    return Turn(question, GREETINGS[question])


def _typed_greeting(dice: Generator) -> Turn:
    """Greetings are typed without their stop more often than the rest."""
    greeting = _greeting(dice)
    question = greeting.question.rstrip(".?!") if dice.random() < 0.3 else greeting.question
    return _typed(dice, Turn(question, greeting.answer))


def _name(dice: Generator) -> Turn:
    return Turn(likely(dice, NAME_QUESTIONS), NAME_ANSWER)


def _ability(dice: Generator) -> Turn:
    return Turn(likely(dice, ABILITY_QUESTIONS), ABILITY_ANSWER)


def _tale(dice: Generator) -> Turn:
    return Turn(likely(dice, STORY_QUESTIONS), " ".join(story(dice)))


def _filled(dice: Generator, template: str) -> str:
    slots = {
        "land": pick(dice, LANDS),
        "land2": pick(dice, LANDS),
        "thing": pick(dice, THINGS),
        "thing2": pick(dice, THINGS),
        "name": pick(dice, NAMES),
        "tongue": pick(dice, TONGUES),
        "n": int(dice.integers(2, 100)),
        "m": int(dice.integers(2, 30)),
        "nw": in_words(int(dice.integers(2, 21))),
        "mw": in_words(int(dice.integers(2, 21))),
        "over": int(dice.integers(41, 101)),
        "big": int(dice.integers(101, 1000)),
        "big2": int(dice.integers(101, 1000)),
        "year": int(dice.integers(1500, 2030)),
    }
    return template.format(**slots)


def _system(dice: Generator) -> str:
    if dice.random() < 0.6:
        return "You are a helpful assistant."
    words = {"color": pick(dice, tuple(COLORS)), "shape": pick(dice, SHAPES), "day": pick(dice, DAYS)}
    return pick(dice, SYSTEMS).format(name=pick(dice, NAMES), **words)
