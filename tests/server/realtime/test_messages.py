"""Items as chat messages: turns that alternate, prompts where they belong, sound in pieces that the engine knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.api import ANSWER_SPEECH, CHUNK_SECONDS, SAMPLE_RATE, Image, Sound, Video
from server.realtime.config import begun
from server.realtime.items import (
    FunctionCall,
    FunctionCallOutput,
    Heard,
    Item,
    Message,
    Part,
    Seen,
    Watched,
    Words,
)
from server.realtime.messages import messages, request_fields
from tests.server.realtime.asking import FACTS, asked
from tests.server.realtime.speaking import answer

CHUNK = CHUNK_SECONDS * SAMPLE_RATE
TALK = begun("realtime", None, FACTS)
PROMPT = {"type": "text", "text": ANSWER_SPEECH}
HI = {"type": "text", "text": "Hi."}

SOUND = Heard(np.arange(1000, dtype=np.int16), "Hi.")
PICTURE = Seen("data:", Image(np.zeros((4, 4, 3), np.uint8), "picture"))
FRAMES = Watched(Video(np.zeros((64, 4, 4, 3), np.uint8), "frames"), 9)


def user(*parts: Part) -> Message:
    return Message("user", "user", parts)


def forms(*items: Item) -> list[dict[str, Any]]:
    """The messages, every attachment by the name of its type."""
    told = messages("", items)
    for message in told:
        if isinstance(content := message["content"], list):
            message["content"] = [part if isinstance(part, dict) else type(part).__name__ for part in content]
    return told


def turn(*parts: Part) -> object:
    """The one turn that one message gives."""
    (only,) = forms(user(*parts))
    assert only["role"] == "user"
    return only["content"]


def test_instructions_come_first() -> None:
    assert messages("Be kind.", [user(Words("Hi."))]) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [HI]},
    ]


def test_a_question_that_is_only_heard_has_the_papers_prompt() -> None:
    assert turn(SOUND) == ["Sound", PROMPT]
    assert turn(SOUND, Words("Hi.")) == ["Sound", HI]
    assert turn(Words("Hi."), SOUND) == [HI, "Sound"]
    assert turn(SOUND, Words("")) == ["Sound", PROMPT]
    assert turn(FRAMES, SOUND) == ["Video", "Sound", PROMPT]
    assert turn(PICTURE) == ["Image"]
    assert turn(PICTURE, PICTURE, SOUND) == ["Image", "Image", "Sound", PROMPT]


def test_beside_one_picture_the_template_says_it() -> None:
    assert turn(PICTURE, SOUND) == ["Image", "Sound"]
    assert turn(SOUND, PICTURE) == ["Sound", "Image"]
    undecoded = {"type": "image_url", "image_url": {"url": "data:image/png"}}
    assert turn(Seen("data:image/png"), SOUND) == [undecoded, "Sound"]


def test_items_of_one_turn_are_one_message() -> None:
    assert forms(user(PICTURE), user(SOUND)) == [{"role": "user", "content": ["Image", "Sound"]}]
    assert forms(user(Words("Hi.")), user(SOUND)) == [{"role": "user", "content": [HI, "Sound", PROMPT]}]
    apart = forms(user(PICTURE), answer("a", "I see."), user(SOUND))
    assert apart == [
        {"role": "user", "content": ["Image"]},
        {"role": "assistant", "content": "I see."},
        {"role": "user", "content": ["Sound", PROMPT]},
    ]


def test_answers_are_the_words_that_were_heard() -> None:
    heard = answer("a", "One two", "three")
    assert forms(heard) == [{"role": "assistant", "content": "One two three"}]
    written = Message("b", "assistant", (Words("Writ"), Words("ten.")))
    assert forms(written) == [{"role": "assistant", "content": "Written."}]


def test_what_says_nothing_is_left_out() -> None:
    nothing = [user(), user(Words("")), Message("a", "assistant"), answer("b", ""), Message("c", "system")]
    assert forms(*nothing) == []


def test_calls_belong_to_the_answer_before_them() -> None:
    call, other = FunctionCall("a", "call_1", "f", '{"a": 1}'), FunctionCall("b", "call_2", "g", "{}")
    output = FunctionCallOutput("c", "call_1", "3")
    called = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    also = {"id": "call_2", "type": "function", "function": {"name": "g", "arguments": "{}"}}
    returned = {"role": "tool", "tool_call_id": "call_1", "content": "3"}
    assert forms(answer("d", "Wait."), call, other, output) == [
        {"role": "assistant", "content": "Wait.", "tool_calls": [called, also]},
        returned,
    ]
    assert forms(user(Words("Hi.")), call, output)[1:] == [
        {"role": "assistant", "content": "", "tool_calls": [called]},
        returned,
    ]


@pytest.mark.parametrize("arguments", ["", '{"a": ', "[]"])
def test_a_call_that_was_cut_off_is_left_out(arguments: str) -> None:
    assert forms(FunctionCall("a", "call_1", "f", arguments)) == []


def test_system_messages_stay_where_they_are() -> None:
    noon = Message("s", "system", (Words("It is noon."),))
    assert [message["role"] for message in messages("Be kind.", [user(Words("Hi.")), noon, noon])] == [
        "system",
        "user",
        "system",
        "system",
    ]


def test_a_turn_is_one_sound_however_long() -> None:
    samples = np.random.default_rng(3).integers(-(2**15), 2**15, 31 * SAMPLE_RATE, dtype=np.int16)
    (told,) = messages("", [user(heard := Heard(samples))])
    (sound,) = (part for part in told["content"] if isinstance(part, Sound))
    assert sound.digest == heard.digest
    assert sound.samples.dtype == np.float32
    assert np.array_equal(sound.samples * 32768, samples)


def test_equal_sound_is_known_wherever_it_comes_from() -> None:
    samples = np.arange(1000, dtype=np.int16)
    assert Heard(samples[::2]).digest == Heard(samples[::2].copy()).digest
    assert Heard(samples[:500]).digest != Heard(samples[::2]).digest


def test_a_session_decides_the_other_fields() -> None:
    assert request_fields(TALK) == {}
    assert request_fields(asked(TALK, max_output_tokens=9)) == {"max_completion_tokens": 9}
    tools = [{"type": "function", "name": "f", "description": "F.", "parameters": {"type": "object"}}]
    function = {"name": "f", "description": "F.", "parameters": {"type": "object"}}
    fields = request_fields(asked(TALK, tools=tools, parallel_tool_calls=False))
    assert fields == {
        "tools": [{"type": "function", "function": function}],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
    }
    named = asked(TALK, tools=tools, tool_choice={"type": "function", "name": "f"})
    assert request_fields(named)["tool_choice"] == {"type": "function", "function": {"name": "f"}}
