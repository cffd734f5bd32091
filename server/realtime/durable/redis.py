"""Sessions in Redis: they survive their connection and their process, and any process of a deployment can go on.

ola:session:{<id>}          hash: owner, epoch, revision, waits, config, state, and bytes of items and of events
ola:session:{<id>}:items    hash: bytes by item id
ola:session:{<id>}:order    list of item ids
ola:session:{<id>}:events   list: event id, newline, JSON
{ola:sessions}:waiting      sorted set: sessions without a connection, by the time since which they wait
{ola:sessions}:bytes        hash: their sizes

Braces put all keys of a session on one node of a cluster: scripts need that. Every key has a time to live.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from server.realtime.durable import scripts
from server.realtime.durable.memory import MemorySessions, packed, whole
from server.realtime.durable.store import (
    Bounds,
    Change,
    Claim,
    Hold,
    Kept,
    Noted,
    OutOfStepError,
    SessionStore,
    SessionStoreError,
    TakenOverError,
    TooLargeError,
    UnknownSessionError,
    is_session_id,
)
from server.redis_client import redis_client
from server.settings import Settings
from tts.reaching import PATIENCE, reaching

if TYPE_CHECKING:
    from redis.asyncio import Redis

_WAITING = ("{ola:sessions}:waiting", "{ola:sessions}:bytes")
_WHOLE_PATIENCE = 10.0
"""Seconds for a whole session, which may be a hundred megabytes."""
_REFUSALS = {b"taken over": TakenOverError, b"out of step": OutOfStepError, b"too large": TooLargeError}


class RedisSessions:
    """A `SessionStore` in Redis. What changes a session is one script, so that no two processes can mix theirs."""

    def __init__(self, redis: Redis, bounds: Bounds | None = None) -> None:
        """`redis` must not decode what it gets, and stays the caller's to close."""
        self.bounds = bounds or Bounds()
        self._redis: Any = redis  # its methods are typed as awaitable or not
        self._ttl_ms = max(1, round(self.bounds.ttl_seconds * 1000))
        script = self._redis.register_script
        self._write, self._renew, self._release = script(scripts.WRITE), script(scripts.RENEW), script(scripts.RELEASE)
        self._claim, self._forget = script(scripts.CLAIM), script(scripts.FORGET)
        self._make_room, self._drop = script(scripts.MAKE_ROOM), script(scripts.DROP)

    async def replace(self, hold: Hold, kept: Kept, events: Sequence[Noted] = ()) -> Hold:
        after = await self._keep("whole", hold, whole(kept, events))
        with reaching(SessionStoreError):
            await self._waits_no_more(hold.session_id)
        return after

    async def write(self, hold: Hold, change: Change) -> Hold:
        return await self._keep("change", hold, change)

    async def renew(self, hold: Hold) -> None:
        with reaching(SessionStoreError):
            answer = await self._renew(keys=_keys(hold.session_id), args=[hold.owner, hold.epoch, self._ttl_ms])
        _check(answer, hold)

    async def release(self, hold: Hold) -> None:
        arguments: list[Any] = [hold.owner, hold.epoch, self._ttl_ms]
        with reaching(SessionStoreError):
            size = await self._release(keys=_keys(hold.session_id), args=arguments)
            if size < 0:
                return
            arguments = [hold.session_id, size, self._ttl_ms, self.bounds.waiting, self.bounds.waiting_bytes]
            for surplus in await self._make_room(keys=_WAITING, args=arguments):
                await self._drop(keys=_keys(surplus.decode()))

    async def claim(self, session_id: str, owner: str) -> Claim:
        if not is_session_id(session_id):
            raise UnknownSessionError(session_id)
        with reaching(SessionStoreError, patience=_WHOLE_PATIENCE):
            epoch, revision = await self._claim(keys=_keys(session_id), args=[owner, self._ttl_ms])
            if epoch < 0:
                raise UnknownSessionError(session_id)
            await self._waits_no_more(session_id)
            # Nobody else writes it from now on, so it can be read in several steps.
            kept, events = await self._read(session_id)
        return Claim(Hold(session_id, owner, epoch, revision), kept, events)

    async def forget(self, hold: Hold) -> None:
        with reaching(SessionStoreError):
            await self._forget(keys=_keys(hold.session_id), args=[hold.owner, hold.epoch])

    async def _keep(self, how: str, hold: Hold, change: Change) -> Hold:
        bounds = [self._ttl_ms, self.bounds.session_bytes, self.bounds.events, self.bounds.event_bytes]
        order = ["as it was", 0] if change.order is None else ["ordered", len(change.order)]
        arguments: list[Any] = [
            *(how, hold.owner, hold.epoch, hold.revision),
            *bounds,
            *(b"" if value is None else packed(value) for value in (change.config, change.state)),
            *(*order, len(change.items)),
            *(_name(item_id) for item_id in change.order or ()),
            *(part for item_id, item in change.items.items() for part in (_name(item_id), item)),
            *(event.event_id.encode() + b"\n" + event.data for event in change.events),
        ]
        with reaching(SessionStoreError, patience=_WHOLE_PATIENCE if how == "whole" else PATIENCE):
            answer = await self._write(keys=_keys(hold.session_id), args=arguments)
        _check(answer, hold)
        return hold.next()

    async def _waits_no_more(self, session_id: str) -> None:
        async with self._redis.pipeline(transaction=True) as pipeline:
            await pipeline.zrem(_WAITING[0], session_id).hdel(_WAITING[1], session_id).execute()

    async def _read(self, session_id: str) -> tuple[Kept, list[Noted]]:
        head, items, order, events = _keys(session_id)
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.hmget(head, "config", "state").hgetall(items).lrange(order, 0, -1).lrange(events, 0, -1)
            (config, state), by_id, ids, noted = await pipeline.execute()
        if config is None or state is None:  # its time was over, or Redis forgot, in between
            raise UnknownSessionError(session_id)
        pairs = [(name.decode(errors="surrogatepass"), by_id[name]) for name in ids if name in by_id]
        return Kept(json.loads(config), pairs, json.loads(state)), [_noted(event) for event in noted]


@asynccontextmanager
async def session_store(settings: Settings) -> AsyncGenerator[SessionStore, None]:
    """Where the settings want sessions to be kept. Redis is not asked yet: a server speaks without it, too.

    Raises:
        SessionStoreError: Redis's URL is none, or its client is not installed.
    """
    if settings.redis_url is None:
        yield MemorySessions()
        return
    async with AsyncExitStack() as closing:
        yield RedisSessions(redis_client(settings, closing, SessionStoreError))


def _keys(session_id: str) -> list[str]:
    head = f"ola:session:{{{session_id}}}"
    return [head, f"{head}:items", f"{head}:order", f"{head}:events"]


def _name(item_id: str) -> bytes:
    """An item's id may be its client's, who may write halves of characters."""
    return item_id.encode(errors="surrogatepass")


def _noted(event: bytes) -> Noted:
    event_id, _, data = event.partition(b"\n")
    return Noted(event_id.decode(), data)


def _check(answer: bytes, hold: Hold) -> None:
    if (refusal := _REFUSALS.get(answer)) is not None:
        raise refusal(hold.session_id)
