"""A streamed chat answer in text and sound: its beginning is spoken while the rest is still being generated."""

from __future__ import annotations

import logging
import math
from base64 import b64encode
from collections.abc import AsyncGenerator
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from server.asking import Speech
from server.chunks import Chunk, audio_chunk, parse, split_end, text_of, with_transcript
from server.errors import describe
from server.narrator import Narrator
from server.observing.timing import Timing
from server.parts import Parts
from server.replies import DONE, Emit, event
from server.store import StoreError
from tts.voice import VoiceError

logger = logging.getLogger(__name__)

_KEEP_SECONDS = 2.0
"""An answer that was cut off is given up after this time, so that a hung store cannot hold a connection."""


async def stream_spoken(
    parts: Parts,
    events: AsyncGenerator[str, None],
    speech: Speech,
    narrator: Narrator,
    timing: Timing,
    emit: Emit,
) -> None:
    """Send the engine's `events` with their text as transcript, and the sound of each unit as soon as it is made.

    Order: text and sound as they come, `expires_at`, the chunks that end the answer, an `error` if the voice could not
    speak all of it (the text is complete then) or its id names nothing, `[DONE]`. If the engine fails, its `error` ends
    text and sound at once. Cancelling stops both; the id then names the words that were sent until then. Closing
    `events` is the caller's.

    Raises:
        EngineError: before anything is sent.
    """
    # Outside the task group, so that a refusal is raised as it is, while the status can still be sent.
    first = parse(await anext(events))
    assert first is not None, "a stream without any chunk"
    timing.lap("first_token")
    parts.metrics.first_event.labels(timing.route).observe(timing.waited)
    await _SpokenAnswer(parts, speech, narrator, emit, first, timing).run(events)


class _SpokenAnswer:
    """One answer on its way out. Text and speech are two tasks; text never waits for speech."""

    def __init__(
        self, parts: Parts, speech: Speech, narrator: Narrator, emit: Emit, first: Chunk, timing: Timing
    ) -> None:
        self._parts, self._speech, self._narrator = parts, speech, narrator
        self._send, self._sending = emit, anyio.Lock(fast_acquire=True)
        self._first, self._timing = first, timing
        self._transcript: list[str] = []
        self._ends: list[Chunk] = []
        self._engine_failed = self._sounded = self._kept = False
        self._failure: VoiceError | StoreError | None = None

    async def run(self, events: AsyncGenerator[str, None]) -> None:
        try:
            await self._tell(events)
        finally:
            await self._keep_what_was_sent()

    async def _tell(self, events: AsyncGenerator[str, None]) -> None:
        # The backlog is bounded by the answer itself, which max_tokens bounds: any smaller bound would make the text
        # wait for the voice.
        text, to_speak = anyio.create_memory_object_stream[str](math.inf)
        async with anyio.create_task_group() as group:
            group.start_soon(self._speak, to_speak, name="speech")
            with text:
                await self._write(events, text)
            if self._engine_failed:
                group.cancel_scope.cancel()
        if not self._engine_failed:
            await self._finish()
        await self._send(DONE)

    async def _write(self, events: AsyncGenerator[str, None], to_voice: MemoryObjectSendStream[str]) -> None:
        await self._take(self._first, to_voice)
        async for data in events:
            chunk = parse(data)
            if chunk is not None:
                await self._take(chunk, to_voice)

    async def _take(self, chunk: Chunk, to_voice: MemoryObjectSendStream[str]) -> None:
        if "error" in chunk:
            self._engine_failed = True
            await self._emit(chunk)
            return
        now, end = split_end(chunk)
        if end is not None:
            self._ends.append(end)
        if now is not None:
            await self._emit_chunk(now)
            text = text_of(now)
            self._transcript.append(text)
            to_voice.send_nowait(text)

    async def _speak(self, text: MemoryObjectReceiveStream[str]) -> None:
        with text:
            try:
                await self._narrator.narrate(text, self._emit_sound)
            except VoiceError as error:
                logger.exception("The voice could not speak all of %s", self._speech.audio_id)
                self._parts.metrics.voice_failures.inc()
                self._failure = error

    async def _emit_sound(self, data: bytes) -> None:
        await self._emit_audio({"data": b64encode(data).decode()})
        if not self._sounded:
            self._sounded = True
            self._parts.metrics.first_sound.labels(self._timing.route).observe(self._timing.waited)

    async def _emit_audio(self, audio: dict[str, Any]) -> None:
        await self._emit(audio_chunk(self._first, {"id": self._speech.audio_id} | audio))

    async def _emit_chunk(self, chunk: Chunk) -> None:
        speech = self._speech
        await self._emit(with_transcript(chunk, speech.audio_id, text_in_content=speech.text_in_content))

    async def _emit(self, data: dict[str, Any]) -> None:
        packed = event(data)
        async with self._sending:
            await self._send(packed)

    async def _finish(self) -> None:
        try:
            if expires_at := await self._keep():
                await self._emit_audio({"expires_at": expires_at})
        except StoreError as error:
            logger.exception("Nobody will find %s", self._speech.audio_id)
            self._failure = self._failure or error
        for chunk in self._ends:
            await self._emit_chunk(chunk)
        if self._failure is not None:
            # Last, because SDKs raise at an error and would drop everything after it.
            await self._emit(describe(self._failure).body)

    async def _keep(self) -> int | None:
        self._kept = True
        transcript = "".join(self._transcript)
        return await self._parts.store.keep(self._speech.audio_id, transcript) if transcript else None

    async def _keep_what_was_sent(self) -> None:
        """Of an answer that its client or its engine has cut off: the id was told with the first words."""
        if self._kept:
            return
        with anyio.move_on_after(_KEEP_SECONDS, shield=True):
            try:
                await self._keep()
            except StoreError:
                logger.exception("Nobody will find %s", self._speech.audio_id)
