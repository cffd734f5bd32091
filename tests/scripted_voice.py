"""A voice that does what a test tells it: how much it says, how fast, when it waits, when it fails."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from zlib import crc32

import anyio
import numpy as np

from tts.voice import WIRE_RATE, VoiceError


class ScriptedVoice:
    """Speaks a tone for every character. Implements `tts.voice.Voice`."""

    def __init__(
        self,
        name: str = "default",
        *,
        sample_rate: int = WIRE_RATE,
        seconds_per_char: float = 0.05,
        chunk_seconds: float = 0.1,
        delay: float = 0.0,
        rtf: float = 0.0,
        gate: anyio.Event | None = None,
        gate_after: int = 0,
        fail_on: str | None = None,
        fail_after: int = 0,
        slots: int = 8,
    ) -> None:
        """A unit's first chunk comes after `delay` seconds, each further one `rtf` times its length later.

        Each unit waits for `gate` after `gate_after` chunks. A unit that contains `fail_on` raises VoiceError after
        `fail_after` chunks. The other times are seconds of audio.
        """
        self.name, self.sample_rate, self.slots = name, sample_rate, slots
        self.languages: tuple[str, ...] = ("en", "zh")
        self._seconds_per_char, self._chunk_seconds = seconds_per_char, chunk_seconds
        self._delay, self._rtf = delay, rtf
        self._gate, self._gate_after = gate, gate_after
        self._fail_on, self._fail_after = fail_on, fail_after
        self.said: list[str] = []
        """Every unit that was begun, in order."""
        self.speeds: list[float] = []
        self.langs: list[str | None] = []
        self.seeds: list[int] = []
        self.dead = False
        """Every unit raises VoiceError before its next chunk."""
        self.hangs = False
        """No unit gets a further chunk."""
        self.active = 0
        """Units being spoken now."""
        self.most_active = 0
        self.finished = 0
        self.stopped = 0
        """Units that were closed, cancelled or failed before their end."""
        self.started = False
        self.closed = False
        self._idle = anyio.Event()

    def seconds(self, text: str) -> float:
        """Seconds of audio that `text` becomes."""
        return len(text) * self._seconds_per_char

    async def until_idle(self) -> None:
        """Wait until no unit is being spoken."""
        if self.active:
            await self._idle.wait()

    async def start(self) -> None:
        self.started = True

    async def close(self) -> None:
        self.closed = True

    async def synthesize(
        self, text: str, *, lang: str | None = None, speed: float = 1.0, seed: int = 0
    ) -> AsyncGenerator[bytes, None]:
        self.said.append(text)
        self.speeds.append(speed)
        self.langs.append(lang)
        self.seeds.append(seed)
        self._begin()
        try:
            begun = anyio.current_time()
            for number, chunk in enumerate(self._chunks(text)):
                await self._before_chunk(text, number)
                # At its time, so that late wake-ups do not add up.
                await anyio.sleep_until(begun + self._delay + number * self._rtf * self._chunk_seconds)
                yield chunk
            self.finished += 1
        except BaseException:
            self.stopped += 1
            raise
        finally:
            self._end()

    async def _before_chunk(self, text: str, number: int) -> None:
        if self._fail_on is not None and self._fail_on in text and number == self._fail_after:
            raise VoiceError(f"scripted to fail on {self._fail_on!r}")
        if self.dead:
            raise VoiceError("scripted to be dead")
        if self.hangs:
            await anyio.sleep_forever()
        if self._gate is not None and number == self._gate_after:
            await self._gate.wait()

    def pcm(self, text: str) -> bytes:
        """All that `text` becomes. The pitch is the text's own, so that no sample can be taken for another."""
        total = round(self.seconds(text) * self.sample_rate)
        step = 0.05 + crc32(text.encode()) % 1000 / 50_000
        wave = np.round(8000 * np.sin(step * np.arange(total)))
        return bytes(wave.astype("<i2"))

    def _chunks(self, text: str) -> list[bytes]:
        pcm, size = self.pcm(text), 2 * round(self._chunk_seconds * self.sample_rate)
        return [pcm[at : at + size] for at in range(0, len(pcm), size)]

    def _begin(self) -> None:
        if not self.active:
            self._idle = anyio.Event()
        self.active += 1
        self.most_active = max(self.most_active, self.active)

    def _end(self) -> None:
        self.active -= 1
        if not self.active:
            self._idle.set()
