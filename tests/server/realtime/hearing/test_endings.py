"""Finished or not: a set that the rules were made on, and one that they were not."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.realtime.hearing.endings import probability_of_end

HERE = Path(__file__).parent
BARS = {"endings_dev.txt": 0.97, "endings_held_out.txt": 0.92}
"""Parts that must be right; measured 0.991 and 0.940."""


def utterances(name: str) -> list[tuple[bool, str]]:
    """Whether the speaker has finished, and what was said."""
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [(line[0] == "+", line[2:]) for line in lines]


@pytest.mark.parametrize("name", BARS)
def test_most_utterances_are_judged_right(name: str) -> None:
    said = utterances(name)
    wrong = [text for finished, text in said if (probability_of_end(text) >= 0.5) != finished]
    assert len(wrong) <= (1 - BARS[name]) * len(said), wrong


def test_the_sets_are_balanced_and_apart() -> None:
    dev, held_out = map(utterances, BARS)
    assert len(dev) + len(held_out) >= 240
    for said in (dev, held_out):
        assert 0.4 < sum(finished for finished, _ in said) / len(said) < 0.6
    assert not {text for _, text in dev} & {text for _, text in held_out}


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ("i want to go to the", "i want to go to the station"),
        ("can you", "can you hear me"),
        ("my phone number is five five five", "my phone number is five five five one two three four"),
        ("it's", "it's raining"),
        ("if it rains", "if it rains we stay at home and play"),
        ("i wonder where they", "tell me where they are"),
        ("no but", "no"),
        ("Wir gehen,", "Wir gehen."),
    ],
)
def test_a_sentence_that_is_finished_is_likelier_to_be(less: str, more: str) -> None:
    assert probability_of_end(less) < 0.5 < probability_of_end(more)


@pytest.mark.parametrize(
    "text", ["", "   ", "今天天气", "wir gehen heute abend ins kino", "кто там", "hoy vamos a comer paella", "--- !"]
)
def test_without_words_or_in_another_language_nothing_is_known(text: str) -> None:
    assert probability_of_end(text) == 0.5


@pytest.mark.parametrize("mark", ["?", "？", "!", ".", "。"])
def test_marks_are_believed_in_any_language(mark: str) -> None:
    assert probability_of_end("wir gehen heute abend ins kino" + mark) > 0.7


@pytest.mark.parametrize("mark", [",", "...", "…", ":", ";", "，", " -"])
def test_open_marks_are_believed_too(mark: str) -> None:
    assert probability_of_end("thank you" + mark) < 0.2


def test_a_full_stop_after_an_article_is_the_recognisers_own() -> None:
    assert probability_of_end("I went to the.") < 0.2


def test_case_and_apostrophes_do_not_matter() -> None:
    assert probability_of_end("I DON’T KNOW") == probability_of_end("i don't know") > 0.5
