"""That the server was told to stop: everybody who serves is told, may finish for a while, and is cut off after that.

Knows neither signals nor sockets (`server.listening`), and not what is served.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from math import inf

import anyio


class Stopping:
    """The end of one server, in three steps: it is told, it finishes, it is over. Each happens once, in this order."""

    def __init__(self, seconds: float = 20.0, notice_seconds: float = 0.0) -> None:
        """`seconds` is how long answers may go on after the server was told. For `notice_seconds` of that it takes new
        connections, and only says at /ready that it will not for long."""
        self.seconds, self.notice_seconds = seconds, min(notice_seconds, seconds)
        self._deadline = inf
        self._finishing, self._over = anyio.Event(), anyio.Event()
        self._bounded = set[anyio.CancelScope]()

    @property
    def told(self) -> bool:
        return self._deadline < inf

    @property
    def over(self) -> bool:
        return self._over.is_set()

    def tell(self) -> None:
        """New work should go elsewhere. Nothing changes for what is being served."""
        self._deadline = min(self._deadline, anyio.current_time() + self.seconds)

    def finish(self) -> None:
        """No new work comes any more: what may go on elsewhere is handed over as soon as that disturbs nobody."""
        self._finishing.set()

    def end(self) -> None:
        """Nothing may go on any longer."""
        self._finishing.set()
        self._over.set()
        for scope in list(self._bounded):
            scope.cancel()

    async def notice(self) -> None:
        """Return when new connections need not be taken any more. Cancelling it changes nothing."""
        with anyio.move_on_after(self.notice_seconds):
            await self._over.wait()

    async def end_in_time(self) -> None:
        """`end` when the time is up. Cancelling it leaves that to somebody else."""
        await anyio.sleep_until(self._deadline)
        self.end()

    @contextmanager
    def bounded(self) -> Iterator[anyio.CancelScope]:
        """A block that is cancelled when all is over; what it gives says afterwards whether it was."""
        with anyio.CancelScope() as scope:
            self._bounded.add(scope)
            if self.over:
                scope.cancel()
            try:
                yield scope
            finally:
                self._bounded.discard(scope)

    async def hand_over(self, quiet: Callable[[], Awaitable[None]]) -> None:
        """Return when a session should go on elsewhere: while the server finishes and `quiet` has returned, which waits
        for a moment that disturbs nobody, or when all is over. Cancelling it changes nothing."""
        await self._finishing.wait()
        with self.bounded():
            await quiet()
