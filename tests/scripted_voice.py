"""A voice that does what a test tells it: how much it says, how fast, when it waits, when it fails."""

from __future__ import annotations

import array
import math
from collections.abc import AsyncGenerator

import anyio
import anyio.lowlevel

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
    ) -> None:
        """`delay` seconds pass before a unit's first chunk and `rtf` seconds per second of audio before every chunk.

        Each unit waits for `gate` after `gate_after` chunks. A unit that contains `fail_on` raises VoiceError after
        `fail_after` chunks. The other times are seconds of audio.
        """
        self.name, self.sample_rate = name, sample_rate
        self.languages: tuple[str, ...] = ("en", "zh")
        self._seconds_per_char, self._chunk_seconds = seconds_per_char, chunk_seconds
        self._delay, self._rtf = delay, rtf
        self._gate, self._gate_after = gate, gate_after
        self._fail_on, self._fail_after = fail_on, fail_after
        self.said: list[str] = []
        """Every unit that was begun, in order."""
        self.speeds: list[float] = []
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
        self, text: str, *, lang: str | None = None, speed: float = 1.0
    ) -> AsyncGenerator[bytes, None]:
        self.said.append(text)
        self.speeds.append(speed)
        self._begin()
        try:
            await anyio.sleep(self._delay)
            for number, chunk in enumerate(self._chunks(text)):
                await self._before_chunk(text, number)
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
        if self._gate is not None and number == self._gate_after:
            await self._gate.wait()
        await anyio.sleep(self._rtf * self._chunk_seconds)

    def _chunks(self, text: str) -> list[bytes]:
        total, size = round(self.seconds(text) * self.sample_rate), round(self._chunk_seconds * self.sample_rate)
        wave = array.array("h", (round(8000 * math.sin(0.06 * at)) for at in range(total)))
        return [wave[at : at + size].tobytes() for at in range(0, total, size)]

    def _begin(self) -> None:
        if not self.active:
            self._idle = anyio.Event()
        self.active += 1
        self.most_active = max(self.most_active, self.active)

    def _end(self) -> None:
        self.active -= 1
        if not self.active:
            self._idle.set()
