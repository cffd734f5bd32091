"""Fields and attachments that a server takes although they change nothing, and those that it refuses by name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.media.samples import INPUTS, audio_part, image_part, video_part
from tests.scripted_engine import ScriptedEngine
from tests.server.served import ASK, served
from tests.server.test_errors import CHAT, check_error

pytestmark = pytest.mark.anyio

UNHEEDED = {
    "metadata": {"a": "b"},
    "safety_identifier": "x",
    "prompt_cache_key": "x",
    "prompt_cache_retention": "24h",
    "service_tier": "auto",
    "store": False,
    "prediction": {"type": "content", "content": "x"},
    "verbosity": "medium",
    "web_search_options": None,
}


async def test_what_changes_no_answer_is_taken_and_goes_no_further() -> None:
    async with served(ScriptedEngine()) as server:
        body = ASK | UNHEEDED | {"stream": True, "stream_options": {"include_obfuscation": False}}
        assert (await server.http.post(CHAT, json=body)).status_code == 200
        also = {"include_usage": True, "include_obfuscation": True}
        assert (await server.http.post(CHAT, json=body | {"stream_options": also})).status_code == 200
        body = {"input": "Hi", "stream": True, "stream_options": {"include_obfuscation": False}}
        assert (await server.http.post("/v1/responses", json=body)).status_code == 200
    streamed = ASK | {"stream": True}
    assert server.engine.requests == [
        streamed,
        streamed | {"stream_options": {"include_usage": True}},
        {"input": "Hi", "stream": True},
    ]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"store": True}, "stores no answers"),
        ({"metadata": {"a": 1}}, "strings"),
        ({"service_tier": "priority"}, "one tier"),
        ({"verbosity": "low"}, "medium"),
        ({"web_search_options": {}}, "search"),
        ({"functions": []}, "tools"),
        ({"moderation": {}}, "moderate"),
    ],
)
async def test_what_would_ask_for_more_is_refused(fields: dict[str, Any], said: str) -> None:
    async with served(ScriptedEngine()) as server:
        error = check_error(await server.http.post(CHAT, json=ASK | fields), 400)
    assert error["param"] == next(iter(fields))
    assert said in error["message"]
    assert server.engine.requests == []


def conversation(**more: Any) -> dict[str, Any]:
    """A message of the user with these besides."""
    return ASK | {"messages": [{"role": "user", "content": "Hi", **more}]}


def with_part(part: dict[str, Any], **message: Any) -> dict[str, Any]:
    return ASK | {"messages": [{"role": "user", "content": [part], **message}]}


SOUND_INSIDE = {"type": "input_audio", "input_audio": {"data": "eA==", "format": "wav", "rate": 8000}}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (conversation(mood="glad"), "messages[0].mood"),
        (conversation(tool_call_id="a"), "messages[0].tool_call_id"),
        (conversation(role="system", tools=[]), "messages[0].tools"),
        (with_part({"type": "text", "text": "Hi", "size": 3}), "messages[0].content[0].size"),
        (
            with_part({"type": "image_url", "image_url": {"url": "data:", "width": 9}}),
            "messages[0].content[0].image_url.width",
        ),
        (with_part({"type": "video_url", "video_url": "data:", "fps": 2}), "messages[0].content[0].fps"),
        (with_part(SOUND_INSIDE), "messages[0].content[0].input_audio.rate"),
    ],
)
async def test_a_field_that_nothing_reads_is_named_by_its_path(body: dict[str, Any], path: str) -> None:
    async with served(ScriptedEngine()) as server:
        for stream in (False, True):
            error = check_error(await server.http.post(CHAT, json=body | {"stream": stream}), 400)
            assert (error["param"], error["message"]) == (path, f"Unknown field: {path}.")
    assert server.engine.requests == []


@pytest.mark.parametrize(
    ("item", "path"),
    [
        ({"role": "user", "content": "Hi", "mood": "glad"}, "input[0].mood"),
        ({"role": "user", "content": [{"type": "input_text", "text": "Hi", "size": 3}]}, "input[0].content[0].size"),
        (
            {"role": "system", "content": [{"type": "input_text", "text": "Hi", "size": 3}]},
            "input[0].content[0].size",
        ),
        ({"type": "function_call_output", "call_id": "a", "output": "warm", "mood": "glad"}, "input[0].mood"),
        ({"role": "user", "content": [{"type": "input_image", "image_url": "data:", "w": 9}]}, "input[0].content[0].w"),
        ({"role": "user", "content": [SOUND_INSIDE]}, "input[0].content[0].input_audio.rate"),
    ],
)
async def test_so_is_one_of_an_input_item(item: dict[str, Any], path: str) -> None:
    async with served(ScriptedEngine()) as server:
        error = check_error(await server.http.post("/v1/responses", json={"input": [item]}), 400)
    assert (error["param"], error["message"]) == (path, f"Unknown field: {path}.")
    assert server.engine.requests == []


CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}", "parsed_arguments": {}}, "index": 0}
SAID: dict[str, Any] = {
    "type": "text",
    "text": "Hi.",
    "role": "assistant",
    "refusal": None,
    "annotations": [],
    "reasoning": None,
}


@pytest.mark.parametrize(
    "said",
    [
        {
            "content": "Hi.",
            "refusal": None,
            "annotations": [],
            "audio": None,
            "function_call": None,
            "reasoning": "Well.",
        },
        {"content": [SAID]},  # by the JavaScript Agents SDK
        {"content": "{}", "parsed": {}},  # by `chat.completions.parse`
        {"content": "Hi.", "provider_specific_fields": {"reasoning": None}},  # by LiteLLM
        {"content": None, "tool_calls": [CALL]},
    ],
)
async def test_answers_can_be_sent_back_with_all_that_an_sdk_made_of_them(said: dict[str, Any]) -> None:
    user = {"type": "text", "text": "Go on.", "id": "b", "cache_control": {}, "prompt_cache_breakpoint": {}}
    talk = [*ASK["messages"], {"role": "assistant"} | said, {"role": "user", "content": [user], "name": "Ann"}]
    if "tool_calls" in said:
        talk.insert(2, {"role": "tool", "content": "done", "tool_call_id": "a"})
    async with served(ScriptedEngine()) as server:
        assert (await server.http.post(CHAT, json=ASK | {"messages": talk})).status_code == 200


async def test_a_refusal_is_part_of_the_conversation() -> None:
    async with served(ScriptedEngine()) as server:
        talk = [
            *ASK["messages"],
            {"role": "assistant", "content": None, "refusal": "No.", "audio": None},
            *ASK["messages"],
        ]
        assert (await server.http.post(CHAT, json=ASK | {"messages": talk})).status_code == 200
    assert server.engine.requests[0]["messages"][1]["content"] == "No."


async def test_items_can_be_sent_back_with_all_that_an_sdk_made_of_them() -> None:
    text: dict[str, Any] = {"type": "output_text", "text": "{}", "annotations": [], "logprobs": None, "parsed": {}}
    said = {"type": "message", "role": "assistant", "id": "m", "status": "completed", "phase": None, "content": [text]}
    called = {
        "type": "function_call",
        "name": "f",
        "arguments": "{}",
        "call_id": "a",
        "parsed_arguments": {},
        "provider_data": {},
    }
    returned = {"type": "function_call_output", "call_id": "a", "output": "warm", "status": None}
    async with served(ScriptedEngine()) as server:
        sent = {"input": [said, called, returned, {"role": "user", "content": "Hi"}]}
        assert (await server.http.post("/v1/responses", json=sent)).status_code == 200


PICTURE, SOUND, VIDEO = image_part(b"x"), audio_part(b"x"), video_part(b"x")
TALKING = video_part((INPUTS / "lossless_160x120_96f.mp4").read_bytes())


@pytest.mark.parametrize(
    ("modalities", "part", "said"),
    [
        ((), PICTURE, "text only"),
        (("audio",), PICTURE, "takes no pictures"),
        (("image",), SOUND, "does not hear"),
        (("image",), VIDEO, "takes no videos"),
        (("image", "video"), TALKING, '"audio": false'),
    ],
)
async def test_a_sense_that_the_model_lacks_is_named_with_the_part(
    modalities: tuple[str, ...], part: dict[str, Any], said: str
) -> None:
    engine = ScriptedEngine()
    engine.modalities = frozenset(modalities)
    async with served(engine) as server:
        content = [{"type": "text", "text": "What is it?"}, part]
        body = ASK | {"messages": [{"role": "user", "content": "Hi"}, {"role": "user", "content": content}]}
        error = check_error(await server.http.post(CHAT, json=body), 400)
        models = (await server.http.get("/v1/models")).json()["data"]
    assert (error["param"], error["code"]) == ("messages[1].content[1]", "unsupported_modality")
    assert said in error["message"]
    assert models[0]["input_modalities"] == ["text", *modalities]
    assert models[0]["output_modalities"] == ["text"]
    assert "/v1/responses" in models[0]["endpoints"]
