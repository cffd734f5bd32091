"""The exam draws what its world allows, the same again from the same seed, and judges answers by their facts."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random

import av
import httpx
import numpy as np
import pytest

from tests.demo import clips, facts, pictures, questions, sentences, sounds, talk, world
from tests.demo.ask import Answer, exam, row
from tests.demo.facts import Fact
from tests.demo.words import COLORS, SHAPES, unquoted, word_errors, words

RIGHT = [
    (facts.seen([("red", "circle"), ("red", "circle")]), "I see two red circles."),
    (facts.seen([("red", "circle"), ("blue", "cross")]), "There is a blue cross and a red circle."),
    (facts.how_many(3), "There are three shapes."),
    (facts.how_many(3), "There are 3 shapes."),
    (facts.only("red", COLORS), "The star is red."),
    (facts.place("top left"), "The blue square is in the top left."),
    (facts.place("top left"), "It is at the top-left, near the top."),
    (facts.place("center"), "It is in the middle."),
    (facts.yes(False), "No, there is no green circle."),
    (facts.written(407), "The number 407 is written."),
    (facts.moving("star"), "The red star is moving."),
    (facts.moving(None), "Nothing is moving."),
    (facts.direction("left"), "The circle moves to the left."),
    (facts.direction("up"), "It moves upwards."),
    (facts.direction(None), "It does not move."),
    (facts.sound("beeps", 1), "I hear a beep."),
    (facts.sound("beeps", 4), "I hear four beeps."),
    (facts.sound("noise"), "I hear white noise."),
    (facts.result(12), "7 plus 5 is twelve."),
    (facts.day("Tuesday", "Monday"), "Tuesday comes after Monday."),
    (facts.counted(3), "One, two, three."),
    (facts.counted(3), "Counting to 3: 1, 2, 3"),
    (facts.holding("small demonstration model"), "Sorry, I am only a small demonstration model."),
    (facts.transcript("What is two plus three?"), "what is 2 plus three"),
    (facts.transcript("Where is the star?"), 'The voice says: "Where is the star?"'),
    (facts.story(), "A cat sat. It ran. It saw a dog! Was it glad? It was."),
]
WRONG = [
    (facts.seen([("red", "circle")]), "I see a red circle and a blue square."),
    (facts.seen([("red", "circle"), ("red", "circle")]), "I see a red circle."),
    (facts.how_many(3), "There are four shapes."),
    (facts.only("red", COLORS), "The star is red and blue."),
    (facts.place("top"), "It is in the top left."),
    (facts.place("left"), "It is in the bottom left."),
    (facts.yes(True), "No."),
    (facts.written(40), "The number 407 is written."),
    (facts.moving("star"), "The circle is moving."),
    (facts.moving("star"), "Nothing is moving, the star is still."),
    (facts.direction("left"), "It does not move."),
    (facts.direction(None), "It moves left."),
    (facts.sound("beeps", 4), "I hear five beeps."),
    (facts.sound("silence"), "I hear white noise."),
    (facts.result(12), "12 minus 5 is 7."),
    (facts.day("Tuesday", "Monday"), "Monday."),
    (facts.counted(3), "One, two, four."),
    (facts.one_of("goodbye", "bye"), "Hello! How can I help you?"),
    (facts.abilities(), "I can see."),
    (facts.story(), "It ran. It ran. It ran. It ran. It ran."),
    (facts.repeated("I see a star."), "I see a cross."),
    (facts.transcript("Where is the star?"), "where is a star"),
]


@pytest.mark.parametrize(("fact", "answer"), RIGHT)
def test_accepts(fact: Fact, answer: str) -> None:
    assert fact.holds(answer)


@pytest.mark.parametrize(("fact", "answer"), WRONG)
def test_refuses(fact: Fact, answer: str) -> None:
    assert not fact.holds(answer)


def test_counts_word_errors() -> None:
    assert word_errors("The red star.", "the red star") == (0, 3)
    assert word_errors("The red star.", "red cars are") == (3, 3)
    assert word_errors("The red star.", "") == (3, 3)
    assert unquoted("It says the star is red.").split() == ["the", "star", "is", "red."]


def test_its_own_answers_are_right() -> None:
    for seed in range(200):
        exchange = talk.exchange(Random(seed))
        assert exchange.fact.holds(exchange.answer), exchange


def test_shapes_are_inside_apart_and_clearly_placed() -> None:
    for seed in range(60):
        random = Random(seed)
        width, height = pictures.size(random)
        shapes = pictures.scatter(random, 1 + seed % 5, width, height, pictures.ground(random))
        assert 64 <= min(width, height) <= max(width, height) <= 640
        assert len(shapes) == 1 + seed % 5
        for shape in shapes:
            assert 0.12 <= round(shape.size / min(width, height), 6) <= 0.6
            assert shape.size / 2 <= shape.x <= width - shape.size / 2
            assert shape.size / 2 <= shape.y <= height - shape.size / 2
            assert pictures.clear(shape.x / width)
            assert pictures.clear(shape.y / height)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("smooth", [1, 4])
def test_paints_the_shape_at_its_place(kind: str, smooth: int) -> None:
    shape = pictures.Shape("red", kind, (255, 0, 0), x=70, y=30, size=30, turn=0, slim=0.5)
    picture = np.asarray(pictures.draw(np.zeros((60, 100, 3), dtype=np.uint8), [shape], smooth))[..., 0] > 127
    rows, columns = np.nonzero(picture)
    assert picture[30, 70]
    assert abs(rows.min() - 15) <= 2
    assert abs(columns.min() - 55) <= 2
    assert abs(columns.max() - 85) <= 2
    assert 200 < picture.sum() < 990


def test_a_picture_is_the_same_again() -> None:
    for task in ("images", "written numbers", "text"):
        if world.TASKS[task].missing():
            continue
        assert world.draw(task, 1, 2).messages == world.draw(task, 1, 2).messages
        assert world.draw(task, 1, 2).messages != world.draw(task, 1, 3).messages


def test_names_the_place_by_thirds() -> None:
    shape = pictures.Shape("red", "star", (255, 0, 0), x=10, y=50, size=10, turn=0, slim=0)
    assert questions.place(shape, (100, 100)) == "left"
    assert questions.place(shape, (100, 60)) == "bottom left"


@pytest.mark.parametrize("way", [*clips.WAYS, "still", "color"])
def test_an_actor_stays_inside(way: str) -> None:
    for seed in range(20):
        clip = clips.clip(Random(f"{way}{seed}"), way)
        for share in (0.0, 1.0):
            for shape in clip.shapes(share):
                assert 0 < shape.x < clip.width
                assert 0 < shape.y < clip.height


def test_a_clip_moves_and_sounds() -> None:
    clip = clips.lasting(clips.clip(Random(3), "right"), 1.2)
    stored = clips.mp4(clip, sounds.beeps(Random(1), 2))
    with av.open(io.BytesIO(stored)) as container:
        frames = list(container.decode(video=0))
    with av.open(io.BytesIO(stored)) as container:
        heard = sum(frame.samples for frame in container.decode(audio=0))
    assert len(frames) == np.ceil(1.2 * clip.rate)
    assert abs(heard - 1.2 * sounds.RATE) < 4000
    assert clip.shapes(1.0)[-1].x > clip.shapes(0.0)[-1].x


def test_sounds_are_what_they_are_called() -> None:
    for seed in range(5):
        loud = np.abs(sounds.beeps(Random(seed), 4)) > 0.03
        starts = np.nonzero(np.diff(np.nonzero(loud)[0]) > sounds.RATE // 10)[0]
        assert len(starts) + 1 == 4
        rising = sounds.glide(Random(seed), rising=True)
        half = len(rising) // 2
        crossings = [np.count_nonzero(np.diff(np.sign(part))) for part in (rising[:half], rising[half:])]
        assert crossings[1] > crossings[0]


def test_sentences_name_the_shape_or_not() -> None:
    for seed in range(200):
        assert "star" in words(sentences.naming(Random(seed), "star"))
        assert "star" not in words(sentences.not_naming(Random(seed), "star"))


@pytest.mark.skipif(not sounds.can_speak(), reason="espeak-ng is not on the path")
def test_speaks_the_same_again() -> None:
    first, again = (sounds.speech(Random(4), "What is two plus three?") for _ in range(2))
    assert np.array_equal(first, again)
    assert 1 < len(first) / sounds.RATE < 4


@pytest.mark.anyio
async def test_asks_and_counts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = "I am a small demonstration model."

    def serve(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"data": [{"id": "ola"}]})
        return httpx.Response(200, json={"choices": [{"message": {"content": said}}]})

    async with httpx.AsyncClient(base_url="http://ola", transport=httpx.MockTransport(serve)) as http:
        assert not await exam(http, ["text", "images"], 0, 20, tmp_path / "wrong.md")
    right = sum(world.draw("text", 0, index).fact.holds(said) for index in range(20))
    assert 0 < right < 20
    assert f"| text | {right / 20:.1%} | 95% | 20 |\n| images | 0.0% | 92% | 20 |" in capsys.readouterr().out
    assert (tmp_path / "wrong.md").read_text(encoding="utf-8").count("said: I am a small") == 40 - right


def test_counts_word_errors_over_all() -> None:
    said = [("Where is the star?", "where is the star"), ("Hello.", "yellow")]
    answers = [Answer("", world.Question("", [], facts.transcript(spoken)), heard) for spoken, heard in said]
    line, enough = row("transcripts", world.TASKS["transcripts"], answers)
    assert line == "| transcripts | WER 20.0% | <= 8% | 2 |"
    assert not enough
