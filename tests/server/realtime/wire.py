"""A client of the Realtime WebSocket for tests of faults: one that says and hears events, and that can vanish."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from websockets.asyncio.client import ClientConnection, connect

from tests.conformance.talking import recorded
from tests.server.realtime.strict import valid
from tts.voice import WIRE_RATE

Event = dict[str, Any]

_STEP = WIRE_RATE // 10 * 2
SESSION_EXTENSIONS = {"session.resumed"}


class Caller:
    """One connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.session_id = self.last_event_id = ""

    async def say(self, kind: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, **fields}))

    async def hear(self, *kinds: str, seconds: float = 10.0) -> list[Event]:
        """Events up to the first of one of these kinds, each a valid one."""
        events: list[Event] = []
        with anyio.fail_after(seconds):
            while not events or events[-1]["type"] not in kinds:
                event = json.loads(await self.connection.recv())
                events.append(event if event["type"] in SESSION_EXTENSIONS else valid(event))
                self.last_event_id = event["event_id"]
        return events

    async def begin(self) -> None:
        (created,) = await self.hear("session.created")
        self.session_id = created["session"]["id"]

    async def write(self, text: str = "Hi") -> None:
        """Add a message of the user's."""
        content = [{"type": "input_text", "text": text}]
        await self.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})

    async def ask(self, text: str = "Hi", **response: Any) -> None:
        await self.write(text)
        await self.say("response.create", response=response)

    async def speak(self, silence: float = 1.0, before: float = 0.0) -> None:
        """Ask a question aloud, faster than anybody could. Seconds of silence around it."""
        pcm = bytes(round(before * WIRE_RATE) * 2) + recorded("question.wav") + bytes(round(silence * WIRE_RATE) * 2)
        for at in range(0, len(pcm), _STEP):
            await self.say("input_audio_buffer.append", audio=b64encode(pcm[at : at + _STEP]).decode())

    def vanish(self) -> None:
        """Be gone without a word."""
        self.connection.transport.abort()

    def stop_reading(self) -> None:
        """Take nothing any more: pings stay unanswered, and what is sent piles up."""
        self.connection.transport.pause_reading()

    def read_on(self) -> None:
        self.connection.transport.resume_reading()


@asynccontextmanager
async def calling(url: str, **options: Any) -> AsyncGenerator[Caller, None]:
    """A session at a server with this base URL."""
    address = f"{url.rstrip('/').replace('http', 'ws')}/v1/realtime?model=ola-demo"
    async with connect(address, max_size=None, close_timeout=0.1, **options) as connection:
        caller = Caller(connection)
        await caller.begin()
        yield caller


def status_of(events: list[Event]) -> tuple[str, str | None]:
    """How the response ended."""
    response = events[-1]["response"]
    return response["status"], (response["status_details"] or {}).get("reason")


def kinds_of(events: list[Event]) -> list[str]:
    return [event["type"] for event in events]
