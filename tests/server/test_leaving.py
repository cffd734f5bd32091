"""A client that leaves, at any point of any kind of answer, leaves nothing running behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import anyio
import httpx
import pytest

from tests.scripted_engine import ScriptedEngine
from tests.server.served import ASK, SPOKEN, STOP_SECONDS, Served, audio_of, chunks_of, quick_voice, served

pytestmark = pytest.mark.anyio

SENTENCES = ["One is here. ", "Two is here. ", "Three is here. ", "Four is here. "]


async def _leave_while_waiting(server: Served, body: dict[str, Any], until: Callable[[], Awaitable[object]]) -> None:
    """Send `body` and drop the connection, without an answer, once `until` returns."""
    async with anyio.create_task_group() as group:

        async def ask() -> None:
            async with server.http.stream("POST", "/v1/chat/completions", json=body) as response:
                await response.aread()

        group.start_soon(ask)
        await until()
        group.cancel_scope.cancel()


@pytest.mark.parametrize("body", [ASK, SPOKEN], ids=["text", "spoken"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_before_the_first_event(body: dict[str, Any], stream: bool) -> None:
    engine, voice = ScriptedEngine(SENTENCES, gates={0: anyio.Event()}), quick_voice()
    async with served(engine, voice) as server:
        await _leave_while_waiting(server, body | {"stream": stream}, engine.started.wait)
        assert await server.idle_after() < STOP_SECONDS
    assert engine.generated == 0


async def test_in_the_middle_of_the_text() -> None:
    engine = ScriptedEngine(SENTENCES, gates={2: anyio.Event()})
    async with served(engine) as server:
        async with server.http.stream("POST", "/v1/chat/completions", json=ASK | {"stream": True}) as response:
            await _read_until(response, lambda chunk: chunk["choices"][0]["delta"].get("content"))
            assert await engine.running() == 1
        assert await server.idle_after() < STOP_SECONDS
    assert engine.generated <= 2


async def test_in_the_middle_of_the_sound() -> None:
    """The text is complete; only the voice is at work."""
    engine, voice = ScriptedEngine(SENTENCES), quick_voice(gate=anyio.Event(), gate_after=1)
    async with served(engine, voice) as server:
        async with server.http.stream("POST", "/v1/chat/completions", json=SPOKEN | {"stream": True}) as response:
            await _read_until(response, lambda chunk: "data" in audio_of(chunk))
            assert voice.active == 1
        assert await server.idle_after() < STOP_SECONDS
    assert voice.stopped == 1


async def test_in_the_middle_of_text_and_sound() -> None:
    engine = ScriptedEngine(SENTENCES, gates={3: anyio.Event()})
    voice = quick_voice(gate=anyio.Event(), gate_after=1)
    async with served(engine, voice) as server:
        async with server.http.stream("POST", "/v1/chat/completions", json=SPOKEN | {"stream": True}) as response:
            await _read_until(response, lambda chunk: "data" in audio_of(chunk))
            assert (await engine.running(), voice.active) == (1, 1)
        assert await server.idle_after() < STOP_SECONDS
    assert (engine.generated, voice.stopped) == (3, 1)


async def test_while_a_whole_answer_is_spoken() -> None:
    engine, voice = ScriptedEngine(SENTENCES), quick_voice(gate=anyio.Event())

    async def speaking() -> None:
        with anyio.fail_after(5):
            while not voice.active:  # noqa: ASYNC110 - the client sees nothing of it
                await anyio.sleep(0.002)

    async with served(engine, voice) as server:
        await _leave_while_waiting(server, SPOKEN, speaking)
        assert await server.idle_after() < STOP_SECONDS
    assert voice.stopped == 1


async def test_a_reader_that_stops_reading_and_leaves() -> None:
    """The server is blocked in its send, with the connection's buffers full, when the client goes."""
    engine = ScriptedEngine(["x" * 100_000] * 1000)
    async with served(engine) as server:
        async with server.http.stream("POST", "/v1/chat/completions", json=ASK | {"stream": True}):
            produced = -1
            while produced != engine.generated:  # until back-pressure reaches the engine
                produced = engine.generated
                await anyio.sleep(0.05)
            assert engine.generated < 1000
            assert await engine.running() == 1
        assert await server.idle_after() < STOP_SECONDS


async def test_while_sending_the_body() -> None:
    async with served(ScriptedEngine()) as server:
        host, port = server.http.base_url.host, server.http.base_url.port
        assert port is not None
        async with await anyio.connect_tcp(host, port) as connection:
            await connection.send(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                b"content-length: 1000\r\n\r\n{"
            )
        metrics = ""
        with anyio.fail_after(5):
            while 'status="499"' not in metrics:
                metrics = (await server.http.get("/metrics")).text
    assert server.engine.requests == []


async def _read_until(response: httpx.Response, wanted: Callable[[dict[str, Any]], object]) -> None:
    async with aclosing(chunks_of(response)) as chunks:
        async for chunk in chunks:
            if wanted(chunk):
                return
