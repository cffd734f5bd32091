"""Questions that have no answer here: what lies outside the small world, and images and sounds that nobody attached.

It knows no answer but that there is none.
"""

from __future__ import annotations

from numpy.random import Generator

from training.world.chance import pick
from training.world.words import ANSWER_SPEECH, COLORS, SHAPES, TRANSCRIBE, Turn, in_words, with_article

OUTSIDE_ANSWER = "I am a small demonstration model. I do not know about that."
NO_IMAGE = "I see no image. Please show me one."
NO_SOUND = "I hear no sound. Please play me one."

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


def gibberish(dice: Generator, words: int) -> str:
    """`words` words that nobody knows."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return " ".join("".join(pick(dice, letters) for _ in range(int(dice.integers(2, 8)))) for _ in range(words))


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
