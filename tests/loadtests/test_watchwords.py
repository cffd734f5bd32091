"""Watchwords: told apart whatever a model misreads, and never with two users at a time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from itertools import combinations
from random import Random

import pytest

from loadtests.users.watchwords import Lending, TooManyUsersError, Verdict, Watchword, sentences, sums, written
from tests.demo.words import words


@pytest.mark.parametrize("made", [written, sentences, sums])
def test_any_two_differ_in_two_places(made: Callable[[], list[Watchword]]) -> None:
    # A number's places are its digits.
    said = [list(word.said) if made is written else words(word.said) for word in made()]
    assert len(said) > 25
    for one, other in combinations(said, 2):
        assert len(one) == len(other) or made is sentences  # "a" is "an" before "orange": no place of its own
        assert sum(a != b for a, b in zip(one, other, strict=True)) >= 2, (one, other)


@pytest.mark.parametrize(
    ("word", "other", "right", "wrong"),
    [
        (written()[3], written()[8], "The number 134 is written.", "The number 135 is written."),
        (sentences()[1], sentences()[7], "i see a red circle and a green square", "I see a red circle."),
        (sums()[0], sums()[1], "Eight plus ten is eighteen.", "Eight plus nine is seventeen."),
    ],
    ids=["number", "sentence", "sum"],
)
def test_an_answer_is_right_or_wrong_or_someone_elses(
    word: Watchword, other: Watchword, right: str, wrong: str
) -> None:
    theirs = f"Well: {' and '.join(map(str, other.marks))}"
    assert word.verdict(right, [other]) is Verdict.RIGHT
    assert word.verdict(wrong, [other]) is Verdict.WRONG
    assert word.verdict(theirs, [other]) is Verdict.STOLEN
    assert word.verdict(theirs, []) is Verdict.WRONG  # nobody was there to be mixed up with
    assert word.verdict("", [other]) is Verdict.WRONG


def test_a_result_is_right_whatever_else_is_said() -> None:
    assert sums()[0].verdict("It is eighteen.", []) is Verdict.RIGHT


def test_what_one_has_else_is_not_someone_elses() -> None:
    lending, user = Lending(sums(), Random(0)), object()
    with lending.lent(user) as first, lending.lent(user) as second, lending.lent(object()) as other:
        assert first.beside == second.beside == [other.word]
        assert other.beside == [first.word, second.word]


def test_nobody_has_what_another_one_has() -> None:
    lending = Lending(sums()[:3], Random(0))
    with ExitStack() as stack:
        first = stack.enter_context(lending.lent())
        with lending.lent() as second:
            assert first.word != second.word
            assert first.beside == [second.word]
            assert second.beside == [first.word]
        # He is gone, but was there: what is meant for him may still come.
        with lending.lent() as third, lending.lent() as again:
            assert again.word == second.word  # the one that has been back for longest: all others are out
            assert first.beside == [second.word, third.word, again.word]
            with pytest.raises(TooManyUsersError), lending.lent():
                pass
