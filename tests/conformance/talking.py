"""A client of the Realtime API that speaks and listens, over the SDK's own connection. What it hears is checked."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, cast

import anyio
import numpy as np
import soundfile
import soxr
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from tests.conformance.asked import EXAMPLES, MODEL
from tests.demo import sounds
from tests.server.realtime.strict import valid
from tts.voice import WIRE_RATE

Event = dict[str, Any]

PATIENCE = 120.0
"""Seconds for an answer of the demo model, on a machine that does other things too."""
_STEP = WIRE_RATE // 10 * 2
"""Bytes of a tenth of a second, as a microphone would send them."""


class Talk:
    """One session."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection

    async def send(self, kind: str, **fields: Any) -> None:
        """Any event, also one that the SDK does not know."""
        await self.connection.send({"type": kind, **fields})  # type: ignore[arg-type]

    async def hear(self, *kinds: str) -> list[Event]:
        """Events up to the first of one of these kinds. AssertionError if there is an error instead."""
        events: list[Event] = []
        with anyio.fail_after(PATIENCE):
            while not events or events[-1]["type"] not in kinds:
                events.append(valid(json.loads(await self.connection.recv_bytes())))
                assert events[-1]["type"] != "error" or "error" in kinds, events[-1]
        return events

    async def next(self, kind: str) -> Event:
        """The next event of a kind that the SDK does not know."""
        with anyio.fail_after(PATIENCE):
            while (event := json.loads(await self.connection.recv_bytes()))["type"] != kind:
                pass
        return cast(Event, event)

    async def say(self, pcm: bytes, silence: float = 1.0) -> None:
        """Speak, and be silent for so many seconds; faster than anybody could."""
        pcm += bytes(round(silence * WIRE_RATE) * 2)
        for at in range(0, len(pcm), _STEP):
            sound = base64.b64encode(pcm[at : at + _STEP]).decode()
            await self.connection.input_audio_buffer.append(audio=sound)

    async def write(self, text: str, *parts: Any) -> None:
        """Add a message of the user's: other parts, then text."""
        content: Any = [*parts, {"type": "input_text", "text": text}]
        await self.connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        await self.hear("conversation.item.done")


@asynccontextmanager
async def talking(sdk: AsyncOpenAI, **options: Any) -> AsyncGenerator[Talk, None]:
    """A session that has begun."""
    async with sdk.realtime.connect(**options or {"model": MODEL}) as connection:
        talk = Talk(connection)
        await talk.hear("session.created")
        yield talk


def spoken(text: str, seed: int = 0) -> bytes:
    """PCM16 of the text in a voice of the exam's."""
    return _pcm(sounds.speech(Random(seed), text), sounds.RATE)


def recorded(name: str) -> bytes:
    """PCM16 of one of the demo model's examples."""
    return _pcm(*_read(EXAMPLES / name))


def _read(path: Path) -> tuple[Any, int]:
    samples, rate = soundfile.read(path)
    return samples, rate


def _pcm(samples: Any, rate: int) -> bytes:
    resampled = np.clip(soxr.resample(samples, rate, WIRE_RATE), -1, 1)
    return bytes(np.round(32767 * resampled).astype("<i2"))


def sound_of(events: list[Event]) -> bytes:
    """What was said in these events, as PCM16."""
    kind = "response.output_audio.delta"
    return b"".join(base64.b64decode(event["delta"]) for event in events if event["type"] == kind)


def wav(pcm: bytes) -> bytes:
    """A file of it."""
    stored = io.BytesIO()
    soundfile.write(stored, np.frombuffer(pcm, "<i2"), WIRE_RATE, format="WAV", subtype="PCM_16")
    return stored.getvalue()


def kinds_of(events: list[Event]) -> list[str]:
    return [event["type"] for event in events]


def first(events: list[Event], kind: str) -> Event:
    return next(event for event in events if event["type"] == kind)
