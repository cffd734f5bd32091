"""Every error has OpenAI's format and the right status, before and during an answer."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from engine.api import EngineError
from server.errors import RequestError
from tests.scripted_engine import ScriptedEngine
from tests.server.served import ASK, SPOKEN, chunks_of, quick_voice, served

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}


def check_error(response: httpx.Response, status: int) -> dict[str, Any]:
    """The error object, after checking its shape."""
    assert response.status_code == status, response.text
    assert response.json().keys() == {"error"}
    error: dict[str, Any] = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"]
    return error


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": ["Hi"]}, "messages[0]"),
        ({"messages": None}, "messages"),
        ({"model": 3}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"modalities": ["audio"]}, "modalities"),
        ({"modalities": []}, "modalities"),
        ({"modalities": ["text", "text"]}, "modalities"),
        ({"modalities": ["text", "smell"]}, "modalities"),
        ({"modalities": "audio"}, "modalities"),
        ({"modalities": None}, "audio"),
        ({"modalities": ["text"]}, "audio"),
        ({"audio": {"format": "midi"}}, "audio.format"),
        ({"audio": {"voice": 3}}, "audio.voice"),
        ({"audio": {"voice": {"name": "alloy"}}}, "audio.voice"),
        ({"audio": {"pitch": 3}}, "audio.pitch"),
        ({"audio": {"text_in_content": 1}}, "audio.text_in_content"),
        ({"audio": []}, "audio"),
        ({"n": 2}, "n"),
    ],
)
async def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    engine = ScriptedEngine()
    async with served(engine, quick_voice()) as server:
        response = await server.http.post(CHAT, json=SPOKEN | fields)
    error = check_error(response, 400)
    assert (error["param"], error["type"]) == (param, "invalid_request_error")
    assert engine.requests == []


async def test_a_missing_field_is_named() -> None:
    async with served(ScriptedEngine()) as server:
        error = check_error(await server.http.post(CHAT, json={"model": "ola-demo"}), 400)
    assert error["param"] == "messages"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"nonsense", b"[]", b'"text"', b'{"a": NaN}', b"\xff\xfe", b'{"a": "\\ud800"}']
)
async def test_a_body_that_is_no_json_object(content: bytes) -> None:
    async with served(ScriptedEngine()) as server:
        error = check_error(await server.http.post(CHAT, content=content, headers=JSON), 400)
    assert error["code"] == "invalid_json"


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_of_another_type(content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    async with served(ScriptedEngine()) as server:
        check_error(await server.http.post(CHAT, content=b"{}", headers=headers), 415)


async def test_a_charset_may_follow_the_content_type() -> None:
    async with served(ScriptedEngine()) as server:
        headers = {"content-type": "Application/JSON; charset=utf-8"}
        response = await server.http.post(
            CHAT, content=b'{"messages":[{"role":"user","content":"Hi"}]}', headers=headers
        )
    assert response.status_code == 200


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_that_is_too_large(declared: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b" " * 400

    async with served(ScriptedEngine(), max_body_bytes=1000) as server:
        content = b" " * 1600 if declared else pieces()
        check_error(await server.http.post(CHAT, content=content, headers=JSON), 413)
        assert (await server.http.post(CHAT, json=ASK)).status_code == 200


async def test_a_body_of_too_many_values() -> None:
    content = b'{"messages":[' + b"{}," * 600_000 + b"{}]}"
    async with served(ScriptedEngine()) as server:
        check_error(await server.http.post(CHAT, content=content, headers=JSON), 413)


async def test_an_attachment_that_is_refused_names_its_part() -> None:
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, part]}]
    engine = ScriptedEngine()
    async with served(engine) as server:
        for stream in (False, True):
            response = await server.http.post(CHAT, json=ASK | {"messages": messages, "stream": stream})
            assert check_error(response, 400)["param"] == "messages[0].content[1]"
    assert engine.requests == []


async def test_too_many_attachments() -> None:
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    async with served(ScriptedEngine(), max_attachments=2) as server:
        messages = [{"role": "user", "content": [part] * 3}]
        error = check_error(await server.http.post(CHAT, json=ASK | {"messages": messages}), 400)
    assert "3" in error["message"]


async def test_audio_asked_of_a_server_without_a_voice() -> None:
    async with served(ScriptedEngine()) as server:
        with pytest.raises(openai.BadRequestError) as failure:
            await server.sdk.chat.completions.create(**SPOKEN)
    assert failure.value.code == "no_voice"
    assert "voice" in failure.value.message


@pytest.mark.parametrize("stream", [False, True])
async def test_an_unknown_voice_lists_the_known(stream: bool) -> None:
    async with served(ScriptedEngine(), quick_voice()) as server:
        body = SPOKEN | {"stream": stream, "audio": {"voice": "nobody", "format": "wav"}}
        with pytest.raises(openai.BadRequestError) as failure:
            await server.sdk.chat.completions.create(**body)
    assert failure.value.param == "audio.voice"
    assert "default" in failure.value.message


@pytest.mark.parametrize("body", [ASK, ASK | {"stream": True}, SPOKEN, SPOKEN | {"stream": True}])
@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (EngineError("Too long.", param="messages"), openai.BadRequestError),
        (EngineError("No such model.", status=404, param="model"), openai.NotFoundError),
        (EngineError("Busy.", status=429, type="rate_limit_error"), openai.RateLimitError),
        (EngineError("The engine is dead.", status=503, type="server_error"), openai.InternalServerError),
    ],
    ids=["400", "404", "429", "503"],
)
async def test_what_the_engine_refuses(body: dict[str, Any], refusal: EngineError, expected: type[Exception]) -> None:
    async with served(ScriptedEngine(refuse=refusal), quick_voice()) as server:
        with pytest.raises(expected) as failure:
            await server.sdk.chat.completions.create(**body)
    error = failure.value
    assert isinstance(error, openai.APIStatusError)
    assert (error.status_code, error.type, error.param) == (refusal.status, refusal.type, refusal.param)
    assert refusal.message in error.message
    assert error.code == ("model_not_found" if refusal.status == 404 else None)


@pytest.mark.parametrize("body", [ASK, ASK | {"stream": True}, SPOKEN, SPOKEN | {"stream": True}])
@pytest.mark.parametrize("failure", [RuntimeError("a secret"), EngineError("a secret", status=500)])
async def test_a_bug_is_logged_and_not_told(
    body: dict[str, Any], failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(ScriptedEngine(refuse=failure), quick_voice()) as server:
        error = check_error(await server.http.post(CHAT, json=body), 500)
    assert error == {"message": "Internal server error.", "type": "server_error", "param": None, "code": None}
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [failure]


@pytest.mark.parametrize("body", [ASK, SPOKEN])
async def test_a_bug_in_the_middle_of_a_stream(body: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    bug = {"delta": {"content": object()}}  # cannot become JSON
    async with served(ScriptedEngine(["One is. ", bug]), quick_voice()) as server:
        response = await server.http.post(CHAT, json=body | {"stream": True})
        chunks = [chunk async for chunk in chunks_of(response)]
    assert chunks[-1]["error"]["message"] == "Internal server error."
    assert any(record.exc_info for record in caplog.records if record.levelno == logging.ERROR)


async def test_an_engine_that_dies_in_the_middle_of_a_stream() -> None:
    async with served(ScriptedEngine(["One ", "two "], break_at=1)) as server:
        stream = await server.sdk.chat.completions.create(**ASK, stream=True)
        assert [(await anext(stream)).choices[0].delta.content for _ in range(2)] == ["", "One "]
        with pytest.raises(openai.APIError, match="the engine died"):
            await anext(stream)


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/models/", "/v1/completions", "/tokenize", "/v1/load_lora_adapter", "/redoc"]
)
async def test_no_other_route_is_open(path: str) -> None:
    async with served(ScriptedEngine()) as server:
        for method in ("GET", "POST"):
            response = await server.http.request(method, path, json={})
            assert response.status_code in (404, 405)
            check_error(response, response.status_code)


async def test_a_method_that_a_route_does_not_have() -> None:
    async with served(ScriptedEngine()) as server:
        response = await server.http.get(CHAT)
    assert check_error(response, 405)["type"] == "invalid_request_error"
    assert response.headers["allow"] == "POST"


async def test_an_unknown_model_is_not_found() -> None:
    async with served(ScriptedEngine()) as server:
        with pytest.raises(openai.NotFoundError) as failure:
            await server.sdk.models.retrieve("someone/else")
    assert failure.value.code == "model_not_found"


BUSY = RequestError("Later.", status=429, code="server_busy", headers={"Retry-After": "3"})


@pytest.mark.parametrize(
    ("error", "status", "code", "closed"),
    [(BUSY, 429, "server_busy", (1008, "server_busy")), (ZeroDivisionError(), 500, None, (1011, "server_error"))],
    ids=["refused", "a fault"],
)
async def test_a_websocket_is_refused_before_it_is_accepted_and_closed_after(
    error: Exception, status: int, code: str | None, closed: tuple[int, str], caplog: pytest.LogCaptureFixture
) -> None:
    async with served(ScriptedEngine()) as server:

        @server.app.websocket("/{when}")
        async def failing(websocket: WebSocket, when: str) -> None:
            if when == "after":
                await websocket.accept()
            raise error

        url = str(server.http.base_url).replace("http", "ws")
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{url}/be%0Afore")
        answer = refused.value.response
        assert answer.body is not None
        told = httpx.Response(answer.status_code, content=bytes(answer.body), headers=list(answer.headers.raw_items()))
        assert check_error(told, status)["code"] == code
        assert told.headers["x-request-id"]
        assert told.headers.get("Retry-After") == getattr(error, "headers", {}).get("Retry-After")
        async with connect(f"{url}/after", additional_headers={"x-request-id": "mine"}) as connection:
            assert connection.response is not None
            assert connection.response.headers["x-request-id"] == "mine"
            with pytest.raises(ConnectionClosedError) as ended:
                await connection.recv()
        assert ended.value.rcvd is not None
        assert (ended.value.rcvd.code, ended.value.rcvd.reason) == closed
    assert ("Traceback" in caplog.text) is (status == 500)
    assert not any("\n" in record.getMessage() for record in caplog.records), "a line of the log by a client"
