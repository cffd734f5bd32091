"""A voice that sounds when a test lets it: one tone per unit of text, gated, failing or endless on demand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

import anyio
import numpy as np

from tts.voice import WIRE_RATE, VoiceError

SECONDS = 0.2
"""Length of every unit."""


class GatedVoice:
    """gates: how many units were begun before -> event to wait for before this one sounds. fail_at: same count."""

    name = "tone"
    sample_rate = WIRE_RATE
    languages: tuple[str, ...] = ("en",)

    def __init__(self, gates: Mapping[int, anyio.Event] | None = None, fail_at: int | None = None) -> None:
        self.gates, self.fail_at = dict(gates or {}), fail_at
        self.texts: list[str] = []
        self.active = 0
        self.sounding = anyio.Event()
        self.closed = False

    async def synthesize(
        self, text: str, *, lang: str | None = None, speed: float = 1.0
    ) -> AsyncGenerator[bytes, None]:
        index = len(self.texts)
        self.texts.append(text)
        self.active += 1
        self.sounding.set()
        try:
            if index in self.gates:
                await self.gates[index].wait()
            if index == self.fail_at:
                raise VoiceError("the voice lost its breath")
            await anyio.lowlevel.checkpoint()
            yield tone()
        finally:
            self.active -= 1

    async def start(self) -> None:
        """Nothing to get ready."""

    async def close(self) -> None:
        self.closed = True


def tone() -> bytes:
    """`SECONDS` of 440 Hz at `WIRE_RATE`."""
    t = np.arange(int(SECONDS * WIRE_RATE)) / WIRE_RATE
    return (np.sin(2 * np.pi * 440 * t) * 8000).astype("<i2").tobytes()
