"""Both stores for tests, and sessions to put into them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from server.realtime.durable.memory import MemorySessions
from server.realtime.durable.redis import RedisSessions
from server.realtime.durable.store import Bounds, Kept, Noted, SessionStore
from tests.server.keys import connected

ANNA, BERT = "anna", "bert"
CONFIG = {"instructions": "Be brief. \ud800", "tools": [], "speed": 1.5}
KEPT = Kept(CONFIG, [("item_1", b"one"), ("item_2", b"\x00\xff"), ("é\ud800", b"")], {"turns": 2})


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def noted(*names: str) -> list[Noted]:
    return [Noted(name, b'{"event_id":"%s"}' % name.encode()) for name in names]


@asynccontextmanager
async def two_of(kind: str, url: str, bounds: Bounds | None = None) -> AsyncGenerator[list[SessionStore], None]:
    """As two processes have them: two clients of one Redis, or one object twice."""
    if kind == "memory":
        yield [MemorySessions(bounds)] * 2
        return
    async with connected(url) as one, connected(url) as two:
        await one.flushall()
        stores: list[Any] = [RedisSessions(one, bounds), RedisSessions(two, bounds)]
        yield stores
