"""Clients that are slow on purpose, over real sockets: each is cut off in time, and holds nothing afterwards."""

from __future__ import annotations

import logging
from time import perf_counter

import anyio
import pytest
from anyio.abc import SocketStream

from server.access.access import Access
from tests.scripted_engine import ScriptedEngine
from tests.server.keys import AUTHORIZED, SomeKeys
from tests.server.served import ASK, STOP_SECONDS, Served, served

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"


async def connect(server: Served) -> SocketStream:
    host, port = server.http.base_url.host, server.http.base_url.port
    assert port is not None
    return await anyio.connect_tcp(host, port)


async def rest(connection: SocketStream) -> bytes:
    """All that comes until the server closes."""
    received = b""
    try:
        while True:
            received += await connection.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return received


async def answer(connection: SocketStream) -> None:
    """Read the answer of /health."""
    received = b""
    while not received.endswith(b"}"):
        received += await connection.receive()
    assert received.startswith(b"HTTP/1.1 200")


async def dribble(connection: SocketStream, data: bytes, pause: float) -> bytes:
    """One byte after the other; what the server had to say until it closed."""

    async def send() -> None:
        try:
            for byte in data:
                await connection.send(bytes([byte]))
                await anyio.sleep(pause)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass

    async with anyio.create_task_group() as group:
        group.start_soon(send)
        answer = await rest(connection)
        group.cancel_scope.cancel()
    return answer


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.connection.HEAD_SECONDS", 0.3)
    monkeypatch.setattr("server.connection.ANSWER_SECONDS", 0.3)
    monkeypatch.setattr("server.access.intake.GRACE_SECONDS", 0.3)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("first", [b"", b"\r", b"GET ", HEAD])
async def test_a_head_that_does_not_come(first: bytes) -> None:
    async with served(ScriptedEngine()) as server, await connect(server) as connection:
        began = perf_counter()
        with anyio.fail_after(5):
            if first:
                await connection.send(first)
            await rest(connection)
        assert 0.25 < perf_counter() - began < 3


@pytest.mark.usefixtures("impatient")
async def test_a_head_that_comes_byte_by_byte() -> None:
    async with served(ScriptedEngine()) as server, await connect(server) as connection:
        with anyio.fail_after(5):
            await dribble(connection, HEAD + b"x: " + b"y" * 100_000, 0.01)
        assert (await server.http.get("/health")).status_code == 200


async def test_a_head_without_end() -> None:
    async with served(ScriptedEngine()) as server, await connect(server) as connection:
        await connection.send(b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: ")
        with anyio.fail_after(5):
            try:
                for _ in range(100):
                    await connection.send(b"y" * 65536)
            except anyio.BrokenResourceError:
                pass
            assert (await rest(connection))[:12] in (b"HTTP/1.1 400", b"")


async def test_a_connection_that_is_used_again_keeps_its_patience() -> None:
    async with served(ScriptedEngine()) as server, await connect(server) as connection:
        for _ in range(3):
            for piece in (b"GET /health HT", b"TP/1.1\r\nhost: local", b"host\r\n\r\n"):
                await connection.send(piece)
            await answer(connection)


@pytest.mark.usefixtures("impatient")
async def test_one_byte_after_an_answer_keeps_no_connection_open() -> None:
    async with served(ScriptedEngine()) as server, await connect(server) as connection:
        await connection.send(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        await answer(connection)
        await connection.send(b"\r")
        with anyio.fail_after(4):  # less than uvicorn's keep-alive
            await rest(connection)


@pytest.mark.usefixtures("impatient")
async def test_a_body_that_comes_byte_by_byte() -> None:
    async with served(ScriptedEngine()) as server, await connect(server) as connection:
        await connection.send(HEAD + b"content-length: 10000\r\n\r\n")
        began = perf_counter()
        with anyio.fail_after(5):
            answer = await dribble(connection, b" " * 10_000, 0.02)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b'"code":"request_timeout"' in answer
        assert 0.25 < perf_counter() - began < 3
        metrics = (await server.http.get("/metrics")).text
    assert 'ola_rejected_requests_total{reason="request_timeout"} 1.0' in metrics
    assert "ola_requests_open 1.0" in metrics


@pytest.mark.usefixtures("impatient")
async def test_a_large_body_may_take_longer_than_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.access.intake.BYTES_PER_SECOND", 2000)
    async with served(ScriptedEngine()) as server, await connect(server) as connection:
        body = b'{"messages": [{"role": "user", "content": "Hi"}]}'.ljust(2000)
        await connection.send(HEAD + b"connection: close\r\ncontent-length: 2000\r\n\r\n")
        began = perf_counter()
        for start in range(0, 2000, 250):  # 2500 bytes a second
            await connection.send(body[start : start + 250])
            await anyio.sleep(0.1)
        with anyio.fail_after(5):
            assert (await rest(connection)).startswith(b"HTTP/1.1 200")
        assert perf_counter() - began > 0.6


@pytest.mark.usefixtures("impatient")
async def test_a_client_that_goes_on_sending_after_a_refusal() -> None:
    async with served(ScriptedEngine(), access=Access(SomeKeys())) as server, await connect(server) as connection:
        await connection.send(HEAD + b"content-length: 1000000\r\n\r\n")
        began = perf_counter()
        with anyio.fail_after(5):
            answer = await dribble(connection, b" " * 10_000, 0.02)
        assert answer.startswith(b"HTTP/1.1 401")
        assert perf_counter() - began < 3


@pytest.mark.usefixtures("impatient")
async def test_a_client_that_stops_reading_a_long_answer() -> None:
    engine = ScriptedEngine(["x" * 100_000] * 1000)
    access = Access(SomeKeys(concurrent_requests=1))
    async with (
        served(engine, access=access) as server,
        server.http.stream("POST", CHAT, json=ASK | {"stream": True}, headers=AUTHORIZED) as response,
    ):
        assert response.status_code == 200
        began = perf_counter()
        with anyio.fail_after(5):
            while await engine.running():  # noqa: ASYNC110 - the client looks away
                await anyio.sleep(0.01)
        assert perf_counter() - began < 0.3 + STOP_SECONDS + 1
        assert engine.generated < 1000
        # Its place is free.
        assert (await server.http.get("/v1/models", headers=AUTHORIZED)).status_code == 200


@pytest.mark.usefixtures("impatient")
async def test_a_client_that_does_not_read_but_asks_on() -> None:
    engine = ScriptedEngine(["x" * 100_000] * 1000)
    body = b'{"stream": true, "messages": [{"role": "user", "content": "Hi"}]}'
    request = HEAD + b"content-length: %d\r\n\r\n" % len(body) + body
    async with served(engine) as server, await connect(server) as connection:
        await connection.send(request)
        produced = -1
        while produced != engine.generated:  # until back-pressure reaches the engine
            produced = engine.generated
            await anyio.sleep(0.05)
        await connection.send(request)
        with anyio.fail_after(5):
            while await engine.running():  # noqa: ASYNC110 - the client looks away
                await anyio.sleep(0.01)
    assert len(engine.requests) == 1


@pytest.mark.usefixtures("impatient")
async def test_a_client_that_reads_slowly_gets_everything() -> None:
    engine = ScriptedEngine(["x" * 100_000] * 20)
    async with (
        served(engine) as server,
        server.http.stream("POST", CHAT, json=ASK | {"stream": True}) as response,
    ):
        size = 0
        async for piece in response.aiter_bytes(200_000):
            size += len(piece)
            await anyio.sleep(0.1)
    assert size > 2_000_000


async def test_slow_clients_leave_nothing_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with served(ScriptedEngine()) as server, await connect(server) as connection:
        await connection.send(HEAD + b"content-length: 10000\r\n\r\n{")
    assert "Traceback" not in caplog.text
