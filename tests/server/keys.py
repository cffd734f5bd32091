"""Keys for tests: a store that holds what a test says, and Redis when it has to be shared."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from server.access.keys.key import Key, Scope, digest_of
from server.access.limits.quota import Quota

SECRET = "sk-ola-right"
AUTHORIZED = {"authorization": f"Bearer {SECRET}"}


class SomeKeys:
    """`Keys` in memory: anna's is `SECRET`."""

    def __init__(self, scope: Scope = "all", **limits: Any) -> None:
        self.limits, self.scope = limits, scope
        self.broken: Exception | None = None
        self.names = {SECRET: "anna", "sk-ola-other": "bert"}

    async def find(self, digest: str) -> Key | None:
        if self.broken is not None:
            raise self.broken
        for secret, name in self.names.items():
            if digest_of(secret.encode()) == digest:
                return Key(name, digest, self.scope, Quota(**self.limits))
        return None


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    redis: Any = Redis.from_url(url, protocol=2)
    try:
        yield redis
    finally:
        await redis.aclose()
