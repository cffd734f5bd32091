"""The decoder processes of an app: as many as there are cores, kept for the next file, replaced when spoilt."""

from __future__ import annotations

import os

from anyio import CapacityLimiter

from server.media.decoder import Decoder, Grant
from server.media.job import Array, Job


class Decoders:
    """A pool. More processes are started when they are needed; none is given back before `close`."""

    def __init__(self, most: int | None = None) -> None:
        """`most`: how many files are decoded at a time; None: as many as there are cores."""
        self._slots = CapacityLimiter(most or os.cpu_count() or 1)
        self.idle: list[Decoder] = []
        """Processes that wait for a file."""
        self._busy: set[Decoder] = set()
        self._closed = False

    def warm_up(self) -> None:
        """Have a process ready, so that the first file does not wait for one to start. Returns at once."""
        if not self.idle and not self._closed:
            self.idle.append(Decoder())

    def processes(self) -> list[int]:
        """Their ids."""
        return [decoder.pid for decoder in (*self.idle, *self._busy)]

    async def decode(self, file: int, job: Job, seconds: float, grant: Grant) -> list[Array]:
        """What `file` holds, once a process is free for it. Cancelling it kills the process that is at work.

        Raises:
            MediaError: the file is refused, or takes longer than `seconds`, or `grant` has refused.
        """
        async with self._slots:
            decoder = await self._ready()
            self._busy.add(decoder)
            try:
                return await decoder.decode(file, job, seconds, grant)
            finally:
                self._busy.discard(decoder)
                if decoder.usable and not self._closed:
                    self.idle.append(decoder)
                else:
                    await decoder.close()
                    self.warm_up()

    async def _ready(self) -> Decoder:
        while self.idle:
            decoder = self.idle.pop()
            if decoder.lives:
                return decoder
            await decoder.close()  # something else has killed it
        return Decoder()

    async def close(self) -> None:
        """End the processes that nobody uses; the others end with those who use them."""
        self._closed = True
        while self.idle:
            await self.idle.pop().close()
