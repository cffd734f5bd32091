"""The Responses API as the gateway sees it: what reaches the engine, what is refused, what stops."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from engine.api import Image, Sound
from tests.media.samples import INPUTS, base64_of, data_uri
from tests.scripted_engine import MODEL, ScriptedEngine
from tests.server.served import STOP_SECONDS, served
from tests.server.test_errors import check_error

pytestmark = pytest.mark.anyio

PATH = "/v1/responses"
PNG = (INPUTS / "odd_37x53.png").read_bytes()
WAV = (INPUTS / "short_1.3s_16k.wav").read_bytes()


async def test_the_sdk_reads_whole_and_streamed_answers() -> None:
    async with served(ScriptedEngine(["Hello ", "there."])) as server:
        whole = await server.sdk.responses.create(model=MODEL, input="Hi")
        stream = await server.sdk.responses.create(model=MODEL, input="Hi", stream=True)
        kinds = [event.type async for event in stream]
    assert whole.output_text == "Hello there."
    assert kinds == ["response.created", *["response.output_text.delta"] * 2, "response.completed"]
    assert [request["input"] for request in server.engine.requests] == ["Hi", "Hi"]


async def test_items_reach_the_engine_as_chat_messages() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
    answer = {"type": "function_call_output", "call_id": "c"}
    said = [{"type": "output_text", "text": "One "}, {"type": "refusal", "refusal": "or none."}]
    items: list[dict[str, Any]] = [
        {"role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
        {"type": "message", "role": "user", "content": "Look."},
        {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": said},
        call,
        answer | {"output": [{"type": "input_text", "text": "A star."}]},
    ]
    async with served(ScriptedEngine()) as server:
        response = await server.http.post(PATH, json={"input": items, "temperature": 0})
    assert response.status_code == 200
    assert server.engine.requests == [
        {
            "input": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "Look."},
                {"role": "assistant", "content": "One or none."},
                call,
                answer | {"output": "A star."},
            ],
            "temperature": 0,
        }
    ]


async def test_thoughts_reach_the_engine_as_they_are() -> None:
    thought = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "Hm."}],
    }
    async with served(ScriptedEngine()) as server:
        response = await server.http.post(PATH, json={"input": [thought, {"role": "user", "content": "Hi"}]})
    assert response.status_code == 200
    assert server.engine.requests[0]["input"][0] == thought


async def test_pictures_and_sound_are_decoded() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": base64_of(WAV), "format": "wav"}}
    picture = {"type": "input_image", "detail": "auto", "image_url": data_uri(PNG)}
    content = [{"type": "input_text", "text": "What?"}, picture, sound]
    async with served(ScriptedEngine()) as server:
        response = await server.http.post(PATH, json={"input": [{"role": "user", "content": content}]})
    assert response.status_code == 200
    (item,) = server.engine.requests[0]["input"]
    text, image, recording = item["content"]
    assert text == {"type": "text", "text": "What?"}
    assert isinstance(image, Image)
    assert isinstance(recording, Sound)


def message(*parts: object) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": "Hi"}, {"role": "user", "content": list(parts)}]}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": {}}, "input"),
        ({"input": ["Hi"]}, "input"),
        ({"input": None}, "input"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]"),
        ({"input": [{"role": "nobody", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "assistant", "content": [{"type": "input_image"}]}]}, "input[0].content[0]"),
        (message({"type": "input_image", "file_id": "file_1"}), "input[1].content[0]"),
        (message({"type": "input_file", "file_data": "AA"}), "input[1].content[0]"),
        (message({"type": "input_image"}), "input[1].content[0]"),
        (message({"type": "input_text"}), "input[1].content[0]"),
        (message({"type": ["input_text"], "text": "Hi"}), "input[1].content[0]"),
        (message("x", {"type": "smell"}), "input[1].content[1]"),
        (message({"type": "input_image", "image_url": "data:image/png;base64,AAAA"}), "input[1].content[0]"),
        ({"stream": "yes"}, "stream"),
        ({"store": True}, "store"),
        ({"background": True}, "background"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"truncation": "auto"}, "truncation"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"include": ["reasoning.encrypted_content"]}, "include[0]"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
    ],
)
async def test_what_is_not_served_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    async with served(ScriptedEngine()) as server:
        error = check_error(await server.http.post(PATH, json={"input": "Hi"} | fields), 400)
    assert error["param"] == param
    assert server.engine.requests == []


async def test_no_response_can_be_retrieved() -> None:
    async with served(ScriptedEngine()) as server:
        check_error(await server.http.get(f"{PATH}/resp_1"), 404)
        check_error(await server.http.post(f"{PATH}/resp_1/cancel", json={}), 404)


@pytest.mark.parametrize("stream", [True, False])
async def test_leaving_stops_the_engine(stream: bool) -> None:
    engine = ScriptedEngine(["One ", "two."], gates={1: anyio.Event()})
    async with served(engine) as server:
        async with anyio.create_task_group() as group:
            group.start_soon(_ask, server, stream)
            await engine.started.wait()
            group.cancel_scope.cancel()
        assert await server.idle_after() < STOP_SECONDS


async def _ask(server: Any, stream: bool) -> None:
    await server.http.post(PATH, json={"input": "Hi", "stream": stream})
