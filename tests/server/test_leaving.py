"""A client that leaves, at any point of any kind of answer, leaves nothing running behind."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import pytest

from tests.scripted_engine import ScriptedEngine
from tests.server.served import ASK, SPOKEN, STOP_SECONDS, Served, audio_of, chunks_of, served
from tests.server.voice import GatedVoice

pytestmark = pytest.mark.anyio

SENTENCES = ["One is here. ", "Two is here. ", "Three is here. ", "Four is here. "]


async def _leave_while_waiting(server: Served, body: dict[str, Any], until: anyio.Event) -> None:
    """Send `body` and drop the connection, without an answer, once `until` is set."""
    async with anyio.create_task_group() as group:

        async def ask() -> None:
            async with server.http.stream("POST", "/v1/chat/completions", json=body) as response:
                await response.aread()

        group.start_soon(ask)
        await until.wait()
        group.cancel_scope.cancel()


@pytest.mark.parametrize("body", [ASK, SPOKEN], ids=["text", "spoken"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_before_the_first_event(body: dict[str, Any], stream: bool) -> None:
    engine, voice = ScriptedEngine(SENTENCES, gates={0: anyio.Event()}), GatedVoice()
    async with served(engine, voice) as server:
        await _leave_while_waiting(server, body | {"stream": stream}, engine.started)
        assert await server.idle_after() < STOP_SECONDS
    assert engine.generated == 0


async def test_in_the_middle_of_the_text() -> None:
    engine = ScriptedEngine(SENTENCES, gates={2: anyio.Event()})
    async with served(engine) as server:
        async with server.http.stream("POST", "/v1/chat/completions", json=ASK | {"stream": True}) as response:
            await _read_until_text(response)
            assert await engine.running() == 1
        assert await server.idle_after() < STOP_SECONDS
    assert engine.generated <= 2


async def test_in_the_middle_of_the_sound() -> None:
    engine, voice = ScriptedEngine(SENTENCES), GatedVoice(gates={1: anyio.Event()})
    async with served(engine, voice) as server:
        async with server.http.stream("POST", "/v1/chat/completions", json=SPOKEN | {"stream": True}) as response:
            async for chunk in chunks_of(response):
                if "data" in audio_of(chunk):
                    break
            assert voice.active == 1
        assert await server.idle_after() < STOP_SECONDS


async def test_in_the_middle_of_text_and_sound() -> None:
    engine, voice = ScriptedEngine(SENTENCES, gates={3: anyio.Event()}), GatedVoice(gates={0: anyio.Event()})
    async with served(engine, voice) as server:
        async with server.http.stream("POST", "/v1/chat/completions", json=SPOKEN | {"stream": True}) as response:
            await voice.sounding.wait()
            assert (await engine.running(), voice.active) == (1, 1)
            await response.aclose()
        assert await server.idle_after() < STOP_SECONDS


async def test_while_a_whole_answer_is_spoken() -> None:
    engine, voice = ScriptedEngine(SENTENCES), GatedVoice(gates={0: anyio.Event()})
    async with served(engine, voice) as server:
        await _leave_while_waiting(server, SPOKEN, voice.sounding)
        assert await server.idle_after() < STOP_SECONDS


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
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                b"content-length: 1000\r\n\r\n{"
            )
        metrics = ""
        with anyio.fail_after(5):
            while 'status="499"' not in metrics:
                metrics = (await server.http.get("/metrics")).text
    assert server.engine.requests == []


async def _read_until_text(response: httpx.Response) -> None:
    async for chunk in chunks_of(response):
        if chunk["choices"][0]["delta"].get("content"):
            return
