"""How much the server works on at a time. One request more, or one byte, is refused at once; nobody waits in a line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import HTTPConnection

from server.errors import RequestError

_RETRY_SECONDS = 1


class ServerBusyError(RequestError):
    """All places are taken, or all memory for bodies."""

    def __init__(self) -> None:
        super().__init__(
            "The server is busy. Try again later.",
            status=503,
            code="server_busy",
            headers={"Retry-After": str(_RETRY_SECONDS)},
        )


class Places:
    """A bounded number of requests and sessions in one process, whose bodies share a bounded number of bytes."""

    def __init__(self, places: int, body_bytes: int) -> None:
        self._free, self._free_bytes = places, body_bytes

    @contextmanager
    def taken(self) -> Iterator[Place]:
        """Hold one while the block runs. Raises ServerBusyError."""
        if not self._free:
            raise ServerBusyError
        self._free -= 1
        place = Place(self)
        try:
            yield place
        finally:
            self._free += 1
            place.hold_at_most(0)

    def take_bytes(self, size: int) -> None:
        if size > self._free_bytes:
            raise ServerBusyError
        self._free_bytes -= size

    def give_bytes_back(self, size: int) -> None:
        self._free_bytes += size


class Place:
    """One request's place."""

    def __init__(self, places: Places) -> None:
        self._places, self.held = places, 0

    def hold(self, size: int) -> None:
        """Keep `size` bytes of the body until the place is left. Raises ServerBusyError."""
        self._places.take_bytes(size)
        self.held += size

    def hold_at_most(self, size: int) -> None:
        """Give back what is held beyond `size` bytes, which is not in memory any more."""
        self._places.give_bytes_back(max(0, self.held - size))
        self.held = min(self.held, size)


def place_of(connection: HTTPConnection) -> Place:
    """That of the request or session; one without bounds where nothing stands before the routes, as in stock vLLM."""
    found: Place | None = getattr(connection.state, "place", None)
    return found or Place(Places(1, sys.maxsize))
