"""The voice of one answer: sentences in, encoded sound out. Knows nothing of chat completions or sockets."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from dataclasses import dataclass

import anyio.to_thread
from prometheus_client import Counter

from server.asking import Format
from server.closing import closing
from tts.encoding import Encoder, encode_file, encoder
from tts.sentences import SentenceSplitter
from tts.speaker import Speaker
from tts.voice import WIRE_RATE

_BYTES_PER_SECOND = WIRE_RATE * 2


@dataclass(frozen=True, slots=True)
class Narrator:
    """A speaker with the voice and the format that one request asked for."""

    speaker: Speaker
    voice: str
    format: Format
    spoken_seconds: Counter

    async def narrate(self, sentences: AsyncIterable[str], send: Callable[[bytes], Awaitable[None]]) -> None:
        """Speak `sentences` as they come and `send` one continuous stream in `format`. Cancelling stops the voice.

        Raises:
            VoiceError: the voice failed; what was sent before is sound, the stream lacks its end.
        """
        file, spoke = encoder(self.format), False
        speech = self.speaker.say(sentences, self.voice)
        async with closing(speech):
            async for pcm in speech:
                spoke = True
                self.spoken_seconds.inc(len(pcm) / _BYTES_PER_SECOND)
                if data := await self._encoded(file, pcm):
                    await send(data)
        if spoke and (data := file.flush()):
            await send(data)

    async def _encoded(self, file: Encoder, pcm: bytes) -> bytes:
        if self.format in ("pcm16", "wav"):
            return file.feed(pcm)
        # mp3 takes 2 ms per 100 ms of speech; the text of all other answers would wait for it.
        return await anyio.to_thread.run_sync(file.feed, pcm)

    async def record(self, text: str) -> bytes:
        """Speak `text` into one complete file of `format`. Cancelling stops the voice.

        Raises:
            VoiceError: the voice failed.
        """
        pcm = bytearray()
        sentences = _sentences(text)
        speech = self.speaker.say(sentences, self.voice)
        async with closing(sentences), closing(speech):
            async for piece in speech:
                pcm += piece
        self.spoken_seconds.inc(len(pcm) / _BYTES_PER_SECOND)
        # Minutes of sound take a second to compress; other answers must not wait for it.
        return await anyio.to_thread.run_sync(encode_file, bytes(pcm), self.format, abandon_on_cancel=True)


async def _sentences(text: str) -> AsyncGenerator[str, None]:
    splitter = SentenceSplitter()
    for sentence in [*splitter.feed(text), *splitter.flush()]:
        yield sentence
