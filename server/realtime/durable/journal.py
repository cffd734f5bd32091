"""The last events that a client was sent, bounded by their number and size, without a gap among them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from server.realtime.durable.store import Bounds, Noted


class Journal:
    """Events from some point on to the last one."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._events: deque[Noted] = deque()
        self._size = 0

    def append(self, events: Sequence[Noted]) -> bool:
        """Returns whether the oldest had to go."""
        self._events.extend(events)
        self._size += sum(event.size for event in events)
        full = False
        while len(self._events) > self._bounds.events or self._size > self._bounds.event_bytes:
            self._size -= self._events.popleft().size
            full = True
        return full

    def taken(self) -> list[Noted]:
        """All of them, which are then no longer here."""
        events = list(self._events)
        self._events.clear()
        self._size = 0
        return events

    @property
    def events(self) -> list[Noted]:
        return list(self._events)

    def __len__(self) -> int:
        return len(self._events)
