"""A clock that stands still until a test moves it, and a way to wait until nothing is left to do at its time."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

import anyio
from anyio.lowlevel import checkpoint

_LOOKS = 3
"""In a row without anything to do: a cancellation reaches a task that waits one or two rounds of the loop later."""


class HandClock:
    """Implements `server.realtime.playback.Clock`."""

    def __init__(self) -> None:
        self._now = 0.0
        self._number = count()
        self._waiting: list[tuple[float, int, anyio.Event]] = []

    @property
    def waiting(self) -> int:
        """Tasks that wait for a later time."""
        return len(self._waiting)

    def now(self) -> float:
        return self._now

    async def until(self, when: float) -> None:
        if when <= self._now:
            await checkpoint()
            return
        entry = (when, next(self._number), anyio.Event())
        heapq.heappush(self._waiting, entry)
        try:
            await entry[2].wait()
        finally:
            if entry in self._waiting:  # cancelled
                self._waiting.remove(entry)
                heapq.heapify(self._waiting)

    async def advance(self, seconds: float) -> None:
        """Let time pass. At each moment that a task waits for, all tasks run until none has anything left to do.

        Whoever waits for the wall, a thread or a socket has nothing to do. Cancelling it stops the time in between.
        """
        end = self._now + seconds
        await settled()
        while self._waiting and self._waiting[0][0] <= end:
            self._now = self._waiting[0][0]
            while self._waiting and self._waiting[0][0] <= self._now:
                heapq.heappop(self._waiting)[2].set()
            await settled()
        self._now = end


async def settled() -> None:
    """Wait until every other task of the event loop waits for something that has not happened.

    As `anyio.wait_all_tasks_blocked`, without its tenth of a second between two looks.
    """
    quiet = 0
    while quiet < _LOOKS:
        await asyncio.sleep(0)
        quiet = 0 if any(map(_runs, asyncio.all_tasks() - {asyncio.current_task()})) else quiet + 1


def _runs(task: asyncio.Task[object]) -> bool:
    waiter = getattr(task, "_fut_waiter", None)
    return waiter is None or waiter.done()
