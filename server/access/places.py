"""How much the server works on at a time. One request more, or one byte, is refused at once; nobody waits in a line."""

from __future__ import annotations

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
    """A bounded number of requests and sessions in one process; bodies share so many bytes in memory and on disk."""

    def __init__(self, places: int, body_bytes: int, disk_bytes: int = 0) -> None:
        self._free, self._free_bytes, self._free_disk = places, body_bytes, disk_bytes

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
            place.leave()

    def take_bytes(self, size: int, on_disk: int = 0) -> None:
        """Both may be negative: given back."""
        if size > self._free_bytes or on_disk > self._free_disk:
            raise ServerBusyError
        self._free_bytes -= size
        self._free_disk -= on_disk


class Place:
    """One request's place."""

    def __init__(self, places: Places) -> None:
        self._places, self._held, self._on_disk = places, 0, 0

    def hold(self, size: int) -> None:
        """Keep `size` bytes of the body until the place is left. Raises ServerBusyError."""
        self._places.take_bytes(size)
        self._held += size

    def spill(self, size: int) -> None:
        """Of what is held all but `size` bytes is on disk. Raises ServerBusyError."""
        spilt = max(0, self._held - size)
        self._places.take_bytes(-spilt, spilt)
        self._held -= spilt
        self._on_disk += spilt

    def leave(self) -> None:
        """Nothing is held any more."""
        self._places.take_bytes(-self._held, -self._on_disk)
        self._held = self._on_disk = 0


def place_of(connection: HTTPConnection) -> Place | None:
    """That of the request or session; None where nothing stands before the routes, as in stock vLLM."""
    return getattr(connection.state, "place", None)
