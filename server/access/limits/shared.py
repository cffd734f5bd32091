"""A ledger in Redis, for all processes of a deployment. Redis's clock is the only one that counts.

{ola:used:<account>}:<measure>   when this bucket is full again, a Unix time; gone once it is
{ola:used:<account>}:<kind>      sorted set: who holds a place, by the Unix time at which the lease ends
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from server.access.limits.ledger import PERIOD, TOLERANCE, Draw, Kind, Lease, LedgerError, Measure, Standing, Taking
from tts.background import background
from tts.reaching import reaching

if TYPE_CHECKING:
    from redis.asyncio import Redis

logger = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
"""After which the places of a process that died are free."""

_TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local crowded, granted, full_in = 0, true, {}
if ARGV[2] ~= '' then
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
    if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then crowded, granted = 1, false end
end
for i = 2, #KEYS do
    local full_at = tonumber(redis.call('GET', KEYS[i]) or now)
    full_in[i] = math.max(full_at - now, 0) + ARGV[i + 4]
    if full_in[i] > tonumber(ARGV[5]) then granted = false end
end
if granted or ARGV[1] == 'force' then
    for i = 2, #KEYS do
        if full_in[i] > 0 then
            redis.call('SET', KEYS[i], string.format('%.6f', now + full_in[i]), 'PX', math.ceil(full_in[i] * 1000))
        end
    end
    if ARGV[2] ~= '' then
        redis.call('ZADD', KEYS[1], now + ARGV[4], ARGV[2])
        redis.call('EXPIRE', KEYS[1], math.ceil(ARGV[4]))
    end
end
local answer = {crowded}
for i = 2, #KEYS do answer[i] = string.format('%.6f', full_in[i]) end
return answer
"""
"""Draw all and take a place, or nothing. Keys: places, buckets ... Arguments: `force` draws in any case, lease (empty:
none), places, seconds of a lease, seconds of a full bucket, then of each draw."""

_RENEW = """
local time = redis.call('TIME')
local ends = time[1] + time[2] / 1000000 + ARGV[1]
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], ends, ARGV[i]) end
redis.call('EXPIRE', KEYS[1], math.ceil(ARGV[1]))
"""
"""Key: places. Arguments: seconds of a lease, leases ..."""


class RedisLedger:
    """A `Ledger` in Redis. Each step is one script, so processes cannot come between each other."""

    def __init__(self, redis: Redis, lease_seconds: float = LEASE_SECONDS) -> None:
        """`redis` stays the caller's to close."""
        self._redis: Any = redis  # its methods are typed as awaitable or not
        self._lease_seconds = lease_seconds
        self._take, self._renew = self._redis.register_script(_TAKE), self._redis.register_script(_RENEW)
        self._held: dict[str, set[str]] = defaultdict(set)

    async def take(self, account: str, draws: Sequence[Draw], lease: Lease | None = None) -> Taking:
        taking = await self._run("", account, draws, lease)
        if lease is not None and taking.granted:
            self._held[_key(account, lease.kind)].add(lease.id)
        return taking

    async def charge(self, account: str, draw: Draw) -> Standing:
        return (await self._run("force", account, [draw], None)).standings[0]

    async def give_back(self, account: str, lease: Lease) -> None:
        places = _key(account, lease.kind)
        self._held[places].discard(lease.id)
        if not self._held[places]:
            del self._held[places]
        with reaching(LedgerError):
            await self._redis.zrem(places, lease.id)

    @asynccontextmanager
    async def renewing(self) -> AsyncGenerator[None, None]:
        async with background() as group:
            group.start_soon(self._renew_all, name="leases")
            yield

    async def _run(self, force: str, account: str, draws: Sequence[Draw], lease: Lease | None) -> Taking:
        places = lease.kind if lease else "concurrent_requests"
        keys = [_key(account, places), *(_key(account, draw.measure) for draw in draws)]
        held: list[str | float] = [lease.id, lease.limit] if lease else ["", 0]
        times = [self._lease_seconds, PERIOD + TOLERANCE, *(draw.seconds for draw in draws)]
        arguments = [force, *held, *times]
        with reaching(LedgerError):
            crowded, *full_in = await self._take(keys=keys, args=arguments)
        standings = (
            Standing(draw.measure, draw.limit, float(seconds)) for draw, seconds in zip(draws, full_in, strict=True)
        )
        return Taking(bool(crowded), tuple(standings))

    async def _renew_all(self) -> None:
        while True:
            await anyio.sleep(self._lease_seconds / 3)
            try:
                for places, leases in list(self._held.items()):
                    with reaching(LedgerError):
                        await self._renew(keys=[places], args=[self._lease_seconds, *leases])
            except LedgerError:
                logger.exception("Leases could not be renewed")


def _key(account: str, what: Measure | Kind) -> str:
    # Braces put all of an account on one node of a cluster: a script needs that.
    return f"{{ola:used:{account}}}:{what}"
