"""More than the server can work on is refused, at once; nobody waits in a line."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, suppress
from functools import partial
from time import perf_counter

import anyio
import pytest
from anyio.abc import SocketStream

from server.access.places import Places, ServerBusyError
from tests.scripted_engine import ScriptedEngine
from tests.server.served import ASK, served
from tests.server.test_errors import check_error

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
CLIENTS, PLACES = 100, 10
REFUSED_WITHIN = 0.5
"""Seconds from the request to its refusal; what the product promises."""


async def test_a_hundred_clients_at_ten_places() -> None:
    """All ask in the same moment, over connections of their own."""
    gate = anyio.Event()
    engine = ScriptedEngine(["one ", "two"], gates={1: gate})
    answered: list[bytes] = []
    refusals: list[float] = []
    body = json.dumps(ASK | {"stream": True}).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body

    async def ask(connection: SocketStream) -> None:
        began = perf_counter()
        await connection.send(request)
        first = await connection.receive()
        took = perf_counter() - began
        answer = first + b"".join([piece async for piece in connection])
        if answer.startswith(b"HTTP/1.1 200"):
            answered.append(answer)
            return
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1\r\n" in answer.lower()
        assert b'"code":"server_busy"' in answer
        refusals.append(took)
        if len(refusals) == CLIENTS - PLACES:
            gate.set()

    async with served(engine, max_requests=PLACES) as server, AsyncExitStack() as closing:
        host, port = server.http.base_url.host, server.http.base_url.port
        assert port is not None
        connections = [await closing.enter_async_context(await anyio.connect_tcp(host, port)) for _ in range(CLIENTS)]
        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                for connection in connections:
                    group.start_soon(ask, connection)
        assert (await server.http.post(CHAT, json=ASK)).status_code == 200
        metrics = (await server.http.get("/metrics")).text
    assert len(answered) == PLACES
    assert all(b"two" in answer for answer in answered)
    assert f'ola_rejected_requests_total{{reason="server_busy"}} {CLIENTS - PLACES}.0' in metrics
    assert len(engine.requests) == PLACES + 1
    print(f"refused within {max(refusals):.3f} s")
    assert max(refusals) < REFUSED_WITHIN


async def test_a_busy_server_refuses_before_it_reads_and_can_be_watched() -> None:
    gate = anyio.Event()
    engine = ScriptedEngine(gates={0: gate})
    async with served(engine, max_requests=1) as server, anyio.create_task_group() as group:

        async def ask() -> None:
            assert (await server.http.post(CHAT, json=ASK)).status_code == 200

        group.start_soon(ask)
        await engine.started.wait()
        host, port = server.http.base_url.host, server.http.base_url.port
        assert port is not None
        async with await anyio.connect_tcp(host, port) as connection:
            began = perf_counter()
            await connection.send(f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9999\r\n\r\n".encode())
            assert (await connection.receive()).startswith(b"HTTP/1.1 503")
            assert perf_counter() - began < REFUSED_WITHIN
        check_error(await server.http.get("/v1/models"), 503)
        for path in ("/health", "/ready", "/metrics"):
            assert (await server.http.get(path)).status_code == 200
        gate.set()


def test_a_place_is_free_again_however_it_was_left() -> None:
    places = Places(1, 0)
    for _ in range(3):
        with suppress(ZeroDivisionError), places.taken():
            with pytest.raises(ServerBusyError), places.taken():
                pass
            raise ZeroDivisionError


def test_what_is_on_disk_is_bounded_by_itself() -> None:
    places = Places(3, 200, 250)
    with places.taken() as one, places.taken() as other:
        for place in (one, other):
            place.hold(90)
            place.spill(10)
            place.hold(30)
        with pytest.raises(ServerBusyError):
            one.hold(130)
        other.spill(0)
        other.hold(60)
        with pytest.raises(ServerBusyError):
            other.spill(0)
    with places.taken() as place:  # all of it is free again
        place.hold(200)
        place.spill(0)
        place.hold(200)


async def test_bodies_share_their_memory() -> None:
    """Four of the largest at a time; while they are held, a fifth is refused where it would not fit any more."""
    gate = anyio.Event()
    engine = ScriptedEngine(gates={0: gate})
    large = ASK | {"user": "x" * 9_000}
    async with served(engine, max_body_bytes=10_000) as server:
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(partial(server.http.post, CHAT, json=large))
            with anyio.fail_after(5):
                while await engine.running() < 4:  # noqa: ASYNC110 - no client sees it
                    await anyio.sleep(0.002)
            assert check_error(await server.http.post(CHAT, json=large), 503)["code"] == "server_busy"
            gate.set()
            assert (await server.http.post(CHAT, json=ASK)).status_code == 200
        for _ in range(5):
            assert (await server.http.post(CHAT, json=large)).status_code == 200
