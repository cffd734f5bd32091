"""A session without a socket, whose time is in the test's hands: its events are said and heard as on the wire."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from random import Random
from typing import Any, cast

import anyio
import numpy as np
import numpy.typing as npt
from anyio.lowlevel import checkpoint

from engine.api import SAMPLE_RATE
from server.access.limits.allowance import Allowance
from server.errors import FieldError, RequestError
from server.media.errors import MediaError
from server.media.limits import MediaLimits
from server.media.parts import Attachments
from server.metrics import Metrics
from server.parts import Parts
from server.realtime.config import Facts, Kind, begun
from server.realtime.conversation import Conversation
from server.realtime.durable.memory import MemorySessions
from server.realtime.durable.store import SessionStore
from server.realtime.events import EventError, client_event
from server.realtime.hearing.vad import Vad, VadStream, Window
from server.realtime.hearing.windows import decibels, powers
from server.realtime.messages import messages
from server.realtime.outbox import Outbox, emit_error
from server.realtime.session import Session
from server.realtime.shared import Shared
from server.realtime.updates import updated
from server.settings import Settings
from server.store import MemoryStore
from tests.hand_clock import HandClock, settled
from tests.scripted_engine import MODEL, ScriptedEngine
from tests.scripted_voice import ScriptedVoice
from tests.server.realtime.listener import Listener
from tests.server.realtime.replayed import Replayed
from tests.server.realtime.strict import valid
from tts.speaker import Limits, Speaker
from tts.voice import WIRE_RATE

Event = dict[str, Any]

LOUD = 4000
"""Amplitude that the scripted activity takes for speech."""


class ScriptedActivity:
    """In the place of `Vad`: what is loud is speech."""

    def stream(self) -> VadStream:
        return VadStream()

    async def hear(self, _: VadStream, windows: npt.NDArray[np.int16]) -> list[Window]:
        power, loud = powers(windows), np.abs(windows).max(axis=1) >= LOUD
        return list(map(Window, loud.astype(float).tolist(), decibels(power.mean(axis=1)).tolist(), decibels(power)))


class Letterbox(Outbox):
    """Of a client that takes every event at once, and knows when."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self._clock, self._new = clock, list[tuple[str, float]]()

    def put(self, data: bytes) -> None:
        self._new.append((data.decode(), self._clock.now()))

    def new(self) -> list[tuple[str, float]]:
        """Events since the last call, with their times."""
        new, self._new = self._new, []
        return new


class Driver:
    """The client of one session."""

    def __init__(
        self, session: Session, shared: Shared, outbox: Letterbox, clock: HandClock, known: Replayed | None = None
    ) -> None:
        """`known` is what another connection of the session was told before."""
        self.session, self.shared, self.clock = session, shared, clock
        self._outbox = outbox
        self.events: list[Event] = []
        self.known, self.listener = known or Replayed(), Listener()
        self.hasty: Random | None = None
        """How soon the next event follows; None: when nothing is left to do."""

    async def say(self, kind: str, **fields: Any) -> list[Event]:
        """Send an event; what comes of it at once."""
        return await self.send(json.dumps({"type": kind, **fields}))

    async def send(self, message: str | None) -> list[Event]:
        """Send a text message, None: a binary one. What comes of it at once."""
        before = len(self.heard())
        try:
            event = client_event(message)
        except EventError as error:
            emit_error(self.shared.emit, error)
            return self.heard()[before:]
        try:
            await self.session.handle(event)
        except (RequestError, FieldError, MediaError) as error:
            emit_error(self.shared.emit, error, event.event_id)
        if self.hasty is None:
            await settled()
        else:
            for _ in range(self.hasty.randrange(12)):
                await checkpoint()
        return self.heard()[before:]

    async def append(self, data: bytes) -> list[Event]:
        """Send sound as it is."""
        return await self.say("input_audio_buffer.append", audio=b64encode(data).decode())

    async def speak(self, seconds: float, level: int = 2 * LOUD) -> list[Event]:
        """Send sound as a microphone does, 20 ms at a time in real time; 0 is silence."""
        before = len(self.heard())
        for _ in range(round(seconds * 50)):
            await self.append(wave(0.02, level))
            await self.wait(0.02)
        return self.heard()[before:]

    async def ask(self, text: str, **response: Any) -> list[Event]:
        """Ask in writing, and for an answer."""
        before = len(self.heard())
        await self.say("conversation.item.create", item=question(text))
        await self.say("response.create", **({"response": response} if response else {}))
        return self.heard()[before:]

    async def update(self, **session: Any) -> list[Event]:
        """Change the session."""
        return await self.say("session.update", session={"type": self.shared.config.kind} | session)

    async def wait(self, seconds: float) -> list[Event]:
        """Let time pass."""
        before = len(self.heard())
        await self.clock.advance(seconds)
        return self.heard()[before:]

    async def item(self, item_id: str) -> Event:
        """An item as it is now."""
        await self.say("conversation.item.retrieve", item_id=item_id)
        item: Event = self.of("conversation.item.retrieved")[-1]["item"]
        return item

    def heard(self) -> list[Event]:
        """All events so far; each is checked once, by itself and in its place."""
        for data, now in self._outbox.new():
            event = valid(json.loads(data))
            self.known.take(event)
            self.listener.take(event, now)
            self.events.append(event)
        return self.events

    @property
    def errors(self) -> list[str | None]:
        """Codes of the errors so far."""
        return [event["error"]["code"] for event in self.of("error")]

    @property
    def history(self) -> list[Event]:
        """The messages that an answer would be given to, without the system's."""
        told = messages("", self.shared.conversation.context)
        return [{name: value for name, value in message.items() if name != "tool_calls"} for message in told]

    def of(self, kind: str) -> list[Event]:
        """All events of this type so far."""
        return [event for event in self.heard() if event["type"] == kind]

    def kinds(self, events: list[Event]) -> list[str]:
        """Types in order, repeated ones once."""
        kinds = [event["type"] for event in events]
        return [kind for place, kind in enumerate(kinds) if place == 0 or kinds[place - 1] != kind]


@asynccontextmanager
async def driven(
    engine: ScriptedEngine | None = None,
    voice: ScriptedVoice | None = None,
    session: dict[str, Any] | None = None,
    limits: Limits | None = None,
    allowance: Allowance | None = None,
    sessions: SessionStore | None = None,
    owner: str = "",
    kind: Kind = "realtime",
    known: Replayed | None = None,
) -> AsyncGenerator[Driver, None]:
    """A session over scripted parts. `session` is what the first `session.update` asks for. Leaving it is what the
    client does that vanishes: then nothing may be left of it with engine and voice."""
    engine, clock = engine or ScriptedEngine(), HandClock()
    outbox = Letterbox(clock)
    speaker = None if voice is None else Speaker([voice], {"alloy": voice.name, "default": voice.name}, limits)
    voices = None if speaker is None else frozenset(await speaker.names())
    facts = Facts((MODEL,), voices, max_tokens=16384)
    config = begun(kind, None, facts)
    if session is not None:
        config = updated(config, {"type": kind} | session, facts)
    async with Attachments(MediaLimits()) as attachments, anyio.create_task_group() as group:
        parts = Parts(Settings(), engine, speaker, MemoryStore(60, 10), Metrics(), attachments)
        shared = Shared(
            parts, facts, outbox.emit, outbox.room, clock, allowance or Allowance(), group, config, Conversation()
        )
        core = Session(shared, cast(Vad, ScriptedActivity()), outbox, sessions or MemorySessions(), owner)
        core.begin()
        driver = Driver(core, shared, outbox, clock, known)
        try:
            yield driver
        finally:
            await core.leave()
            group.cancel_scope.cancel()
    driver.heard()
    assert not await engine.running()
    if speaker is not None and voice is not None:
        assert not voice.active
        await speaker.close()


def question(text: str) -> dict[str, object]:
    """An item."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def wave(seconds: float, level: int = 2 * LOUD, rate: int = WIRE_RATE) -> bytes:
    """PCM16: a hum of 50 Hz."""
    half = np.repeat(np.array([level, -level], "<i2"), rate // 100)
    return np.resize(half, round(seconds * rate)).tobytes()


def spoken(seconds: float) -> int:
    """Samples of so much speech at SAMPLE_RATE."""
    return round(seconds * SAMPLE_RATE)
