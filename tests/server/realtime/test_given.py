"""Items that clients give: who may say what, what is refused by name, and what is told of those that are taken."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.api import Video
from server.errors import RequestError
from server.realtime.config import Facts
from server.realtime.given import item_of
from server.realtime.item_json import content_part_json, item_json
from server.realtime.items import FunctionCall, FunctionCallOutput, Heard, Item, Message, Seen, Watched, Words
from server.realtime.turn_sound import Samples
from tests.server.realtime.asking import FACTS, item
from tests.server.realtime.speaking import spoken
from tests.server.realtime.strict import valid

PICTURE = "data:image/png;base64,AAAA"
SOUND = b64encode(np.arange(100, dtype="<i2").tobytes()).decode()


def decode(data: bytes) -> Samples:
    return np.frombuffer(data, "<i2")


def made(facts: Facts = FACTS, **fields: Any) -> Item:
    return item_of(item(**fields), facts, decode)


def message(role: str, *parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(parts), **fields}


def refusal(fields: dict[str, Any], facts: Facts = FACTS) -> tuple[str | None, str | None]:
    with pytest.raises(RequestError) as refused:
        made(facts, **fields)
    return refused.value.param, refused.value.code


def told(item: Item) -> dict[str, Any]:
    """The item as it is told when it is added; it must be valid in every event that holds one."""
    for kind in ("conversation.item.added", "conversation.item.done", "conversation.item.retrieved"):
        valid({"type": kind, "event_id": "event_1", "item": item_json(item, bytes)})
    answer = {"response_id": "resp_1", "output_index": 0, "event_id": "event_1"}
    valid({"type": "response.output_item.done", "item": item_json(item), **answer})
    added = valid({"type": "conversation.item.added", "event_id": "event_1", "item": item_json(item)})
    shown: dict[str, Any] = added["item"]
    return shown


def test_a_users_message_may_hold_words_sound_and_pictures() -> None:
    words = {"type": "input_text", "text": "What is this?"}
    sound = {"type": "input_audio", "audio": SOUND, "transcript": "Hm?"}
    picture = {"type": "input_image", "image_url": PICTURE, "detail": "low"}
    taken = made(**message("user", words, sound, picture, id="mine"))
    assert isinstance(taken, Message)
    first, second, third = taken.content
    assert first == Words("What is this?")
    assert isinstance(second, Heard)
    assert second.samples.tolist() == list(range(100))
    assert isinstance(third, Seen)
    assert (third.url, third.image) == (PICTURE, None)
    assert told(taken) == {
        "id": "mine",
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [
            words,
            {"type": "input_audio", "transcript": "Hm?"},
            picture,
        ],
    }


def test_the_sound_of_an_item_is_told_when_it_is_asked_for() -> None:
    taken = made(**message("user", {"type": "input_audio", "audio": SOUND}))
    retrieved = item_json(taken, lambda samples: samples.astype("<i2").tobytes())
    assert retrieved["content"] == [{"type": "input_audio", "transcript": None, "audio": SOUND}]


@pytest.mark.parametrize("name", ["output_text", "text"])
def test_an_assistants_words_may_be_given(name: str) -> None:
    taken = made(**message("assistant", {"type": name, "text": "Hello."}))
    assert told(taken)["content"] == [{"type": "output_text", "text": "Hello."}]


def test_a_systems_words_may_be_given() -> None:
    taken = made(**message("system", {"type": "input_text", "text": "It is noon."}))
    assert told(taken)["content"] == [{"type": "input_text", "text": "It is noon."}]


def test_calls_and_their_outputs_may_be_given() -> None:
    call = made(type="function_call", name="f", arguments='{"a": 1}', call_id="call_1", id="a")
    assert call == FunctionCall("a", "call_1", "f", '{"a": 1}')
    assert told(call)["arguments"] == '{"a": 1}'
    output = made(type="function_call_output", call_id="call_1", output="3", id="b")
    assert output == FunctionCallOutput("b", "call_1", "3")
    assert told(output)["output"] == "3"
    unnamed = made(type="function_call", name="f", arguments="{}")
    assert isinstance(unnamed, FunctionCall)
    assert unnamed.call_id.startswith("call_")


def test_ids_are_made_where_none_is_given() -> None:
    ids = {made(**message("user")).id for _ in range(100)}
    assert len(ids) == 100
    assert all(item_id.startswith("item_") and len(item_id) <= 32 for item_id in ids)
    assert made(**message("user", id="a" * 32)).id == "a" * 32


def test_speech_and_frames_are_told_in_their_ways() -> None:
    assert told(Message("a", "assistant", (spoken("Hello there."),)))["content"] == [
        {"type": "output_audio", "transcript": "Hello there."}
    ]
    frames = Watched(Video(np.zeros((64, 2, 2, 3), np.uint8), "digest"), 7)
    shown = told(Message("b", "user", (frames, Words("See?"))))
    assert shown["video"] == {"frames": 7}
    assert shown["content"] == [{"type": "input_text", "text": "See?"}]


def test_parts_of_answers_have_names_of_their_own() -> None:
    answer = {"response_id": "resp_1", "item_id": "a", "output_index": 0, "content_index": 0, "event_id": "event_1"}
    for part in (Words("Hi."), spoken("Hi there.")):
        for kind in ("response.content_part.added", "response.content_part.done"):
            valid({"type": kind, "part": content_part_json(part), **answer})


TEXT = {"type": "input_text", "text": "Hi."}
AUDIO = {"type": "input_audio", "audio": SOUND}
IMAGE = {"type": "input_image", "image_url": PICTURE}


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        (message("user", id="a" * 33), "item.id", "invalid_value"),
        (message("user", id=""), "item.id", "invalid_value"),
        (message("user", id="root"), "item.id", "invalid_value"),
        (message("user", {"text": "Hi."}), "item.content[0].type", "invalid_value"),
        (message("user", TEXT, {"type": "input_text"}), "item.content[1].text", "missing_required_parameter"),
        (message("user", {"type": "input_audio"}), "item.content[0].audio", "missing_required_parameter"),
        (message("user", {"type": "input_image"}), "item.content[0].image_url", "missing_required_parameter"),
        (message("user", TEXT | {"audio": SOUND}), "item.content[0].audio", "unknown_parameter"),
        (message("user", AUDIO | {"audio": "A"}), "item.content[0].audio", "invalid_audio"),
        (message("user", AUDIO | {"audio": ""}), "item.content[0].audio", "invalid_audio"),
        (message("assistant", {"type": "output_audio", "transcript": "Hi."}), "item.content[0]", "invalid_value"),
        (message("assistant", {"type": "output_audio", "audio": SOUND}), "item.content[0]", "invalid_value"),
        ({"type": "function_call", "name": "f", "arguments": "{"}, "item.arguments", "invalid_value"),
        ({"type": "function_call", "name": "f", "arguments": "[]"}, "item.arguments", "invalid_value"),
        (
            {"type": "mcp_approval_response", "id": "a", "approval_request_id": "b", "approve": True},
            "item.type",
            "unsupported_item",
        ),
    ],
)
def test_what_nobody_may_say_is_refused_by_name(fields: dict[str, Any], param: str, code: str) -> None:
    assert refusal(fields) == (param, code)


def test_what_the_model_does_not_take_is_refused() -> None:
    deaf, blind = replace(FACTS, hears=False), replace(FACTS, sees=False)
    assert refusal(message("user", TEXT, AUDIO), deaf) == ("item.content[1].audio", "unsupported_modality")
    assert refusal(message("user", IMAGE), blind) == ("item.content[0]", "unsupported_modality")
    made(deaf, **message("user", IMAGE))
    made(blind, **message("user", AUDIO))
