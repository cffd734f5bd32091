"""The report's questions: each task asks what it is named for, as clients would, and answers are judged rightly."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from training.exam import Exam, Question, word_errors
from training.report import BAR, Answered, orders, table
from training.tasks import World
from training.vocabulary import write_json
from training.world.sentences import inventory
from training.world.speech import HELD_OUT, Bank, build

PARTS = {
    "images": {"image_url"},
    "written numbers": {"image_url"},
    "sounds": {"input_audio"},
    "transcripts": {"input_audio"},
    "spoken questions": {"input_audio"},
    "image and spoken question": {"image_url", "input_audio"},
    "video": {"video_url"},
    "video: the voice": {"video_url"},
    "video: voice and picture": {"video_url"},
}


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> Exam:
    folder = tmp_path_factory.mktemp("bank")
    build(folder, inventory(np.random.default_rng(0), 400), 0, voices=HELD_OUT, processes=2)
    return Exam(World(Bank(folder), held_out=True, whole=True))


def drawn(exam: Exam, task: str, count: int = 3) -> Iterator[Question]:
    return (exam.tasks[task](np.random.default_rng([7, number])) for number in range(count))


def asked(question: Question) -> tuple[str, list[dict[str, Any]]]:
    """The text of the last message, and its other parts."""
    content = question.messages[-1]["content"]
    texts = [part["text"] for part in content if part["type"] == "text"]
    return " ".join(texts), [part for part in content if part["type"] != "text"]


@pytest.mark.parametrize("task", PARTS)
def test_a_task_is_asked_with_what_it_is_about(exam: Exam, task: str) -> None:
    for question in drawn(exam, task):
        assert question.task == task
        assert {part["type"] for part in asked(question)[1]} == PARTS[task]
        assert question.right(question.answer.upper())
        assert not question.right("I do not know.")


def test_there_is_no_task_without_a_bar_or_a_test(exam: Exam) -> None:
    assert set(exam.tasks) == {*PARTS, "text"} == {*BAR, "transcripts", "video: the voice"}


def test_voice_and_picture_is_the_question_that_needs_both(exam: Exam) -> None:
    questions = list(drawn(exam, "video: voice and picture", 6))
    assert {asked(question)[0] for question in questions} == {"Does the voice name the moving shape?"}
    assert {question.answer.split(",")[0] for question in questions} <= {"Yes", "No"}


def test_clips_are_of_the_world(exam: Exam) -> None:
    for question in drawn(exam, "video"):
        url = asked(question)[1][0]["video_url"]["url"]
        with av.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) as file:
            video = file.streams.video[0]
            assert 7.5 <= float(video.average_rate or 0) <= 25.5
            assert 7 <= video.frames <= 6 * 25
            assert max(video.width, video.height) <= 640


def test_word_errors_are_counted_as_insertions_deletions_and_substitutions() -> None:
    assert word_errors("a red star", "A red star.") == (0, 3)
    assert word_errors("a star", "a red star") == (1, 3)
    assert word_errors("a big red star", "a red star") == (1, 3)
    assert word_errors("the blue star here", "a red star") == (3, 3)


def test_the_table_counts_right_answers_and_wrong_words() -> None:
    question = Question("transcripts", [], "one two three four")
    answers = [Answered(question, "one two three four", 0.1), Answered(question, "one two four", 0.1)]
    right, wrong = table(answers)[2:]
    assert right == "| transcripts | 50.0% |  | 2 |"
    assert wrong == "| transcripts: wrong words | 12.5% | at most 8% | 8 words |"


@pytest.mark.parametrize(("progressive", "verdict"), [(0.9, "wins"), (0.55, "cannot be told"), (0.1, "does not win")])
def test_orders_that_chance_may_have_parted_are_not_called_a_winner(
    tmp_path: Path, progressive: float, verdict: str
) -> None:
    ends = {"direct mixing": 0.5, "balanced sampling": 0.4, "progressive alignment": progressive}
    points = {
        name: [{"step": 9, **dict.fromkeys(("image", "video", "sound"), right), "answers": 60}]
        for name, right in ends.items()
    }
    write_json(tmp_path / "orders.json", points)
    assert verdict in orders(tmp_path / "orders.json")[-1]
