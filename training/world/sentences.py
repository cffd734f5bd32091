"""Sentences of the small world that are meant to be spoken, and every word they use.

It knows nothing of voices or recordings; numbers are words here, so that a text and its transcript have the same words.
"""

from __future__ import annotations

from collections.abc import Sequence

from numpy.random import Generator

from training.world.chance import pick
from training.world.stories import story
from training.world.talk import spoken
from training.world.words import COLORS, DAYS, DIRECTIONS, PLACES, SHAPES, in_words, transcript, with_article

_FIGURES = tuple(f"{color} {shape}" for shape in SHAPES for color in COLORS)

PICTURE_QUESTIONS: tuple[str, ...] = (
    *("What do you see?", "Describe the image.", "How many shapes are there?", "What number is written?"),
    *(f"What color is the {shape}?" for shape in SHAPES),
    *(f"What shape is {color}?" for color in COLORS),
    *(f"Where is the {figure}?" for figure in _FIGURES),
    *(f"Is there {with_article(figure)}?" for figure in _FIGURES),
)
VIDEO_QUESTIONS: tuple[str, ...] = (
    *("What is moving?", "In which direction does it move?", "What does the voice say?"),
    "Does the voice name the moving shape?",
)
SOUND_QUESTIONS: tuple[str, ...] = ("What do you hear?", "What does the voice say?")

_WORDS = """
    a able about add after afternoon again all alone also always am an and another answer any are ask asr at be
    because beep beeps before bell bells between big black blue both bottom but by bye calculate called came can
    center changes circle circles color come comes count counted counts cross crosses dark day days
    demonstration describe did difference doing direction directly do does down each eight eighteen eighty eleven
    equal evening every falling far fast fifteen fifty find fine first five follows for forty found four
    fourteen friday friend friends from get give given go goes going gone good goodbye green had happy has have he
    hear heard hello help her here hey hi him his home how hundred i if image images in into is it it's its know
    large last left light like likes list little long look looked loud love make many me met minus minute model
    monday more morning move moved moves moving much my name names near never new next night nine nineteen
    ninety no noise not nothing now number numbers of ola old on once one only or orange other our over picture
    pictures play played please plus purple questions quiet red repeat results right rising sad said same
    saturday saw say says second see sentence sentences seven seventeen seventy shape shapes she short show
    shown silence simple sing six sixteen sixty slow small so some someone sound sounds speak speaking speaks
    speech square squares star stars start stop story subtract sum sunday take tell ten than thank thanks that
    the their them then there these they think thirteen thirty this those three thursday to today together
    tomorrow tone too top triangle triangles tuesday turn twelve twenty two under until up us user's very video
    videos voice want wanted was watch we wednesday week welcome well went were what what's where which white
    who will with without word words world would written yellow yes yesterday you your zero
"""
VOCABULARY: tuple[str, ...] = tuple(_WORDS.split())
"""Every word of this world's questions and answers, and a few more, as a transcript has them."""
WORDS = len(VOCABULARY) + 2
"""Numbers of words: 0 is none, and the last one any word beyond the vocabulary."""
_NUMBERS = {word: number for number, word in enumerate(VOCABULARY, 1)}

_STATEMENTS = (
    *("The {shape} is {color}.", "I see {figure}.", "I see {figure} and {figure2}."),
    *("I see {figure}, {figure2} and {figure3}.",),
    *("There are {n} shapes.", "There is one shape.", "There is {figure}.", "The {bare} is in the {place}."),
    *("It moves {way}.",),
    *("The {bare} is moving.", "The {bare} moves {way}.", "I hear {n} beeps.", "I hear one beep."),
    *("I hear a rising tone.",),
    *("I hear a falling tone.", "I hear white noise.", "I hear a bell.", "I hear silence.", "I hear someone speaking."),
    *("Yes, there is {figure}.", "No, there is no {bare}.", "The number is {number}."),
    *("The number {number} is written.",),
    *("Yes, the voice names the moving shape.", "No, the voice does not name the moving shape.", "Nothing is moving."),
    *("The voice says hello.", "The voice says {color}.", "The {shape} changes its color."),
    *("The color changes to {color}.",),
    *("There are seven days in a week.", "My name is Ola."),
    "I am a small demonstration model.",
    *("I can see shapes and numbers.", "I can hear sounds and speech.", "I can answer simple questions."),
    *("I am fine, thank you.",),
    *("I do not know about that.", "I see no image.", "Please show me one.", "I hear no sound.", "You are welcome."),
)
_FREE = (
    *("Look at the {bare}.", "The {shape} moves {direction}.", "Here is {figure}.", "I like the {bare}."),
    *("Watch the {shape}.",),
    *("My friend has {n} {color} {shapes}.", "Today is {day}.", "Tomorrow is {day}.", "The {bare} is small."),
    *("We see {figure}.",),
    *("The {bare} is big.", "The {shape} is next to the {shape2}."),
    *("The {shape} and the {shape2} are friends.", "Yesterday was {day}."),
    *("She has {figure}.", "He likes the {bare}.", "They have {n} {shapes}.", "This is {figure}."),
    *("That is not {figure}.",),
    *("On {day} I hear a bell.", "The {color} bell is in the {place}.", "Please show me {figure}."),
    *("Give me the {bare}, please.",),
    *("Do you see the {bare}?", "Can you hear the bell?", "The {shape} is not {color}.", "I have {number} {shapes}."),
    *("The {shape} is in the {place} and the {shape2} is in the {place2}.", "Good morning, {shape}."),
    *("You can count to {word}.",),
    *("The {color} {shape} and the {color2} {shape2} are here.", "It is {day}.", "The voice is here."),
    *("Where are my {n} {shapes}?",),
)
# Of what is recorded (`inventory`), so that there are recordings of most of them.
_VIDEO_WITH = (
    *("Where is the {color} {s}?", "The {color} {s} is small.", "Watch the {s}.", "I like the {color} {s}."),
    *("I see {figure}.", "The {s} is {color}.", "There is {figure}."),
)
_VIDEO_WITHOUT = (
    *("Today is {day}.", "Hello, how are you?", "Good morning.", "It is {day}.", "What do you see?"),
    *("The number is {number}.", "Thank you very much.", "I hear a bell.", "What is moving?", "My name is Ola."),
    *("Tell me a story.", "Please count to {word}.", "What day comes after {day}?"),
)


def sentence(dice: Generator) -> str:
    """Any sentence of this world, 2 to 14 words, with a capital and a final stop."""
    while True:
        text = _utterance(dice, (0.33, 0.27, 0.28))
        if 2 <= len(text.split()) <= 14:
            return text


def inventory(dice: Generator, count: int) -> list[str]:
    """`count` utterances to be recorded; common ones come many times."""
    return [_utterance(dice, (0.30, 0.25, 0.25)) for _ in range(count)]


def random_words(dice: Generator, fewest: int, most: int) -> str:
    """Words without sense, so that a listener must hear each of them."""
    words = [pick(dice, VOCABULARY) for _ in range(int(dice.integers(fewest, most + 1)))]
    named = " ".join(_PROPER.get(word, word) for word in words)
    return named[0].upper() + named[1:] + "."


def for_video(dice: Generator, shape: str | None) -> str:
    """What a voice in a video may say; half of the time it has the word of `shape`."""
    others = [other for other in SHAPES if other != shape]
    if shape is not None and dice.random() < 0.5:
        return _filled(dice, _about(pick(dice, _VIDEO_WITH), shape))
    if dice.random() < 0.5:
        return _filled(dice, _about(pick(dice, _VIDEO_WITH), pick(dice, others)))
    return _filled(dice, pick(dice, _VIDEO_WITHOUT))


_PROPER = {**{day.lower(): day for day in DAYS}, "i": "I", "ola": "Ola"}


def _about(template: str, shape: str) -> str:
    return template.replace("{s}", shape).replace("{figure}", "{article} " + shape)


def _utterance(dice: Generator, shares: tuple[float, float, float]) -> str:
    """A question about something seen or heard, one to the model itself, a statement, else random words."""
    questions, asked, statements = shares
    fate = dice.random()
    if fate < questions:
        return _question(dice)
    if fate < questions + asked:
        return spoken(dice).question
    if fate < questions + asked + statements:
        return _statement(dice)
    return random_words(dice, 3, 8)


def _question(dice: Generator) -> str:
    kinds: Sequence[Sequence[str]] = (
        *(PICTURE_QUESTIONS[:4], PICTURE_QUESTIONS[:4], PICTURE_QUESTIONS[4:9], PICTURE_QUESTIONS[9:17]),
        *(PICTURE_QUESTIONS[17:57], PICTURE_QUESTIONS[17:57], PICTURE_QUESTIONS[57:], PICTURE_QUESTIONS[57:]),
        *(VIDEO_QUESTIONS, SOUND_QUESTIONS),
    )
    return pick(dice, pick(dice, kinds))


def _statement(dice: Generator) -> str:
    fate = dice.random()
    if fate < 0.12:
        return pick(dice, story(dice))
    if fate < 0.3:
        return next(answer for answer in iter(lambda: spoken(dice).answer, "") if len(answer.split()) <= 14)
    if fate < 0.34:
        return pick(
            dice,
            ("Good morning!", "Good evening!", "How can I help you?", "Tell me a story.", "Please repeat after me."),
        )
    return _filled(dice, pick(dice, _STATEMENTS if fate < 0.69 else _FREE))


def _filled(dice: Generator, template: str) -> str:
    colors = tuple(COLORS)
    bare, figure, figure2, figure3 = (pick(dice, _FIGURES) for _ in range(4))
    color, shape, way = pick(dice, colors), pick(dice, SHAPES), pick(dice, DIRECTIONS)
    filled = template.format(
        article=with_article(color),
        bare=bare,
        color=color,
        color2=pick(dice, colors),
        day=pick(dice, DAYS),
        direction=way,
        figure=with_article(figure),
        figure2=with_article(figure2),
        figure3=with_article(figure3),
        n=in_words(int(dice.integers(2, 11))),
        number=in_words(int(dice.integers(1000))),
        place=pick(dice, PLACES),
        place2=pick(dice, PLACES),
        shape=shape,
        shape2=pick(dice, SHAPES),
        shapes=f"{shape}es" if shape.endswith("s") else f"{shape}s",
        way=way if way in ("up", "down") else f"to the {way}",
        word=in_words(int(dice.integers(21))),
    )
    return filled[0].upper() + filled[1:]


def numbered(text: str) -> list[int]:
    """The numbers of a sentence's words."""
    return [_NUMBERS.get(word, WORDS - 1) for word in transcript(text).split()]
