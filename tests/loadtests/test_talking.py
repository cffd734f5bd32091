"""The load in real time against a server whose times are known, over a real connection."""

from __future__ import annotations

import os
from base64 import b64encode
from typing import Any

import anyio
import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from loadtests.talking import Sent, measure
from loadtests.turns import Turn, silence, stages, wait
from loadtests.wire import WireError, connected, framed
from tests.loadtests.realtime_server import RealtimeServer, address, refusing
from tts.voice import WIRE_RATE

pytestmark = pytest.mark.anyio

SAID = b64encode(np.full(round(0.2 * WIRE_RATE), 8000, "<i2").tobytes()).decode()
TALK: dict[str, Any] = {"processes": [os.getpid()], "session": {"type": "realtime"}, "stagger": 0.1, "seconds": 1.0}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_turns_are_answered_and_interrupted() -> None:
    server = RealtimeServer(answer=2.5, silence_ms=120)
    async with server.serving() as url:
        given = await measure(f"{url}/v1/realtime", recordings=[[SAID]] * 3, interrupts=True, **TALK)
    assert server.sessions == [TALK["session"]] * 3
    assert given["errors"] == given["ended"] == []
    turns = [Turn(**turn) for turn in given["turns"]]
    assert [turn.over for turn in turns] == [False, True] * 3
    for turn in turns:
        assert turn.answered
        assert turn.ended - turn.begun == pytest.approx(0.2)
        assert stages(turn)["silence"] == pytest.approx(0.14, abs=0.03)  # whole appends and windows
        assert 0.1 < wait(turn) < 1.0
        assert min(stages(turn).values()) >= 0
        if turn.over:
            assert turn.hushed
            assert 0.04 < silence(turn) < 0.5
    # Half a second, two turns of 0.2 s, two waits, 2 s of an answer, and an answer of 2.5 s with its rest.
    assert given["sent"]["appends"] > 3 * 25 * 6


async def test_a_session_that_the_server_ends_is_told_of() -> None:
    async def short(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send('{"type": "session.updated"}')
        await connection.recv()
        await connection.close(1011, "no more")

    async with serve(short, "127.0.0.1", 0) as server:
        url = address(server)
        given = await measure(url, recordings=[[SAID]], interrupts=False, **TALK)
    (why,) = given["ended"]
    assert "1011" in why
    assert "no more" in why


async def test_a_refusal_says_why() -> None:
    async with refusing() as url:
        with pytest.raises(WireError, match="429 too many"):
            await connected(url, lambda *_: None)


async def test_the_wire_carries_what_was_made_before_and_answers_pings() -> None:
    heard: list[str | bytes] = []
    answered = anyio.Event()

    async def talk(connection: ServerConnection) -> None:
        heard.extend([await connection.recv(), await connection.recv()])
        await (await connection.ping())
        await connection.send("x" * 70_000)
        await connection.wait_closed()

    said: list[bytes] = []

    def hear(message: bytes, _: float) -> None:
        said.append(message)
        answered.set()

    async with serve(talk, "127.0.0.1", 0) as server:
        wire = await connected(address(server), hear)
        for _ in range(2):
            wire.send(framed({"type": "x", "audio": "y" * 200}))
        with anyio.fail_after(5):
            await answered.wait()
        wire.close()
    assert heard == ['{"type": "x", "audio": "' + "y" * 200 + '"}'] * 2
    assert said == [b"x" * 70_000]


def test_appends_are_late_after_their_time() -> None:
    sent = Sent()
    for lateness in (0.0, 0.009, 0.011, 0.3):
        sent.note(lateness)
    assert sent == Sent(appends=4, late=2, latest=0.3)
