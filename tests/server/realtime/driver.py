"""A session without a socket, whose time is in the test's hands: its events are said and heard as on the wire."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio
import numpy as np
import numpy.typing as npt

from engine.api import SAMPLE_RATE
from server.access.limits.allowance import Allowance
from server.errors import FieldError, RequestError
from server.media.errors import MediaError
from server.media.limits import MediaLimits
from server.media.parts import Attachments
from server.metrics import Metrics
from server.parts import Parts
from server.realtime.config import Facts, begun
from server.realtime.conversation import Conversation
from server.realtime.durable.memory import MemorySessions
from server.realtime.durable.store import SessionStore
from server.realtime.events import EventError, client_event
from server.realtime.hearing.vad import Vad, VadStream
from server.realtime.outbox import Outbox, emit_error
from server.realtime.session import Session
from server.realtime.shared import Shared
from server.realtime.updates import updated
from server.settings import Settings
from server.store import MemoryStore
from tests.hand_clock import HandClock, settled
from tests.scripted_engine import MODEL, ScriptedEngine
from tests.scripted_voice import ScriptedVoice
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

    async def probabilities(self, _: VadStream, windows: npt.NDArray[np.int16]) -> list[float]:
        return [1.0 if np.abs(window).max() >= LOUD else 0.0 for window in windows]


class Driver:
    """The client of one session."""

    def __init__(self, session: Session, shared: Shared, outbox: Outbox, clock: HandClock) -> None:
        self.session, self.shared, self.clock = session, shared, clock
        self._outbox = outbox
        self.events: list[Event] = []

    async def say(self, kind: str, **fields: Any) -> list[Event]:
        """Send an event; what comes of it at once."""
        before = len(self.heard())
        try:
            event = client_event(json.dumps({"type": kind, **fields}))
        except EventError as error:
            emit_error(self.shared.emit, error)
            return self.heard()[before:]
        try:
            await self.session.handle(event)
        except (RequestError, FieldError, MediaError) as error:
            emit_error(self.shared.emit, error, event.event_id)
        await settled()
        return self.heard()[before:]

    async def speak(self, seconds: float, level: int = 2 * LOUD) -> list[Event]:
        """Send sound as a microphone does, 20 ms at a time in real time; 0 is silence."""
        before = len(self.heard())
        for _ in range(round(seconds * 50)):
            wave = np.repeat(np.array([level, -level], "<i2"), WIRE_RATE // 100)
            await self.say("input_audio_buffer.append", audio=b64encode(wave.tobytes()).decode())
            await self.clock.advance(0.02)
        return self.heard()[before:]

    async def wait(self, seconds: float) -> list[Event]:
        """Let time pass."""
        before = len(self.heard())
        await self.clock.advance(seconds)
        return self.heard()[before:]

    def heard(self) -> list[Event]:
        """All events so far; each is checked against the SDK once."""
        for data in self._outbox.taken():
            self.events.append(valid(json.loads(data)))
        return self.events

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
) -> AsyncGenerator[Driver, None]:
    """A session over scripted parts. `session` is what the first `session.update` asks for. Leaving it is what the
    client does that vanishes."""
    engine, outbox, clock = engine or ScriptedEngine(), Outbox(), HandClock()
    speaker = None if voice is None else Speaker([voice], {"alloy": voice.name, "default": voice.name}, limits)
    voices = None if speaker is None else frozenset(await speaker.names())
    facts = Facts((MODEL,), voices, max_tokens=16384)
    config = begun("realtime", None, facts)
    if session is not None:
        config = updated(config, {"type": "realtime"} | session, facts)
    async with Attachments(MediaLimits()) as attachments, anyio.create_task_group() as group:
        parts = Parts(Settings(), engine, speaker, MemoryStore(60, 10), Metrics(), attachments)
        shared = Shared(
            parts, facts, outbox.emit, outbox.room, clock, allowance or Allowance(), group, config, Conversation()
        )
        core = Session(shared, cast(Vad, ScriptedActivity()), outbox, sessions or MemorySessions(), "")
        core.begin()
        try:
            yield Driver(core, shared, outbox, clock)
        finally:
            await core.leave()
            group.cancel_scope.cancel()
    if speaker is not None:
        await speaker.close()


def spoken(seconds: float) -> int:
    """Samples of so much speech at SAMPLE_RATE."""
    return round(seconds * SAMPLE_RATE)
