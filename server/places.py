"""How many requests the server works on at a time. One more is refused at once; nobody waits in a line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from server.errors import RequestError

_RETRY_SECONDS = 1


class ServerBusyError(RequestError):
    """All places are taken."""

    def __init__(self) -> None:
        super().__init__(
            "The server is busy. Try again later.",
            status=503,
            code="server_busy",
            headers={"Retry-After": str(_RETRY_SECONDS)},
        )


class Places:
    """A bounded number of requests and sessions in one process."""

    def __init__(self, places: int) -> None:
        self._free = places

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold one while the block runs. Raises ServerBusyError."""
        if not self._free:
            raise ServerBusyError
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
