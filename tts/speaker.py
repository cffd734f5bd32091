"""The gateway's way to speech: finished sentences in, PCM at the wire's rate out, in order.

Sentences are spoken one after the other. Knows no voice, except which ones are there when nobody configures any.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from contextlib import aclosing

import numpy as np
import soxr

from tts.scripts import script_language
from tts.speakable import speakable
from tts.voice import WIRE_RATE, UnknownVoiceError, Voice
from tts.voices.espeak import OPENAI_ALIASES, espeak_voices

_SAMPLE_BYTES = 2


class Speaker:
    """Speaks any number of answers at a time."""

    def __init__(self, voices: Sequence[Voice], aliases: Mapping[str, str]) -> None:
        """`aliases` maps further names to names of `voices`.

        Raises:
            UnknownVoiceError: an alias names no voice.
        """
        self._voices = {voice.name: voice for voice in voices}
        self._aliases = dict(aliases)
        for alias in self._aliases:
            self.resolve(alias)

    def names(self) -> list[str]:
        """Every name that `say` accepts: the voices', then the aliases."""
        return [*self._voices, *self._aliases]

    def resolve(self, name: str) -> Voice:
        """The voice of this name or alias.

        Raises:
            UnknownVoiceError: there is none.
        """
        voice = self._voices.get(self._aliases.get(name, name))
        if voice is None:
            raise UnknownVoiceError(name, self.names())
        return voice

    async def start(self) -> None:
        """Get every voice ready, so that the first answer waits for none. `say` works without it.

        Raises:
            VoiceError: a voice cannot speak.
        """
        for voice in self._voices.values():
            await voice.start()

    def say(self, sentences: AsyncIterable[str], voice: str, *, speed: float = 1.0) -> AsyncGenerator[bytes, None]:
        """Speak the units of one answer: signed 16-bit little-endian mono PCM at `WIRE_RATE`, as it is made.

        Units that hold nothing to say are skipped. Closing the generator stops the synthesis; closing `sentences` is
        the caller's part. `speed` 2.0 is twice as fast.

        Raises:
            UnknownVoiceError: at once, there is no such voice.
            VoiceError: while iterating, a unit could not be spoken.
        """
        return _say(sentences, self.resolve(voice), speed)

    async def close(self) -> None:
        """Close every voice. Safe to call twice."""
        for voice in self._voices.values():
            await voice.close()


async def _say(sentences: AsyncIterable[str], voice: Voice, speed: float) -> AsyncGenerator[bytes, None]:
    resampler = _Resampler(voice.sample_rate)
    lang: str | None = None
    async for sentence in sentences:
        words = speakable(sentence, lang)
        if not words:
            continue
        lang = script_language(words) or lang
        async with aclosing(voice.synthesize(words, speed=speed)) as chunks:
            async for chunk in chunks:
                if pcm := resampler.feed(chunk):
                    yield pcm
    if tail := resampler.flush():
        yield tail


class _Resampler:
    """PCM of one rate in, PCM of the wire's rate out; one for a whole answer, so that joints do not click."""

    def __init__(self, rate: int) -> None:
        # Medium quality is exact to 16 bits and holds back 20 ms.
        self._stream = (
            soxr.ResampleStream(rate, WIRE_RATE, 1, dtype="int16", quality="MQ") if rate != WIRE_RATE else None
        )
        self._rest = b""

    def feed(self, pcm: bytes) -> bytes:
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % _SAMPLE_BYTES
        self._rest = pcm[whole:]
        return self._resample(pcm[:whole], last=False)

    def flush(self) -> bytes:
        return self._resample(b"", last=True)

    def _resample(self, pcm: bytes, *, last: bool) -> bytes:
        if self._stream is None:
            return pcm
        samples = self._stream.resample_chunk(np.frombuffer(pcm, np.dtype("<i2")), last=last)
        return bytes(samples.astype("<i2", copy=False).tobytes())


def default_speaker() -> Speaker:
    """The embedded voices and OpenAI's names as aliases of them (`docs/voices.md`). Starts nothing yet."""
    return Speaker(espeak_voices(), OPENAI_ALIASES)
