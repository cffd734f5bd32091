"""Recorded voices in Redis, for a deployment of more than one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tts.reaching import reaching
from tts.recorded import Recorded
from tts.registry.kept import Memory, RegistryError, head_of, voice_of

if TYPE_CHECKING:
    from redis.asyncio import Redis

_FAILURE = "The recorded voices cannot be read or changed"
_PATIENCE = 5.0
"""Seconds for which an answer waits for Redis; one that is busy with something else answers within these."""
_ID = 32
"""Bytes of the random id that stands before each line."""
_ADD = """
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
return 1
"""
_DELETE = """
local head = redis.call('HGET', KEYS[1], ARGV[1])
if not head then return 0 end
redis.call('HDEL', KEYS[2], string.sub(head, 1, 32))
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
"""


class RedisRegistry:
    """A `tts.recorded.Registry` of two hashes: a line about each voice by name, the recordings by a random id.

    So that an unchanged recording is not sent for every answer. A cancelled change is done or not, never by half. Every
    method raises RegistryError if Redis does not answer.
    """

    def __init__(self, redis: Redis, key: str = "ola:voices") -> None:
        """`redis` must not decode what it gets, and stays the caller's to close."""
        self._redis: Any = redis  # its methods are typed as awaitable or not
        # Braces put both keys on one node of a cluster: a script needs that.
        self._heads, self._recordings = f"{{{key}}}", f"{{{key}}}:recordings"
        self._memory = Memory()
        self._add, self._delete = self._redis.register_script(_ADD), self._redis.register_script(_DELETE)

    async def names(self) -> list[str]:
        with reaching(RegistryError, _FAILURE, _PATIENCE):
            return sorted(name.decode(errors="surrogatepass") for name in await self._redis.hkeys(self._heads))

    async def get(self, name: str) -> Recorded | None:
        with reaching(RegistryError, _FAILURE, _PATIENCE):
            head: bytes | None = await self._redis.hget(self._heads, _field(name))
            if known := self._memory.recall(name, head):
                return known
            if head is None:
                return None
            recording: bytes | None = await self._redis.hget(self._recordings, head[:_ID])
            if recording is None:  # deleted between the two questions
                return None
            recorded = voice_of(head[_ID:], recording)
        self._memory.keep(recorded, head)
        return recorded

    async def add(self, recorded: Recorded) -> bool:
        identity = uuid4().hex.encode()
        arguments = [_field(recorded.name), identity + head_of(recorded), identity, recorded.recording]
        with reaching(RegistryError, _FAILURE, _PATIENCE):
            return bool(await self._add(keys=[self._heads, self._recordings], args=arguments))

    async def delete(self, name: str) -> bool:
        with reaching(RegistryError, _FAILURE, _PATIENCE):
            return bool(await self._delete(keys=[self._heads, self._recordings], args=[_field(name)]))


def _field(name: str) -> bytes:
    return name.encode(errors="surrogatepass")
