"""Server events on their way to a client: numbered, counted in bytes, and read by one writer. Knows no socket."""

from __future__ import annotations

from base64 import b64encode
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

import anyio
from pydantic_core import to_json

from server.realtime.events import error_event
from tts.voice import WIRE_RATE
from tts.wake import Wake

_FULL = 4 * 2**20
"""Bytes that may wait for a client: a minute of sound. One that is so far behind does not read. A single event may be
larger, a long recording that is asked for; while it waits or is on its way it does not count, but a second one does."""
_HIGH = 2**18
"""Bytes above which no further sound is made: 4 s of it."""


_NOT_NOTED = frozenset({"session.created", "conversation.created", "conversation.item.retrieved"})
"""Events that mean nothing to another connection, or hold sound."""

_NOTED_SAMPLES = WIRE_RATE // 4
"""After which it is noted again how much sound an item has."""

Journal = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Speech:
    """Sound of an item, as a `delta`."""

    data: bytes
    samples: int
    """That the item has with it, at WIRE_RATE."""


class Emit(Protocol):
    """Tells the client an event. Returns at once; nothing that it does can fail."""

    def __call__(self, type: str, /, **fields: Any) -> None: ...


def emit_error(emit: Emit, error: Exception, event_id: str | None = None) -> None:
    """Tell the client of an error, which ends nothing. `event_id` is of the client's event that caused it."""
    emit("error", error=error_event(error, event_id)["error"])


def _forget(event_id: str, event: Mapping[str, Any]) -> None:
    """Nothing is to be remembered."""


class Outbox:
    """The events of one connection. Sound in them is `Speech` under `delta`, which leaves as base64."""

    def __init__(self) -> None:
        self.journal: Journal = _forget
        """Hears every event; of those with sound, four times a second, only how much their item has."""
        self._tag, self._count = uuid4().hex[:12], 0
        self._noted: tuple[str, int] = "", 0
        """Item whose sound was noted last, and its samples."""
        self._waiting = deque[bytes]()
        self._held, self._ended = 0, False
        self._large: bytes | None = None
        self._news, self._room = Wake(), Wake()
        self.overrun = anyio.Event()
        """Set when more waits than may; what came after that is lost."""

    def emit(self, type: str, /, **fields: Any) -> None:
        """Put an event at the end; see `Emit`."""
        if self._ended or self.overrun.is_set():
            return
        self._count += 1
        event = {"type": type, "event_id": f"event_{self._tag}_{self._count:06d}"} | fields
        if isinstance(sound := event.get("delta"), Speech):
            event["delta"] = b64encode(sound.data).decode()
            self._note(event["event_id"], fields["item_id"], sound.samples)
        elif type not in _NOT_NOTED:
            self.journal(event["event_id"], event)
        self.put(to_json(event))

    def _note(self, event_id: str, item_id: str, samples: int) -> None:
        before, noted = self._noted
        if item_id != before or samples >= noted + _NOTED_SAMPLES:
            self._noted = item_id, samples
            self.journal(event_id, {"item_id": item_id, "samples": samples})

    def put(self, data: bytes) -> None:
        """Put an event at the end that was numbered before, as JSON."""
        if len(data) > _FULL and self._large is None:
            self._large = data
        elif self._held + len(data) > _FULL:
            self.overrun.set()
            self._room.up()
            return
        else:
            self._held += len(data)
        self._waiting.append(data)
        self._news.up()

    async def room(self) -> None:
        """Return when more sound may come, to all who wait for it. Cancelling it does nothing."""
        while self._held > _HIGH and not self.overrun.is_set():
            await self._room.wait()

    def end(self) -> None:
        """No more events come; those that wait are still read."""
        self._ended = True
        self._news.up()

    async def events(self) -> AsyncGenerator[str, None]:
        """The events as JSON, in order; each counts as waiting until the next is asked for."""
        while True:
            if self._waiting:
                data = self._waiting.popleft()
                yield data.decode()
                self._left(data)
                if self._held <= _HIGH:
                    self._room.up()
            elif self._ended:
                return
            else:
                await self._news.wait()

    def taken(self) -> list[str]:
        """The events that wait, which then do not any more."""
        waiting = [data.decode() for data in self._waiting]
        self._waiting.clear()
        self._held, self._large = 0, None
        self._room.up()
        return waiting

    def _left(self, data: bytes) -> None:
        if data is self._large:
            self._large = None
        else:
            self._held -= len(data)
