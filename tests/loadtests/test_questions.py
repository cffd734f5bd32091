import base64
import io
import wave

import numpy as np
import PIL.Image
import pytest

from engine.api import Sound
from loadtests.plain import pieces
from loadtests.questions import KINDS, chat, image_question, pixels, samples, sound_question


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_questions_are_the_same(kind: str) -> None:
    questions = [str(chat(kind, number, tokens=4)) for number in (0, 1, 2, 1)]
    assert len(set(questions)) == 3


def test_a_picture_on_the_wire_is_the_one_for_the_yardstick() -> None:
    image, _ = image_question(3)
    data = base64.b64decode(image["image_url"]["url"].partition(",")[2])
    with PIL.Image.open(io.BytesIO(data)) as picture:
        assert np.array_equal(np.asarray(picture), pixels(3))


def test_a_recording_on_the_wire_is_the_one_for_the_yardstick() -> None:
    sound, _ = sound_question(3)
    with wave.open(io.BytesIO(base64.b64decode(sound["input_audio"]["data"]))) as file:
        assert file.readframes(file.getnframes()) == samples(3).tobytes()


def test_the_attachment_takes_the_place_of_its_rows() -> None:
    sound = Sound(np.zeros(4, np.float32), "digest")
    assert pieces([1, 2, 2, 9, 9, 9, 9, 3, 3], sound) == [[1, 2, 2], sound, [3, 3]]
