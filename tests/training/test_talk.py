"""Whether the small world's text answers are right, and whether each question can be read only as it is answered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import pytest
from numpy.random import Generator, default_rng

from training.world import days, outside, stories, sums, talk
from training.world.words import DAYS, Turn, in_words

NUMBER_OF = {in_words(number): number for number in range(41)}


def numbers_in(question: str) -> list[int]:
    """The whole numbers of a question, written in digits or in words."""
    words = re.findall(r"\d+|[a-z]+", question.lower())
    return [
        int(word) if word.isdecimal() else NUMBER_OF[word] for word in words if word.isdecimal() or word in NUMBER_OF
    ]


def value(said: str) -> int:
    return -NUMBER_OF[said.removeprefix("minus ")] if said.startswith("minus ") else NUMBER_OF[said]


@pytest.mark.parametrize("make", [sums.arithmetic, sums.spoken_sum])
def test_every_sum_and_difference_is_right(make: Callable[[Generator], Turn]) -> None:
    dice = default_rng(1)
    asked = set()
    for _ in range(4000):
        made = make(dice)
        match = re.fullmatch(r"([a-z]+) (plus|minus) ([a-z]+) is ([a-z ]+)\.", made.answer.lower())
        assert match, made
        a, b, result = NUMBER_OF[match[1]], NUMBER_OF[match[3]], value(match[4])
        assert result == (a + b if match[2] == "plus" else a - b)
        assert made.answer[0].isupper()
        turned = re.match(r"(Subtract|Take|Add \w+ to|Please subtract|.*subtract|.*take)", made.question)
        asks = numbers_in(made.question)
        assert asks == [a, b] or (turned and asks == [b, a]), made
        asked.add((a, b, match[2]))
    assert len({(a, b) for a, b, sign in asked if sign == "plus" and a + b <= 20}) > 225
    assert sum(a < b for a, b, sign in asked if sign == "minus") < 100


def test_days_come_in_their_order() -> None:
    dice = default_rng(2)
    for _ in range(2000):
        made = days.weekday(dice)
        named = [day for day in DAYS if day in made.question]
        if not named:
            assert made.answer in (days.WEEK, "There are seven days in a week.")
            continue
        step = -1 if re.search(r"before|yesterday", made.question) else 1
        order = "comes before" if step < 0 else "comes after"
        assert made.answer == f"{DAYS[(DAYS.index(named[0]) + step) % 7]} {order} {named[0]}."


def test_counting_goes_from_the_first_to_the_last() -> None:
    dice = default_rng(3)
    ends = set()
    for _ in range(1000):
        made = sums.counting(dice)
        asked = numbers_in(made.question)
        first, last = (1, asked[0]) if len(asked) == 1 else (asked[0], asked[1])
        answer = made.answer.lower().rstrip(".").split(", ")
        assert [NUMBER_OF[word] for word in answer] == list(range(first, last + 1))
        ends.add(last)
    assert ends == set(range(1, 21))


def test_a_repeated_sentence_stands_in_its_question() -> None:
    dice = default_rng(4)
    answers = set()
    for _ in range(1500):
        made = talk.repeat(dice)
        assert made.answer
        assert made.answer in made.question
        assert '"' not in made.answer
        assert re.search(r"repeat|say", made.question.lower().replace(made.answer.lower(), ""))
        answers.add(made.answer)
    assert len(answers) > 900


def test_stories_are_five_to_eight_short_sentences() -> None:
    dice = default_rng(5)
    different = {stories.story(dice) for _ in range(3000)}
    assert len(different) == 200
    for told in different:
        assert 5 <= len(told) <= 8
        assert all(len(line.split()) <= 12 and line.endswith(".") and line.count(".") == 1 for line in told)
        assert "{" not in " ".join(told)


def test_outside_and_missing_have_their_own_answers() -> None:
    dice = default_rng(6)
    questions = Counter(outside.outside(dice).question for _ in range(2000))
    assert len(questions) > 900
    assert max(questions.values()) < 20
    assert {outside.outside(dice).answer for _ in range(100)} == {outside.OUTSIDE_ANSWER}
    for _ in range(300):
        made = outside.missing(dice)
        assert "{" not in made.question
        heard = re.search(r"hear|voice|sound|speech|beep", made.question)
        assert made.answer == (outside.NO_SOUND if heard else outside.NO_IMAGE)


def test_the_same_question_never_has_two_answers() -> None:
    dice = default_rng(7)
    known: dict[str, str] = {}
    for _ in range(8000):
        made = talk.turn(dice)
        if "story" not in made.question.lower():
            assert known.setdefault(made.question, made.answer) == made.answer


def test_spoken_questions_can_be_spoken() -> None:
    dice = default_rng(8)
    for _ in range(2000):
        made = talk.spoken(dice)
        assert re.fullmatch(r"[A-Z][A-Za-z' ,.?!]+", made.question), made
        assert "{" not in made.answer


def test_conversations_follow_from_the_dice() -> None:
    first, second = default_rng(9), default_rng(9)
    told = [talk.conversation(first) for _ in range(300)]
    assert told == [talk.conversation(second) for _ in range(300)]
    assert {len(conversation.turns) for conversation in told} == {1, 2, 3, 4}
    systems = Counter(conversation.system for conversation in told)
    assert systems.most_common(1)[0][0] == "You are a helpful assistant."
    assert len(systems) > 25
    assert not any("{" in system for system in systems)
