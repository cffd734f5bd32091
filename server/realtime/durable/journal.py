"""The last events that a client was sent, bounded by their number and size, without a gap among them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice

from server.realtime.durable.store import Bounds, Noted


class Journal:
    """Events from some point on to the last one."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._events: deque[Noted] = deque()
        self.size = 0
        """Bytes of them."""

    def append(self, events: Iterable[Noted]) -> None:
        """The oldest go if there are too many, or too large ones."""
        for event in events:
            self._events.append(event)
            self.size += event.size
        while len(self._events) > self._bounds.events or self.size > self._bounds.event_bytes:
            self.size -= self._events.popleft().size

    def last(self, number: int) -> list[Noted]:
        """So many of them, if there are."""
        return list(islice(self._events, max(0, len(self._events) - number), None))

    @property
    def events(self) -> list[Noted]:
        return list(self._events)

    def __len__(self) -> int:
        return len(self._events)
