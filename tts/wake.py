"""Waking all who wait for something to change."""

from __future__ import annotations

import anyio


class Wake:
    """Unlike an event it does not stay set: who comes later waits for the next time. Each looks for himself whether
    what changed is what he waits for."""

    def __init__(self) -> None:
        self._next = anyio.Event()

    def up(self) -> None:
        """Wake them."""
        self._next.set()
        self._next = anyio.Event()

    async def wait(self) -> None:
        """Return when they are woken the next time. Cancelling it changes nothing."""
        await self._next.wait()
