"""Users who talk with a server in real time, all in a process of its own. Knows no statistics.

Each line of its input is a job, each line of its output what came of it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from base64 import b64decode
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from heapq import heapify, heappop, heapreplace
from itertools import chain, count
from time import perf_counter, process_time
from typing import Any

import uvloop

from loadtests.servers import cpu_of
from loadtests.talker import APPEND, Recording, Talker, recording
from loadtests.wire import Wire, connected, framed

LATE = 0.01
"""Seconds after its time from which an append is late: a part of what is measured is then the load's own."""
_PHASE = APPEND * (5**0.5 - 1) / 2
"""Seconds that each user begins later than the one before, besides: spread over an append by the golden section.
Those who begin a whole number of appends apart would all send at the same moment, which no two microphones do."""
_HELLO_SECONDS = 30.0
_TICK = 0.002
"""Seconds slept at least: shorter ones would keep a core busy with waking up."""


@dataclass(slots=True)
class Sent:
    """How well the load kept its own time."""

    appends: int = 0
    late: int = 0
    latest: float = 0.0

    def note(self, lateness: float) -> None:
        self.appends += 1
        self.late += lateness > LATE
        self.latest = max(self.latest, lateness)


@dataclass(slots=True)
class Session:
    """One user on his connection."""

    talker: Talker
    began: float = 0.0
    """When his sample clock was at 0, in seconds of `perf_counter`."""
    wire: Wire | None = None
    updated: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, message: bytes, now: float) -> None:
        if not self.updated.is_set() and json.loads(message)["type"] in ("session.updated", "error"):
            self.updated.set()
        self.talker.hear(message, now - self.began)

    async def open(self, url: str, update: bytes) -> None:
        """Connect, and wait until the session is as `update` has it. Raises OSError, WireError, TimeoutError."""
        async with asyncio.timeout(_HELLO_SECONDS):
            self.wire = await connected(url, self.hear)
            self.wire.send(update)
            await self.updated.wait()

    @property
    def over(self) -> bool:
        """Whether nothing more is said in it; also because the server ended it."""
        return self.talker.finished or (self.wire is not None and self.wire.lost is not None)

    def close(self) -> None:
        if self.wire is not None:
            self.wire.close()


async def measure(
    url: str,
    processes: Sequence[int],
    recordings: Sequence[Sequence[str]],
    session: dict[str, Any],
    stagger: float,
    seconds: float,
    interrupts: bool,
) -> dict[str, Any]:
    """A session for each of `recordings`, which are what it says, PCM in base64. They begin evenly over `stagger`
    seconds, and no turn begins later than `seconds` after that. Only turns that began while all were there count.
    `processes` are the server's, `session` what `session.update` says.

    Raises:
        WireError, OSError, TimeoutError: a session could not be had.
    """
    made: dict[str, Recording] = {said: recording(b64decode(said)) for said in chain.from_iterable(recordings)}
    starts = [number * stagger / len(recordings) + number * _PHASE % APPEND for number in range(len(recordings))]
    sessions = [
        Session(Talker([made[said] for said in own], stagger - start + seconds, interrupts=interrupts))
        for own, start in zip(recordings, starts, strict=True)
    ]
    update = framed({"type": "session.update", "session": session})
    async with AsyncExitStack() as closing:
        for one in sessions:
            closing.callback(one.close)
            await one.open(url, update)
        begun = perf_counter()
        for one, start in zip(sessions, starts, strict=True):
            one.began = begun + start
        sent = Sent()
        talking = asyncio.create_task(talk(sessions, sent), name="talk")
        closing.callback(talking.cancel)
        busy = await _busy(processes, stagger, seconds, talking)
        await talking
        ended = [one.wire.lost for one in sessions if one.wire is not None and one.wire.lost is not None]
    counted = [
        asdict(turn)
        for one, start in zip(sessions, starts, strict=True)
        for turn in one.talker.turns
        if start + turn.begun >= stagger
    ]
    errors = [error for one in sessions for error in one.talker.errors]
    return {"turns": counted, "errors": errors, "ended": ended, "sent": asdict(sent)} | busy


async def talk(sessions: Sequence[Session], sent: Sent) -> None:
    """Send each session's sound at its time until all have nothing more to say, or were ended by the server."""
    numbers = count()
    due = [(session.began + APPEND, next(numbers), 0, session) for session in sessions]
    heapify(due)
    while due:
        now = perf_counter()
        when, number, appends, session = due[0]
        if when > now:
            await asyncio.sleep(max(when - now, _TICK))
        elif session.over:
            heappop(due)
        else:
            heapreplace(due, (session.began + (appends + 2) * APPEND, number, appends + 1, session))
            assert session.wire is not None
            session.wire.send(session.talker.next(appends * APPEND))
            sent.note(now - when)


async def _busy(
    processes: Sequence[int], after: float, seconds: float, talking: asyncio.Task[None]
) -> dict[str, float]:
    """Processor time a second of the server and of this process, while all sessions are there."""
    await asyncio.wait([talking], timeout=after)
    began, of_server, of_load = perf_counter(), cpu_of(processes), process_time()
    await asyncio.wait([talking], timeout=seconds)
    took = perf_counter() - began
    return {"server_cpu": (cpu_of(processes) - of_server) / took, "load_cpu": (process_time() - of_load) / took}


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(uvloop.run(measure(**json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
