"""What a connection makes of sound that waits already: one append, in its place among other events."""

from __future__ import annotations

from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from pydantic_core import to_json
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import connect

from server.patient_websocket import WAITING
from server.realtime.connection import Connection
from server.realtime.events import ClientEvent, InputAudioAppend, InputAudioCommit
from server.realtime.outbox import Outbox
from server.stopping import Stopping
from tests.serving import serving

pytestmark = pytest.mark.anyio


class Listener:
    """A session that only notes what it is asked."""

    def __init__(self) -> None:
        self.handled: list[ClientEvent] = []

    async def handle(self, event: ClientEvent) -> None:
        self.handled.append(event)

    async def quiet(self) -> None:
        await anyio.sleep_forever()


def append(sound: bytes, **more: str) -> str:
    return to_json({"type": "input_audio_buffer.append", "audio": b64encode(sound).decode()} | more).decode()


async def handled(*said: str, **extensions: Any) -> list[ClientEvent]:
    """What a session is asked if all of this waits when it begins."""
    waiting, listener = deque[Message]({"type": "websocket.receive", "text": text} for text in said), Listener()
    waiting.appendleft({"type": "websocket.connect"})

    async def receive() -> Message:
        return waiting.popleft() if waiting else {"type": "websocket.disconnect"}

    async def send(_: Message) -> None:
        """Nobody listens."""

    @asynccontextmanager
    async def session() -> AsyncIterator[Listener]:
        yield listener

    told = {name: lambda: bool(waiting) for name in extensions}
    websocket = WebSocket({"type": "websocket", "headers": [], "extensions": told}, receive, send)
    await websocket.accept()
    with anyio.fail_after(30):
        try:
            await Connection(websocket, Outbox(), Stopping()).run(session())
        except* WebSocketDisconnect:
            pass
    return listener.handled


COMMIT = '{"type": "input_audio_buffer.commit"}'


async def test_sound_that_waits_is_one() -> None:
    said = (append(b"a"), append(b"bc"), append(b"d"), COMMIT, append(b"e"))
    sound = [InputAudioAppend(audio=b"abcd"), InputAudioCommit(), InputAudioAppend(audio=b"e")]
    assert await handled(*said, **{WAITING: True}) == sound


async def test_of_a_server_that_does_not_say_what_waits_nothing_is_joined() -> None:
    pieces = [InputAudioAppend(audio=b"a"), InputAudioAppend(audio=b"b")]
    assert await handled(append(b"a"), append(b"b")) == pieces


async def test_sound_with_a_name_and_what_is_none_stays_apart() -> None:
    said = (append(b"a"), append(b"b", event_id="x"), append(b"c"), "{", append(b"d"), append(b"e"))
    events = await handled(*said, **{WAITING: True})
    assert events == [
        InputAudioAppend(audio=b"a"),
        InputAudioAppend(audio=b"b", event_id="x"),
        InputAudioAppend(audio=b"c"),
        InputAudioAppend(audio=b"de"),
    ]


async def test_others_are_let_in_after_a_second_of_sound() -> None:
    events = await handled(*[append(b"a")] * 60, **{WAITING: True})
    assert [len(event.audio) for event in events if isinstance(event, InputAudioAppend)] == [26, 26, 8]


async def test_our_websocket_says_what_waits() -> None:
    seen = list[tuple[Any, bool]]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (message := await receive())["type"] == "websocket.receive":
                seen.append((message["text"], scope["extensions"][WAITING]()))
                await send({"type": "websocket.send", "text": "."})

    async with serving(app, lifespan="off") as url, connect(url.replace("http", "ws")) as client:
        await client.send("one")
        assert await client.recv() == "."
    assert seen == [("one", False)]
