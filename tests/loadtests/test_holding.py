"""Conversations over a blocking socket, here in threads, with a server whose times are known."""

from __future__ import annotations

import json
from time import time

import anyio
import numpy as np
import pytest
from anyio.to_thread import run_sync
from websockets.asyncio.server import ServerConnection, serve

from loadtests.talker import recording
from loadtests.talking import Sent
from loadtests.users.blocking_wire import BlockingWire
from loadtests.users.conversation import Conversation
from loadtests.users.holding import SESSION, hold
from loadtests.users.watchwords import Lent, Verdict, sums
from loadtests.wire import WireError, framed
from tests.loadtests.realtime_server import RealtimeServer, address, refusing
from tts.voice import WIRE_RATE

pytestmark = pytest.mark.anyio

WORD = sums()[0]
SAID = recording(np.full(round(0.2 * WIRE_RATE), 8000, "<i2").tobytes())


def conversation() -> Conversation:
    return Conversation([SAID], [Lent(WORD)], interrupts=False)


async def test_a_question_is_asked_and_its_answer_heard() -> None:
    server, talk, sent, before = (
        RealtimeServer(answer=0.5, silence_ms=120, words="Eighteen."),
        conversation(),
        Sent(),
        time(),
    )
    async with server.serving() as url:
        began = await run_sync(hold, f"{url}/v1/realtime", talk, sent)
    (answer,) = talk.answers(began, users=1)
    assert answer.verdict is Verdict.RIGHT
    assert answer.sound == pytest.approx(0.5)
    assert before < answer.at < time()
    assert server.sessions == [SESSION]
    assert sent.appends > 25


async def test_a_server_that_hangs_up_is_told_of() -> None:
    async def short(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send('{"type": "session.updated"}')
        await connection.recv()
        await connection.close(1011, "no more")

    async def wrong(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send('{"type": "error", "error": {"code": "no_such_voice"}}')
        await connection.wait_closed()

    for handler, why in ((short, "1011.*no more"), (wrong, "no_such_voice")):
        async with serve(handler, "127.0.0.1", 0) as server:
            url = address(server)
            with pytest.raises(WireError, match=why):
                await run_sync(hold, url, conversation(), Sent())


async def test_a_refusal_says_why() -> None:
    async with refusing() as url:
        with pytest.raises(WireError, match="429 too many"):
            await run_sync(BlockingWire, url, 5.0)


async def test_the_wire_keeps_what_came_with_the_handshake_and_answers_pings() -> None:
    heard: list[str | bytes] = []

    async def talk(connection: ServerConnection) -> None:
        await connection.send(json.dumps("at once"))
        heard.append(await connection.recv())
        await (await connection.ping())
        await connection.send("x" * 70_000)
        await connection.wait_closed()

    def listen(url: str) -> list[bytes]:
        wire = BlockingWire(url, 5.0)
        wire.send(framed({"type": "x"}))
        said = []
        for message, _ in wire.messages():
            said.append(message)
            if len(said) == 2:
                wire.close()
        return said

    async with serve(talk, "127.0.0.1", 0) as server:
        with anyio.fail_after(10):
            said = await run_sync(listen, address(server))
    assert heard == ['{"type": "x"}']
    assert said == [b'"at once"', b"x" * 70_000]
