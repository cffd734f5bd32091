"""The voice of one answer: text in, encoded sound out. Knows nothing of chat completions or sockets."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass, field

import anyio.to_thread

from server.access.limits.allowance import Allowance
from server.asking import Format
from server.closing import closing, once
from server.metrics import Metrics
from server.observing.speech import SpeechObserver
from tts.encoding import Encoder, encode_file, encoder
from tts.events import Begun, Ended, Skipped, Sound
from tts.speaker import Place
from tts.tracing import NoTracer, Tracer
from tts.voice import WIRE_RATE

logger = logging.getLogger(__name__)

_BYTES_PER_SECOND = WIRE_RATE * 2


@dataclass(frozen=True, slots=True)
class Narrator:
    """An admitted answer's way to speak, in the format that its request asked for."""

    place: Place
    format: Format
    metrics: Metrics
    speed: float = 1.0
    lang: str | None = None
    """A BCP-47 tag for text whose script does not tell."""
    instructions: str = ""
    """How to speak, in words, for a voice that follows them."""
    allowance: Allowance = field(default_factory=Allowance)
    """What the speech is charged to."""
    tracer: Tracer = field(default_factory=NoTracer)

    async def narrate(
        self,
        text: AsyncIterable[str],
        send: Callable[[bytes], Awaitable[None]],
        note: Callable[[Begun | Ended | Skipped], Awaitable[None]] | None = None,
    ) -> float:
        """Speak `text` as it comes and `send` one continuous stream in `format`. Cancelling stops the voice.

        `note` hears where each unit begins and ends. Returns the seconds of sound.

        Raises:
            VoiceError: at the end of the stream, which is whole but for the units that could not be spoken.
        """
        file, seconds, failure = encoder(self.format), 0.0, None
        observer = SpeechObserver(self.metrics, self.tracer, self.place)
        async with self.place.say(
            text, speed=self.speed, lang=self.lang, instructions=self.instructions, observer=observer
        ) as events:
            async for event in events:
                if isinstance(event, Skipped):
                    failure = failure or event.error
                if isinstance(event, Sound):
                    seconds += await self._count(event.pcm)
                    if data := await self._encoded(file, event.pcm):
                        await send(data)
                elif note is not None:
                    await note(event)
        if seconds and (data := file.flush()):
            await send(data)
        if failure is not None:
            raise failure
        return seconds

    async def _encoded(self, file: Encoder, pcm: bytes) -> bytes:
        if self.format in ("pcm16", "wav"):
            return file.feed(pcm)
        # mp3 takes 2 ms per 100 ms of speech; the text of all other answers would wait for it.
        return await anyio.to_thread.run_sync(file.feed, pcm)

    async def record(self, text: str) -> bytes:
        """Speak `text` into one complete file of `format`. Cancelling stops the voice.

        Raises:
            VoiceError: nothing of it could be spoken. What is missing of a longer file is only logged.
        """
        pcm, failure = bytearray(), None
        observer = SpeechObserver(self.metrics, self.tracer, self.place, live=False)
        async with closing(once(text)) as pieces, self.place.say(pieces, observer=observer) as events:
            async for event in events:
                if isinstance(event, Skipped):
                    failure = event.error
                if isinstance(event, Sound):
                    pcm += event.pcm
                    await self._count(event.pcm)
        if failure is not None:
            if not pcm:
                raise failure
            logger.error("A whole answer lacks a unit", exc_info=failure)
        # Minutes of sound take a second to compress; other answers must not wait for it.
        return await anyio.to_thread.run_sync(encode_file, bytes(pcm), self.format, abandon_on_cancel=True)

    async def _count(self, pcm: bytes) -> float:
        seconds = len(pcm) / _BYTES_PER_SECOND
        self.metrics.spoken.inc(seconds)
        await self.allowance.spoke(seconds)
        return seconds
