"""The microphone as a stream of PCM. Needs the extra `voice` (sounddevice), and a device."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from typing import Any

import anyio

from clients.ending import ClientError
from clients.loudspeaker import RATE, sounddevice

STEP = 0.04
"""Seconds of sound in a message."""
_WAITING = 250
"""Messages that may wait for a network that stalls: ten seconds."""


class Microphone:
    """Open from the first sound that is asked for until the generator is closed."""

    def __init__(self) -> None:
        self._device = sounddevice()
        self._begun = 0.0

    def spoken_at(self, millisecond: int) -> float:
        return self._begun + millisecond / 1000

    async def sound(self, *_: Any) -> AsyncGenerator[bytes, None]:
        """PCM at RATE, without an end. Cancelling it closes the microphone.

        Raises:
            ClientError: there is none, or nobody took its sound for ten seconds.
        """
        loop = asyncio.get_running_loop()
        into, out = anyio.create_memory_object_stream[bytes](math.inf)

        def heard(data: Any, frames: int, time: Any, status: Any) -> None:
            loop.call_soon_threadsafe(into.send_nowait, bytes(data))

        with into, out, self._opened(heard):
            self._begun = anyio.current_time()
            async for piece in out:
                if out.statistics().current_buffer_used > _WAITING:
                    raise ClientError("the server takes no sound any more")
                yield piece

    def _opened(self, heard: Any) -> Any:
        try:
            return self._device.RawInputStream(
                samplerate=RATE, channels=1, dtype="int16", blocksize=round(STEP * RATE), callback=heard
            )
        except self._device.PortAudioError as error:
            raise ClientError(f"there is no microphone ({error}); --from FILE speaks a recording instead") from None
