"""Keys in Redis, for a deployment of more than one machine.

{ola:keys}          hash: a record by account (the head of its secret's SHA-256)
{ola:keys}:names    hash: accounts by name
{ola:keys}:limits   the default limits
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from server.access.keys.key import Key, KeyRecord, KeysError, TakenKeyNameError, account_of, is_same
from server.access.limits.quota import Quota
from tts.reaching import reaching

if TYPE_CHECKING:
    from redis.asyncio import Redis

_KEYS = "{ola:keys}"
_NAMES = "{ola:keys}:names"
_LIMITS = "{ola:keys}:limits"
_ADD = """
if redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return 1
"""
_REMOVE = """
local account = redis.call('HGET', KEYS[2], ARGV[1])
if not account then return 0 end
redis.call('HDEL', KEYS[1], account)
return redis.call('HDEL', KEYS[2], ARGV[1])
"""


class _Named(KeyRecord):
    name: str


class RedisKeys:
    """A `KeyStore` in Redis. Nothing is remembered here, so that a revoked key opens nothing from then on."""

    def __init__(self, redis: Redis) -> None:
        """`redis` stays the caller's to close."""
        self._redis: Any = redis  # its methods are typed as awaitable or not
        self._add, self._remove = self._redis.register_script(_ADD), self._redis.register_script(_REMOVE)

    async def find(self, digest: str) -> Key | None:
        with reaching(KeysError):
            async with self._redis.pipeline(transaction=False) as pipeline:
                kept, limits = await pipeline.hget(_KEYS, account_of(digest)).get(_LIMITS).execute()
            if kept is None:
                return None
            record = _Named.model_validate_json(kept)
            quota = record.limits.or_else(_quota(limits))
        if not is_same(record.sha256, digest):
            return None
        return Key(record.name, record.sha256, record.scope, quota)

    async def records(self) -> Mapping[str, KeyRecord]:
        with reaching(KeysError):
            kept = [_Named.model_validate_json(text) for text in await self._redis.hvals(_KEYS)]
        return {record.name: record for record in sorted(kept, key=lambda record: record.name)}

    async def default_limits(self) -> Quota:
        with reaching(KeysError):
            return _quota(await self._redis.get(_LIMITS))

    async def add(self, name: str, record: KeyRecord) -> None:
        kept = _Named(name=name, **record.model_dump(exclude_unset=True))
        arguments = [name, account_of(record.sha256), kept.model_dump_json(exclude_unset=True)]
        with reaching(KeysError):
            if not await self._add(keys=[_KEYS, _NAMES], args=arguments):
                raise TakenKeyNameError(name)

    async def remove(self, name: str) -> bool:
        with reaching(KeysError):
            return bool(await self._remove(keys=[_KEYS, _NAMES], args=[name]))

    async def set_default_limits(self, limits: Quota) -> None:
        with reaching(KeysError):
            await self._redis.set(_LIMITS, limits.model_dump_json(exclude_unset=True))


def _quota(text: bytes | None) -> Quota:
    return Quota() if text is None else Quota.model_validate_json(text)
