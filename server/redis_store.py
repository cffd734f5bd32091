"""What was said under which audio id, in a Redis that all servers of a deployment share."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from server.redis_client import redis_client
from server.settings import Settings
from server.store import MAX_ANSWERS, MemoryStore, Store, StoreError, new_audio_id
from tts.reaching import reaching

if TYPE_CHECKING:
    from redis.asyncio import Redis

_FAILURE = "Spoken answers cannot be kept or found"
_PATIENCE = 5.0
"""Seconds for which an answer waits for Redis."""
_ID = re.compile(r"audio_[0-9a-f]{32}")
"""Ids come from clients, and Redis would look for a key of any size."""
_KEEP = """
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('ZADD', KEYS[2], now_ms + ARGV[2], KEYS[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now_ms)
local excess = redis.call('ZCARD', KEYS[2]) - ARGV[3]
if excess > 0 then
    for _, oldest in ipairs(redis.call('ZRANGE', KEYS[2], 0, excess - 1)) do redis.call('DEL', oldest) end
    redis.call('ZREMRANGEBYRANK', KEYS[2], 0, excess - 1)
end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
"""
"""Keep a transcript, and drop the oldest beyond a number. Keys: transcript, index by time of expiry. Arguments:
transcript, milliseconds to live, most transcripts."""


class RedisStore:
    """A `Store` of a key for each transcript, which Redis drops when it expires, and an index that bounds their number.

    A transcript is no larger than an answer, which the model's length bounds.
    """

    def __init__(
        self,
        redis: Redis,
        ttl_seconds: float,
        max_entries: int,
        now: Callable[[], float] = time.time,
        key: str = "ola:answers",
    ) -> None:
        """`redis` must not decode what it gets, and stays the caller's to close."""
        self._redis: Any = redis  # its methods are typed as awaitable or not
        self._ttl_ms, self._max_entries, self._now = max(1, round(ttl_seconds * 1000)), max_entries, now
        # Braces put all keys on one node of a cluster: a script needs that.
        self._key = f"{{{key}}}"
        self._keep = self._redis.register_script(_KEEP)

    async def keep(self, audio_id: str, transcript: str) -> int:
        # Rounded down: what is promised is kept.
        expires_at = int(self._now() + self._ttl_ms / 1000)
        packed = transcript.encode(errors="surrogatepass")
        with reaching(StoreError, _FAILURE, _PATIENCE):
            await self._keep(
                keys=[self._named(audio_id), f"{self._key}:index"], args=[packed, self._ttl_ms, self._max_entries]
            )
        return expires_at

    async def transcript(self, audio_id: str) -> str | None:
        if _ID.fullmatch(audio_id) is None:
            return None
        with reaching(StoreError, _FAILURE, _PATIENCE):
            packed: bytes | None = await self._redis.get(self._named(audio_id))
            return None if packed is None else packed.decode(errors="surrogatepass")

    def _named(self, audio_id: str) -> str:
        return f"{self._key}:{audio_id}"


@asynccontextmanager
async def answer_store(settings: Settings) -> AsyncGenerator[Store, None]:
    """Where the settings want spoken answers to be remembered.

    Raises:
        StoreError: Redis does not answer, its URL is none, or its client is not installed.
    """
    if settings.redis_url is None:
        yield MemoryStore(settings.audio_ttl_seconds, MAX_ANSWERS)
        return
    async with AsyncExitStack() as closing:
        store = RedisStore(redis_client(settings, closing, StoreError), settings.audio_ttl_seconds, MAX_ANSWERS)
        await store.transcript(new_audio_id())  # a wrong address is known now
        yield store
