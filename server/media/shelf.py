"""Decoded attachments that are kept for the next request, and decoding that several requests wait for together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy.typing as npt
from anyio import CancelScope, Event
from anyio.abc import TaskGroup

from engine.api import Attachment, Image, Video

Found = Literal["decoded", "shared", "kept"]
"""Had to be decoded, was being decoded for another, was there."""


@dataclass(slots=True)
class _Flight:
    """One decoding under way, in a task of its own: it goes on for as long as somebody waits for it."""

    scope: CancelScope = field(default_factory=CancelScope)
    landed: Event = field(default_factory=Event)
    waiting: int = 0
    result: list[Attachment] | None = None
    error: Exception | None = None


class Shelf:
    """Attachments by key, those that were not used for longest going first. Tasks run in `group`."""

    def __init__(self, max_bytes: int, group: TaskGroup, count: Callable[[Found], None]) -> None:
        """`count` hears of every `get` what was found."""
        self._max_bytes, self._group, self._count = max_bytes, group, count
        self._kept: OrderedDict[Hashable, list[Attachment]] = OrderedDict()
        self._flights: dict[Hashable, _Flight] = {}
        self._bytes = 0

    async def get(self, key: Hashable, decode: Callable[[], Awaitable[list[Attachment]]]) -> list[Attachment]:
        """What belongs to `key`, decoded by `decode` unless it is there or another is at it. Cancelling it cancels the
        decoding if nobody else waits for it, and then waits for its end.

        Raises:
            Exception: whatever `decode` raised, for all who waited for it. Nothing is kept of a failure.
        """
        if (kept := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            self._count("kept")
            return kept
        flight = self._flights.get(key)
        self._count("shared" if flight else "decoded")
        if flight is None:
            flight = self._flights[key] = _Flight()
            self._group.start_soon(self._fly, key, flight, decode, name="decoding")
        await self._landing(key, flight)
        if flight.error is not None:
            raise flight.error
        assert flight.result is not None
        return flight.result

    def clear(self) -> None:
        """Keep nothing of what was kept so far."""
        self._kept.clear()
        self._bytes = 0

    async def _landing(self, key: Hashable, flight: _Flight) -> None:
        flight.waiting += 1
        try:
            await flight.landed.wait()
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.landed.is_set():
                self._flights.pop(key)  # who comes now begins anew
                flight.scope.cancel()
                with CancelScope(shield=True):
                    await flight.landed.wait()

    async def _fly(self, key: Hashable, flight: _Flight, decode: Callable[[], Awaitable[list[Attachment]]]) -> None:
        try:
            with flight.scope:
                flight.result = await decode()
                self._keep(key, flight.result)
        except Exception as error:  # for those who wait, whatever it is; here it would end all other decoding
            flight.error = error
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]
            flight.landed.set()

    def _keep(self, key: Hashable, attachments: list[Attachment]) -> None:
        size = size_of(attachments)
        if size > self._max_bytes:
            return
        self._kept[key] = attachments
        self._bytes += size
        while self._bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= size_of(oldest)


def size_of(attachments: list[Attachment]) -> int:
    """Bytes of their pixels and samples."""
    return sum(_array(attachment).nbytes for attachment in attachments)


def _array(attachment: Attachment) -> npt.NDArray[Any]:
    match attachment:
        case Image():
            return attachment.pixels
        case Video():
            return attachment.frames
        case _:
            return attachment.samples
