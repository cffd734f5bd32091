"""How long is waited for somebody, at the price of a look at the clock: a timer for each message costs more than it."""

from __future__ import annotations

from math import inf
from time import monotonic

import anyio


class Patience:
    """Runs out so many seconds after `begin`, unless `end` is said before."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._since = seconds, inf

    def begin(self) -> None:
        """Something is waited for, from now on."""
        self._since = monotonic()

    def end(self) -> None:
        """It came."""
        self._since = inf

    async def out(self) -> None:
        """Return when it has run out. Cancelling it changes nothing."""
        while (left := self._since + self._seconds - monotonic()) > 0:  # noqa: ASYNC110 - seldom
            # Nothing that begins meanwhile runs out sooner.
            await anyio.sleep(min(left, self._seconds))
