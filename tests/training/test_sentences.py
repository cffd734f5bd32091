"""Whether the spoken sentences can be spoken, and whether every word of them is a word of the world."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from numpy.random import default_rng

from training.world import days, greetings, outside, sentences, stories, sums
from training.world.words import ANSWER_SPEECH, COLORS, SHAPES, TRANSCRIBE, in_words, transcript

WORDS = set(sentences.VOCABULARY)
SPEAKABLE = re.compile(r"[A-Z][A-Za-z' ,.?!]*[.?!]")


def test_about_three_hundred_words() -> None:
    assert 290 <= len(sentences.VOCABULARY) <= 340
    assert len(WORDS) == len(sentences.VOCABULARY)
    assert all(transcript(word) == word for word in WORDS)


def test_every_sentence_is_speakable_and_made_of_known_words() -> None:
    dice = default_rng(1)
    for _ in range(4000):
        text = sentences.sentence(dice)
        assert SPEAKABLE.fullmatch(text), text
        assert 2 <= len(text.split()) <= 14
        assert set(transcript(text).split()) <= WORDS, text
        assert "  " not in text


def test_questions_and_answers_of_the_world_use_known_words() -> None:
    dice = default_rng(2)
    kinds = (
        sums.arithmetic,
        days.weekday,
        sums.counting,
        greetings.greeting,
        greetings.introduction,
        greetings.abilities,
        stories.tale,
        outside.missing,
    )
    texts = [*sentences.PICTURE_QUESTIONS, *sentences.VIDEO_QUESTIONS, *sentences.SOUND_QUESTIONS]
    texts += [TRANSCRIBE, ANSWER_SPEECH, outside.OUTSIDE_ANSWER, *(in_words(number) for number in range(1000))]
    for kind in kinds:
        for _ in range(400):
            made = kind(dice)
            texts += [re.sub(r"[\d+=−-]", " ", made.question), made.answer]
    assert {word for text in texts for word in transcript(text).split()} <= WORDS


def test_the_picture_questions_are_the_issues() -> None:
    asked = sentences.PICTURE_QUESTIONS
    assert len(asked) == len(set(asked)) == 4 + 5 + 8 + 40 + 40
    assert {"What color is the star?", "What shape is red?", "Where is the blue square?"} <= set(asked)
    assert {"Is there a green circle?", "Is there an orange cross?"} <= set(asked)


def test_the_inventory_is_mixed() -> None:
    texts = sentences.inventory(default_rng(3), 4000)
    assert texts == sentences.inventory(default_rng(3), 4000)
    assert len(texts) == 4000
    assert all(SPEAKABLE.fullmatch(text) for text in texts)
    counts = Counter(texts)
    assert counts.most_common(1)[0][1] < 120
    assert len(counts) > 1800
    assert 0.2 < sum(text in sentences.PICTURE_QUESTIONS for text in texts) / len(texts) < 0.32
    assert set(COLORS) | set(SHAPES) <= {word for text in texts for word in transcript(text).split()}


@pytest.mark.parametrize("shape", SHAPES)
def test_half_of_the_voices_in_videos_name_the_shape(shape: str) -> None:
    dice = default_rng(4)
    texts = [sentences.for_video(dice, shape) for _ in range(600)]
    words = [transcript(text).split() for text in texts]
    assert 0.42 < sum(shape in said for said in words) / len(texts) < 0.58
    assert not any(f"{other}s" in said or f"{other}es" in said for said in words for other in SHAPES)
    assert all(SPEAKABLE.fullmatch(text) and set(said) <= WORDS for text, said in zip(texts, words, strict=True))


def test_a_voice_may_speak_where_nothing_moves() -> None:
    dice = default_rng(5)
    assert all(SPEAKABLE.fullmatch(sentences.for_video(dice, None)) for _ in range(200))
