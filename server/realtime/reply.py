"""One answer on its way out: text and calls as they are written, their sound in frames at its time.

Knows no conversation, no event of the wire, and no clock but the one that it is given.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextlib import closing as closed
from dataclasses import dataclass
from typing import Any

import anyio

from engine.api import EngineError
from server.closing import closing
from server.narrator import Narrator
from server.realtime.playback import Clock, Playback
from server.realtime.sources import Chunks
from server.realtime.written import Text, Writer, Writing, Written
from tts.background import background
from tts.events import Begun, Ended, Skipped, Sound
from tts.voice import WIRE_RATE, VoiceError

_FRAME_BYTES = 2 * WIRE_RATE // 10
"""100 ms: what a barge-in must wait for at most, and few enough events to encode."""


@dataclass(frozen=True, slots=True)
class Finished:
    """All was handed out, text and sound; the listener hears on until `Playback.ends`."""

    finish_reason: str | None
    usage: dict[str, Any] | None
    """Both as in `Written`."""
    voice_failure: VoiceError | None
    """Why some of the text was not spoken; the text is whole."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The engine refused the request or failed in the middle of it. Neither text nor sound follows."""

    error: EngineError


Event = Writing | Begun | Sound | Ended | Skipped | Finished | Failed
"""The last one is `Finished` or `Failed`. `Written` comes when the model has ended, often long before the sound has."""

Reply = AsyncGenerator[Event, None]


@asynccontextmanager
async def replying(
    chunks: Chunks, narrator: Narrator | None, clock: Clock, playback: Playback
) -> AsyncGenerator[Reply, None]:
    """Give the events of one answer: `async with replying(...) as events`.

    `narrator` speaks in "pcm16"; None: the answer is text alone. Text never waits for sound. A frame of sound is handed
    out when `playback` has room for it, and counts there as sent from then; while the one before it is not taken, the
    voice is held up by the speaker's look-ahead. `chunks` are closed here.

    Leaving the block, also by being cancelled, aborts what runs behind `chunks` and stops the voice. What `chunks`
    raises comes out as a group unless it is an EngineError.
    """
    with closed(_Reply(narrator, clock, playback)) as reply:
        async with background() as group, closing(reply.events()) as events:
            group.start_soon(reply.write, chunks, name="answer")
            group.start_soon(reply.speak, name="speech")
            yield events


class _Reply:
    """Text and speech are two tasks, whose events leave through one stream."""

    def __init__(self, narrator: Narrator | None, clock: Clock, playback: Playback) -> None:
        self._narrator, self._clock, self._playback = narrator, clock, playback
        # What is written is bounded by max_tokens, and sound by the room below.
        self._written, self._leaving = anyio.create_memory_object_stream[Event](math.inf)
        self._spoken = self._written.clone()
        self._to_voice, self._text = anyio.create_memory_object_stream[str](math.inf)
        self._room = anyio.Semaphore(1)
        """For a frame that is not taken yet."""
        self._rest = b""
        """Sound that fills no frame, and would have to wait for its time if it were sent."""
        self._end = Written(None, None)
        self._voice_failure: VoiceError | None = None

    def close(self) -> None:
        """Let go of what nobody takes any more."""
        for stream in (self._written, self._spoken, self._leaving, self._to_voice, self._text):
            stream.close()

    async def events(self) -> Reply:
        """Everything in the order in which it came about."""
        async for event in self._leaving:
            if isinstance(event, Sound):
                self._room.release()
                self._playback.sent(len(event.pcm) // 2, self._clock.now())
            yield event
            if isinstance(event, Failed):
                return
        yield Finished(self._end.finish_reason, self._end.usage, self._voice_failure)

    async def write(self, chunks: Chunks) -> None:
        """Read to the end of the answer."""
        writer = Writer()
        with self._written, self._to_voice:
            async with closing(chunks):
                try:
                    async for chunk in chunks:
                        if "error" in chunk:
                            raise EngineError("The engine failed this request.", status=500, type="server_error")
                        for event in writer.feed(chunk):
                            self._tell(event)
                except EngineError as error:
                    self._written.send_nowait(Failed(error))
                    return
            for event in writer.flush():
                self._tell(event)

    def _tell(self, event: Writing) -> None:
        self._written.send_nowait(event)
        match event:
            case Text() if self._narrator is not None:
                self._to_voice.send_nowait(event.delta)
            case Written():
                self._end = event

    async def speak(self) -> None:
        """Say the text as it comes, at its time."""
        with self._spoken, self._text:
            if self._narrator is None:
                return
            try:
                await self._narrator.narrate(self._text, self._send_sound, self._note)
            except VoiceError as error:
                self._voice_failure = error
            await self._send_rest()

    async def _note(self, event: Begun | Ended | Skipped) -> None:
        await self._send_rest()
        self._spoken.send_nowait(event)

    async def _send_sound(self, pcm: bytes) -> None:
        """Send whole frames. What is too short for one goes at once if it may, or else with what comes meanwhile."""
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % _FRAME_BYTES
        for at in range(0, whole, _FRAME_BYTES):
            await self._send(pcm[at : at + _FRAME_BYTES])
        self._rest = pcm[whole:]
        now = self._clock.now()
        if self._room.value and self._playback.due(len(self._rest) // 2, now) <= now:
            await self._send_rest()

    async def _send_rest(self) -> None:
        rest, self._rest = self._rest, b""
        if rest:
            await self._send(rest)

    async def _send(self, frame: bytes) -> None:
        await self._room.acquire()
        await self._clock.until(self._playback.due(len(frame) // 2, self._clock.now()))
        self._spoken.send_nowait(Sound(frame))
