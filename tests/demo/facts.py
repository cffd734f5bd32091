"""What a right answer must hold, whatever its wording. Knows answers as text, nothing of how the input was made."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.demo.words import COLORS, DAYS, NUMBERS, SHAPES, number, numbers, singular, unquoted, word_errors, words

ABILITIES = (
    {"see", "look", "image", "images", "picture", "pictures", "shape", "shapes"},
    {"hear", "listen", "sound", "sounds", "speech"},
    {"watch", "video", "videos", "clip", "clips"},
    {"answer", "count", "add", "sums", "questions", "talk", "story", "stories", "repeat"},
)
SOUNDS = {
    "rising": r"\b(?:rising|rises)\b",
    "falling": r"\b(?:falling|falls)\b",
    "beeps": r"\bbeeps?\b",
    "noise": r"\bnoise\b",
    "bell": r"\bbell\b",
    "silence": r"\b(?:silence|silent|nothing|no sound)\b",
    "speech": r"\b(?:speaking|speaks|speech|voice|talking)\b",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """`expected` is for people, and for a transcript the words spoken; `holds` says whether an answer has it."""

    expected: str
    holds: Callable[[str], bool]


def pairs(answer: str) -> Counter[tuple[str, str]]:
    """The colored shapes that an answer lists, "two red circles" twice."""
    listed = singular(answer)
    found: Counter[tuple[str, str]] = Counter()
    for before, color, shape in zip(["", *listed], listed, listed[1:], strict=False):
        if color in COLORS and shape in SHAPES:
            count = number(before)
            found[color, shape] += 1 if count is None else count
    return found


def seen(shapes: Iterable[tuple[str, str]]) -> Fact:
    wanted = Counter(shapes)
    expected = ", ".join(f"{count} {color} {shape}" for (color, shape), count in wanted.items())
    return Fact(expected, lambda answer: pairs(answer) == wanted)


def how_many(count: int) -> Fact:
    return Fact(str(count), lambda answer: numbers(answer)[:1] == [count])


def only(word: str, among: Iterable[str]) -> Fact:
    """Of the words `among`, the answer has this one and no other."""
    others = set(among)
    return Fact(word, lambda answer: others & set(singular(answer)) == {word})


def places(answer: str) -> set[str]:
    """The most exact places named: "top left" hides "top"."""
    text = " ".join(words(answer)).replace("middle", "center").replace("centre", "center")
    found = set(re.findall(r"\b(?:(?:top|bottom)(?: (?:left|right))?|left|right|center)\b", text))
    longest = max((len(place.split()) for place in found), default=0)
    return {place for place in found if len(place.split()) == longest}


def place(name: str) -> Fact:
    return Fact(name, lambda answer: places(answer) == {name})


def yes(truth: bool) -> Fact:
    word = "yes" if truth else "no"
    return Fact(word, lambda answer: words(answer)[:1] == [word])


def written(value: int) -> Fact:
    return Fact(str(value), lambda answer: re.findall(r"\d+", answer) == [str(value)])


def moving(shape: str | None) -> Fact:
    if shape is not None:
        named = only(shape, SHAPES)
        return Fact(shape, lambda answer: named.holds(answer) and "nothing" not in words(answer))
    return Fact("nothing", lambda answer: bool({"nothing", "not"} & set(words(answer))))


def directions(answer: str) -> set[str]:
    return set(re.findall(r"\b(left|right|up|down)(?:wards?)?\b", answer.lower()))


def direction(name: str | None) -> Fact:
    if name is not None:
        return Fact(name, lambda answer: directions(answer) == {name} and "not" not in words(answer))
    still = {"not", "nothing", "still"}
    return Fact("not", lambda answer: not directions(answer) and bool(still & set(words(answer))))


def sound(kind: str, beeps: int = 0) -> Fact:
    def holds(answer: str) -> bool:
        heard = {name for name, pattern in SOUNDS.items() if re.search(pattern, answer.lower())}
        return heard == {kind} and (kind != "beeps" or beeps_in(answer) == beeps)

    return Fact(f"{beeps} beeps" if kind == "beeps" else kind, holds)


def beeps_in(answer: str) -> int | None:
    counted = numbers(answer)
    return counted[0] if counted else 1 if "beep" in words(answer) else None


def result(value: int) -> Fact:
    return Fact(str(value), lambda answer: numbers(answer)[-1:] == [value])


def day(name: str, asked: str) -> Fact:
    """The question's own day may be said again."""
    days = {word.lower() for word in DAYS}
    return Fact(name, lambda answer: days & set(words(answer)) - {asked.lower()} == {name.lower()})


def holding(phrase: str) -> Fact:
    return Fact(phrase, lambda answer: f" {phrase.lower()} " in f" {' '.join(words(answer))} ")


def one_of(*accepted: str) -> Fact:
    return Fact(" or ".join(accepted), lambda answer: bool(set(accepted) & set(words(answer))))


def abilities() -> Fact:
    return Fact("two of its abilities", lambda answer: sum(bool(some & set(words(answer))) for some in ABILITIES) >= 2)


def counted(to: int) -> Fact:
    """One to `to` at the end of the answer, which may have said before how far it would count."""
    sequence = list(range(1, to + 1))
    return Fact(f"{NUMBERS[1]} to {NUMBERS[to]}", lambda answer: numbers(answer) in (sequence, [to, *sequence]))


def repeated(sentence: str) -> Fact:
    return Fact(sentence, lambda answer: words(answer) == words(sentence))


def story() -> Fact:
    def holds(answer: str) -> bool:
        sentences = [" ".join(words(part)) for part in re.split(r"[.!?]+", answer) if words(part)]
        return 5 <= len(sentences) <= 8 and len(set(sentences)) == len(sentences)

    return Fact("five to eight different sentences", holds)


def transcript(sentence: str) -> Fact:
    return Fact(" ".join(words(sentence)), lambda answer: word_errors(sentence, unquoted(answer))[0] == 0)
