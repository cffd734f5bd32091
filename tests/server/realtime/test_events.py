"""What clients may say: every event of the SDK and ours, strictly; what is refused, is by name and with its id."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.realtime import RealtimeClientEvent

from server.realtime import events
from server.realtime.events import MAX_APPEND, EventError, client_event, error_event
from tests.server.realtime.strict import valid

USER: dict[str, Any] = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}

CASES: list[tuple[dict[str, Any], events.ClientEvent]] = [
    ({"type": "session.update", "session": {"type": "realtime"}}, events.SessionUpdate(session={"type": "realtime"})),
    ({"type": "input_audio_buffer.append", "audio": "AAEC"}, events.InputAudioAppend(audio=b"\0\1\2")),
    ({"type": "input_audio_buffer.commit"}, events.InputAudioCommit()),
    ({"type": "input_audio_buffer.clear"}, events.InputAudioClear()),
    ({"type": "output_audio_buffer.clear"}, events.OutputAudioClear()),
    (
        {"type": "conversation.item.create", "item": USER, "previous_item_id": "root"},
        events.ItemCreate(item=USER, previous_item_id="root"),
    ),
    ({"type": "conversation.item.retrieve", "item_id": "a"}, events.ItemRetrieve(item_id="a")),
    ({"type": "conversation.item.delete", "item_id": "a"}, events.ItemDelete(item_id="a")),
    (
        {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": 5},
        events.ItemTruncate(item_id="a", content_index=0, audio_end_ms=5),
    ),
    ({"type": "response.create"}, events.ResponseCreate(response={})),
    ({"type": "response.cancel", "response_id": "r"}, events.ResponseCancel(response_id="r")),
    (
        {"type": "session.resume", "session_id": "s", "last_event_id": "e"},
        events.SessionResume(session_id="s", last_event_id="e"),
    ),
    ({"type": "input_video_buffer.append", "image_url": "data:"}, events.InputVideoAppend(image_url="data:")),
    ({"type": "input_video_buffer.clear"}, events.InputVideoClear()),
]


def refusal(event: object) -> dict[str, Any]:
    """The error that an event causes, valid as an event of the server."""
    raw = event if isinstance(event, str) else json.dumps(event)
    with pytest.raises(EventError) as refused:
        client_event(raw)
    told = error_event(refused.value)
    error: dict[str, Any] = valid(told | {"event_id": "event_1"})["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    return error


@pytest.mark.parametrize(
    "more", [{"more": 1}, {"event_id": 1}, {"event_id": "mine", "more": 1}, {"audio": 1}, {"type": 1}]
)
def test_sound_is_taken_as_strictly_as_all_else(more: dict[str, Any]) -> None:
    sound = {"type": "input_audio_buffer.append", "audio": "AAEC"}
    for event_id in (None, "mine"):
        assert client_event(json.dumps(sound | {"event_id": event_id})) == events.InputAudioAppend(
            audio=b"\0\1\2", event_id=event_id
        )
    (wrong,) = more.keys() - {"event_id"} or more
    assert refusal(sound | more)["param"] == wrong


@pytest.mark.parametrize(("event", "meant"), CASES, ids=[event["type"] for event, _ in CASES])
def test_events_are_read(event: dict[str, Any], meant: events.ClientEvent) -> None:
    assert client_event(json.dumps(event)) == meant


def test_all_events_of_the_sdk_are_known() -> None:
    theirs = {get_args(kind.model_fields["type"].annotation)[0] for kind in get_args(get_args(RealtimeClientEvent)[0])}
    assert len(theirs) == 11
    assert theirs <= {event["type"] for event, _ in CASES}


@pytest.mark.parametrize("event", [event for event, _ in CASES], ids=[event["type"] for event, _ in CASES])
def test_unknown_fields_are_refused_by_name_with_the_id_of_the_event(event: dict[str, Any]) -> None:
    error = refusal(event | {"mood": "kind", "event_id": "mine"})
    assert (error["param"], error["code"], error["event_id"]) == ("mood", "unknown_parameter", "mine")


def item(**fields: Any) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": fields}


def session(**fields: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", **fields}}


def response(**fields: Any) -> dict[str, Any]:
    return {"type": "response.create", "response": fields}


@pytest.mark.parametrize(
    ("event", "param", "code"),
    [
        ({}, "type", "missing_required_parameter"),
        ({"type": 3}, "type", "invalid_value"),
        ({"type": "session.begin"}, "type", "invalid_value"),
        ({"type": "input_audio_buffer.clear", "event_id": 3}, "event_id", "invalid_type"),
        ({"type": "conversation.item.delete"}, "item_id", "missing_required_parameter"),
        ({"type": "conversation.item.delete", "item_id": 3}, "item_id", "invalid_type"),
        (CASES[8][0] | {"audio_end_ms": 1.5}, "audio_end_ms", "invalid_type"),
        (CASES[8][0] | {"content_index": "0"}, "content_index", "invalid_type"),
        ({"type": "session.resume"}, "session_id", "missing_required_parameter"),
        ({"type": "input_video_buffer.append", "image_url": None}, "image_url", "invalid_type"),
        ({"type": "session.update", "session": None}, "session", "invalid_type"),
        ({"type": "session.update", "session": {}}, "session.type", "missing_required_parameter"),
        ({"type": "session.update", "session": {"type": "film"}}, "session.type", "invalid_value"),
        (session(mood="kind"), "session.mood", "unknown_parameter"),
        (session(audio=3), "session.audio", "invalid_type"),
        (session(audio={"output": {"pitch": 3}}), "session.audio.output.pitch", "unknown_parameter"),
        (session(audio={"input": {"format": {"type": "audio/wav"}}}), "session.audio.input.format.type", None),
        (
            session(audio={"input": {"format": {"type": "audio/pcm", "rate": 8000}}}),
            "session.audio.input.format.rate",
            None,
        ),
        (
            session(audio={"output": {"format": {"type": "audio/pcm", "rate": 16000}}}),
            "session.audio.output.format.rate",
            None,
        ),
        (
            session(audio={"input": {"turn_detection": {"type": "server_vad", "threshold": "loud"}}}),
            "session.audio.input.turn_detection.threshold",
            "invalid_type",
        ),
        (
            session(audio={"input": {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}}),
            "session.audio.input.turn_detection.threshold",
            "unknown_parameter",
        ),
        (session(audio={"input": {"turn_detection": {"type": "x"}}}), "session.audio.input.turn_detection.type", None),
        (session(tools=[{"type": "function", "name": "f", "strict": True}]), "session.tools[0].strict", None),
        (session(max_output_tokens=True), "session.max_output_tokens", "invalid_type"),
        (session(ola={"pace": "none"}), "session.ola.pace", "unknown_parameter"),
        (session(ola={"pacing": "fast"}), "session.ola.pacing", "invalid_value"),
        (session(ola={"resume_interrupted": "yes"}), "session.ola.resume_interrupted", "invalid_type"),
        ({"type": "session.update", "session": {"type": "transcription", "ola": {}}}, "session.ola", None),
        ({"type": "session.update", "session": {"type": "transcription", "tools": []}}, "session.tools", None),
        ({"type": "conversation.item.create", "item": []}, "item", "invalid_type"),
        (item(type="film"), "item.type", "invalid_value"),
        (item(role="user", content=[]), "item.type", "missing_required_parameter"),
        (item(type="message", role="bot", content=[]), "item.role", "invalid_value"),
        (item(type="message", role="user"), "item.content", "missing_required_parameter"),
        (item(type="message", role="user", content=[{"type": "film"}]), "item.content[0].type", "invalid_value"),
        (item(type="message", role="user", content=[{"type": "input_text", "text": 3}]), "item.content[0].text", None),
        (item(type="message", role="user", content=[{"type": "input_text", "txt": "a"}]), "item.content[0].txt", None),
        (item(type="function_call", name="f"), "item.arguments", "missing_required_parameter"),
        (item(type="item_reference", id="a"), "item.type", "invalid_value"),
        (response(mood="kind"), "response.mood", "unknown_parameter"),
        (response(input=[{"type": "item_reference"}]), "response.input[0].id", "missing_required_parameter"),
        (response(input=[USER, {"type": "function_call_output"}]), "response.input[1].call_id", None),
        (response(metadata={"a": 3}), "response.metadata.a", "invalid_type"),
    ],
)
def test_what_is_wrong_is_named(event: dict[str, Any], param: str, code: str | None) -> None:
    error = refusal(event)
    assert error["param"] == param
    assert code is None or error["code"] == code


def test_a_message_names_what_is_taken() -> None:
    error = refusal(item(type="message", role="user", content=[{"type": "film"}]))
    assert error["message"].endswith("Input should be 'input_text', 'input_audio' or 'input_image'.")
    error = refusal(session(audio={"input": {"turn_detection": {"type": "x"}}}))
    assert error["message"].endswith("Input should be 'server_vad' or 'semantic_vad'.")


@pytest.mark.parametrize(
    "raw", ["", "{", "[]", "3", '"hello"', "null", "NaN", '{"type": NaN}', '{"type": "\\ud800"}', "[" * 10_000]
)
def test_what_is_no_object_is_refused(raw: str) -> None:
    assert refusal(raw)["code"] == "invalid_json"


def test_a_binary_message_is_no_event() -> None:
    with pytest.raises(EventError):
        client_event(None)


def test_our_extensions_of_a_session_are_taken() -> None:
    wanted = {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16_000}}}, "ola": {"pacing": "none"}}
    event = client_event(json.dumps(session(**wanted)))
    assert event == events.SessionUpdate(session={"type": "realtime", **wanted})


def test_an_assistants_text_may_have_its_older_name() -> None:
    said = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hi."}]}
    assert client_event(json.dumps(item(**said))) == events.ItemCreate(item=said)


def test_items_and_references_are_a_responses_input() -> None:
    asked = {"input": [USER, {"type": "item_reference", "id": "a"}], "conversation": "none"}
    assert client_event(json.dumps(response(**asked))) == events.ResponseCreate(response=asked)


@pytest.mark.parametrize("audio", ["A", "AAA", "AA=A", "!!!!", "AA\nAA", "ÄÄÄÄ", "A==="])
def test_what_is_no_base64_is_refused(audio: str) -> None:
    error = refusal({"type": "input_audio_buffer.append", "audio": audio, "event_id": "mine"})
    assert (error["param"], error["code"], error["event_id"]) == ("audio", "invalid_audio", "mine")


def test_sound_has_a_limit() -> None:
    most = b64encode(bytes(MAX_APPEND)).decode()
    event = client_event(json.dumps({"type": "input_audio_buffer.append", "audio": most}))
    assert isinstance(event, events.InputAudioAppend)
    assert len(event.audio) == MAX_APPEND
    error = refusal({"type": "input_audio_buffer.append", "audio": most + "AAAA"})
    assert (error["param"], error["code"]) == ("audio", "audio_too_large")


JSON = st.recursive(
    st.sampled_from([None, True, 0, -1, 0.5, "", "a", "type", "é"]),
    lambda inside: st.lists(inside, max_size=2) | st.dictionaries(st.sampled_from(["type", "id", "a"]), inside),
    max_leaves=4,
)
FIELDS = sorted({name for event, _ in CASES for name in event} - {"type"})


@settings(deadline=None)
@given(st.sampled_from(CASES), st.dictionaries(st.sampled_from([*FIELDS, "event_id", "type"]), JSON, max_size=3))
def test_nothing_but_events_and_refusals_comes_of_anything(
    case: tuple[dict[str, Any], events.ClientEvent], fields: dict[str, Any]
) -> None:
    event = case[0] | fields
    try:
        client_event(json.dumps(event))
    except EventError as error:
        told = error_event(error)
        valid(told | {"event_id": "event_1"})
        assert told["error"]["event_id"] == (fields["event_id"] if isinstance(fields.get("event_id"), str) else None)
