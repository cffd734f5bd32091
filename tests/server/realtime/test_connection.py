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
from server.realtime.events import ClientEvent, InputAudioAppend, InputAudioCommit, client_event, shows
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


async def handled(*said: str, waits: bool = False, listener: Listener | None = None) -> list[ClientEvent]:
    """What a session is asked if all of this waits when it begins; `waits`: of a server that says so."""
    listener = listener or Listener()
    waiting = deque[Message]({"type": "websocket.receive", "text": text} for text in said)
    waiting.appendleft({"type": "websocket.connect"})

    async def receive() -> Message:
        return waiting.popleft() if waiting else {"type": "websocket.disconnect"}

    async def send(_: Message) -> None:
        """Nobody listens."""

    @asynccontextmanager
    async def session() -> AsyncIterator[Listener]:
        yield listener

    told = {WAITING: lambda: bool(waiting)} if waits else {}
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
    assert await handled(*said, waits=True) == sound


async def test_of_a_server_that_does_not_say_what_waits_nothing_is_joined() -> None:
    pieces = [InputAudioAppend(audio=b"a"), InputAudioAppend(audio=b"b")]
    assert await handled(append(b"a"), append(b"b")) == pieces


async def test_sound_with_a_name_and_what_is_none_stays_apart() -> None:
    said = (append(b"a"), append(b"b", event_id="x"), append(b"c"), "{", append(b"d"), append(b"e"))
    events = await handled(*said, waits=True)
    assert events == [
        InputAudioAppend(audio=b"a"),
        InputAudioAppend(audio=b"b", event_id="x"),
        InputAudioAppend(audio=b"c"),
        InputAudioAppend(audio=b"de"),
    ]


async def test_others_are_let_in_after_a_second_of_sound() -> None:
    events = await handled(*[append(b"a")] * 60, waits=True)
    assert [len(event.audio) for event in events if isinstance(event, InputAudioAppend)] == [26, 26, 8]


PICTURE = {"type": "input_image", "image_url": "https://example.com/a.png"}
SHOWN: dict[str, Any] = {"type": "message", "role": "user", "content": [PICTURE]}


@pytest.mark.parametrize(
    "said",
    [
        {"type": "conversation.item.create", "item": SHOWN},
        {"type": "response.create", "response": {"input": [SHOWN]}},
        {"type": "input_video_buffer.append", "image_url": "data:"},
    ],
)
async def test_sound_is_heard_while_a_picture_comes_and_all_else_waits(said: dict[str, Any]) -> None:
    class Fetching(Listener):
        async def handle(self, event: ClientEvent) -> None:
            if shows(event):
                await anyio.sleep(0.2)
            await super().handle(event)

    wire = to_json(said).decode()
    events = await handled(wire, append(b"a"), append(b"b"), COMMIT, append(b"c"), wire, listener=Fetching())
    kinds = [type(event) for event in events]
    first = client_event(wire)
    assert events[:3] == [InputAudioAppend(audio=b"a"), InputAudioAppend(audio=b"b"), first]
    # Also the last one is handled whose client has left meanwhile.
    assert events[3:] == [InputAudioCommit(), InputAudioAppend(audio=b"c"), first], kinds


async def test_words_wait_for_no_picture() -> None:
    words = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
    wire = to_json({"type": "conversation.item.create", "item": words}).decode()
    assert await handled(wire, append(b"a")) == [client_event(wire), InputAudioAppend(audio=b"a")]


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
