"""A worker that takes its jobs from Redis. Knows no voice in particular; `tts/workers/keys.py` says what is stored."""

from __future__ import annotations

import logging
from contextlib import aclosing
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any

import anyio
from anyio.abc import TaskGroup
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tts.tracing import NoTracer, Tracer
from tts.voice import VoiceError
from tts.workers import keys
from tts.workers.figures import Figures
from tts.workers.job import Job
from tts.workers.repertoire import Repertoire
from tts.workers.speaking import spoken

_READ_SECONDS = 0.5
"""After which a worker with nothing to do looks whether others left something, and whether it is to stop."""
_FORGOTTEN_SECONDS = 3600
"""Without a sign of life, after which a worker without jobs is no longer listed in its group."""

_log = logging.getLogger(__name__)


class _StaleError(Exception):
    """The delivery is not valid any more, or nobody wants the unit."""


@dataclass(slots=True, eq=False)
class _Delivery:
    """A job in hand."""

    entry: bytes
    attempt: int
    job: Job
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    written: int = 0


class RedisWorker:
    """Speaks what the gateways of one Redis ask for."""

    def __init__(
        self,
        redis: Redis,
        name: str,
        repertoire: Repertoire,
        slots: int,
        figures: Figures,
        tracer: Tracer | None = None,
    ) -> None:
        """`name` is this worker's alone. `redis` must try again for ever (`keys.connect`) and stays the caller's to
        close."""
        self._redis: Any = redis  # its methods are typed as awaitable or not
        self._name, self._repertoire, self._slots, self._figures = name, repertoire, slots, figures
        self._tracer = tracer or NoTracer()
        self._queue = repertoire.offer.queue
        self._work = keys.work(self._queue)
        self._free = anyio.Semaphore(slots)
        self._in_hand: set[_Delivery] = set()
        self._write_script = redis.register_script(keys.WRITE)
        self._keep_script = redis.register_script(keys.KEEP)
        self._beat_at = float("-inf")
        self._steady = False
        self._searched_at = float("-inf")

    @property
    def healthy(self) -> bool:
        """Redis answered not long ago."""
        return monotonic() - self._beat_at < 2 * keys.GONE_SECONDS

    async def start(self) -> None:
        """Tell the gateways that this worker is there; `run` has to follow."""
        await self._make_group()
        await self._tidy_group()
        await self._beat()

    async def run(self, stopping: anyio.Event, drain_seconds: float) -> None:
        """Take jobs until `stopping` is set; then finish those in hand within `drain_seconds` and hand back the rest.

        Cancelling it leaves the jobs in hand to the others, as if the worker had died.
        """
        async with anyio.create_task_group() as background:
            background.start_soon(self._keep_beating, name="heartbeat")
            background.start_soon(self._hear_stops, name="stops")
            async with anyio.create_task_group() as units:
                await self._take_jobs(units, stopping)
                units.cancel_scope.deadline = anyio.current_time() + drain_seconds
                await self._redis.xadd(keys.BEATS, {"worker": self._name, "bye": 1})
            await self._hand_back()
            await self._tidy_group(gone=self._name)
            background.cancel_scope.cancel()

    async def _take_jobs(self, units: TaskGroup, stopping: anyio.Event) -> None:
        while await self._slot(stopping):
            delivery = None
            try:
                if stopping.is_set():
                    return
                delivery = await self._next()
            finally:
                if delivery is None:
                    self._free.release()
            if delivery is not None:
                self._in_hand.add(delivery)
                units.start_soon(self._work_on, delivery, name="unit")

    async def _slot(self, stopping: anyio.Event) -> bool:
        """Wait for a free slot and take it; False without one if `stopping` is set first."""
        taken = False
        async with anyio.create_task_group() as waiting:
            waiting.start_soon(_cancel_at, stopping, waiting.cancel_scope, name="stopping")
            await self._free.acquire()
            taken = True
            waiting.cancel_scope.cancel()
        return taken

    async def _next(self) -> _Delivery | None:
        """A job that somebody left, or else a new one, or None if there is none for a while."""
        try:
            if self._may_claim() and (claimed := await self._claim()) is not None:
                return claimed
            streams = {self._work: ">"}
            reply = await self._redis.xreadgroup(
                keys.GROUP, self._name, streams, count=1, block=round(1000 * _READ_SECONDS)
            )
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            await self._make_group()  # Redis has lost it, or this worker is the first of its kind
            return None
        if not reply:
            return None
        ((_, ((entry, fields),)),) = reply
        return await self._delivery(entry, fields, attempt=1)

    def _may_claim(self) -> bool:
        """Not right after Redis itself was away: then nobody's beats got through, and all are given time for one."""
        now = monotonic()
        on_time = self._steady and now - self._beat_at < 2 * keys.BEAT_SECONDS
        return on_time and now - self._searched_at >= _READ_SECONDS

    async def _claim(self) -> _Delivery | None:
        """Take over one job whose worker is gone."""
        at: Any = "0-0"
        while True:
            idle = round(1000 * keys.GONE_SECONDS)
            at, entries, *_ = await self._redis.xautoclaim(self._work, keys.GROUP, self._name, idle, at, count=1)
            for entry, fields in entries:
                (pending,) = await self._redis.xpending_range(self._work, keys.GROUP, entry, entry, 1) or (None,)
                attempt = pending["times_delivered"] if pending else 0
                delivery = await self._delivery(entry, fields, attempt)
                if delivery is not None and attempt <= keys.DELIVERIES:
                    _log.warning("unit %s taken over, attempt %d", delivery.job.unit, attempt)
                    self._figures.claimed.inc()
                    return delivery
                if delivery is not None:
                    await self._give_up(delivery)
            if at == b"0-0":
                self._searched_at = monotonic()
                return None

    async def _delivery(self, entry: bytes, fields: dict[bytes, bytes], attempt: int) -> _Delivery | None:
        self._figures.taken(time() - int(entry.split(b"-")[0]) / 1000)  # an entry's name begins with Redis' time
        try:
            return _Delivery(entry, attempt, Job.unpack(fields[b"job"]))
        except (KeyError, ValueError, TypeError):
            _log.exception("job %s cannot be read", entry.decode())
            await self._redis.xack(self._work, keys.GROUP, entry)
            await self._redis.xdel(self._work, entry)
            return None

    async def _work_on(self, delivery: _Delivery) -> None:
        try:
            with delivery.scope:
                try:
                    await self._speak(delivery)
                except _StaleError:
                    _log.info("unit %s is not wanted any more", delivery.job.unit)
                self._in_hand.discard(delivery)
        finally:
            if delivery.scope.cancel_called:
                self._in_hand.discard(delivery)
            self._free.release()

    async def _speak(self, delivery: _Delivery) -> None:
        job = delivery.job
        with self._tracer.span("worker", parent=job.traceparent, unit=job.unit, attempt=delivery.attempt) as span:
            await self._write(delivery, "begun")
            try:
                async with aclosing(spoken(job, self._repertoire, self._figures)) as chunks:
                    async for pcm in chunks:
                        await self._write(delivery, "pcm", pcm)
                        if delivery.written == 2:
                            span.event("first sound")
            except VoiceError as error:
                await self._write(delivery, "failed", str(error).encode())
            else:
                await self._write(delivery, "done")

    async def _write(self, delivery: _Delivery, kind: str, data: bytes = b"") -> None:
        entry, attempt, unit = delivery.entry, delivery.attempt, delivery.job.unit
        owner = (keys.GROUP, entry, self._name, attempt)
        bounds = (keys.SOUND_CHUNKS, keys.SOUND_SECONDS)
        try:
            valid = await self._write_script(
                keys=[self._work, keys.sound(unit)], args=[*owner, kind, delivery.written, data, *bounds]
            )
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            valid = 0
        if not valid:
            raise _StaleError
        delivery.written += 1

    async def _give_up(self, delivery: _Delivery) -> None:
        job, workers = delivery.job, keys.DELIVERIES
        _log.error("unit %s is given up: %d workers did not come to an end with it", job.unit, workers)
        self._figures.given_up.inc()
        await self._redis.xadd(keys.DEAD, {"job": job.pack(), "queue": self._queue}, maxlen=keys.DEAD_LETTERS)
        await self._redis.expire(keys.DEAD, keys.KEPT_SECONDS)
        try:
            await self._write(delivery, "dead", f"{workers} workers did not come to an end with this unit.".encode())
        except _StaleError:
            _log.info("unit %s is not wanted any more", job.unit)

    async def _keep_beating(self) -> None:
        while True:
            await anyio.sleep(max(0.0, self._beat_at + keys.BEAT_SECONDS - monotonic()))
            await self._beat()

    async def _beat(self) -> None:
        """Tell the gateways that this worker is here, and Redis that it still works on what it has."""
        async with self._redis.pipeline() as pipe:
            pipe.set(keys.offer(self._queue), self._repertoire.offer.pack(), ex=keys.KEPT_SECONDS)
            pipe.expire(self._work, keys.KEPT_SECONDS)
            here = {"worker": self._name, "queue": self._queue, "slots": self._slots}
            pipe.xadd(keys.BEATS, here, maxlen=keys.BEATS_KEPT)
            pipe.expire(keys.BEATS, keys.KEPT_SECONDS)
            await pipe.execute()
        await self._keep_in_hand()
        now = monotonic()
        self._steady = now - self._beat_at < 2 * keys.BEAT_SECONDS
        self._beat_at = now

    async def _keep_in_hand(self) -> None:
        if not (in_hand := list(self._in_hand)):
            return
        held = [value for delivery in in_hand for value in (delivery.entry, delivery.attempt)]
        try:
            lost = await self._keep_script(keys=[self._work], args=[keys.GROUP, self._name, *held])
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            lost = range(len(in_hand))
        for number in lost:
            in_hand[number].scope.cancel()

    async def _hear_stops(self) -> None:
        async with self._redis.pubsub() as channel:
            await channel.subscribe(keys.stop(self._queue))
            async for message in channel.listen():
                for delivery in list(self._in_hand):
                    if message["data"] == delivery.job.unit.encode():
                        delivery.scope.cancel()

    async def _make_group(self) -> None:
        try:
            await self._redis.xgroup_create(self._work, keys.GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    async def _tidy_group(self, gone: str | None = None) -> None:
        """Take workers out of the group that left it, if they left nothing to do."""
        for consumer in await self._redis.xinfo_consumers(self._work, keys.GROUP):
            name = consumer["name"].decode()
            if not consumer["pending"] and (name == gone or consumer["idle"] > 1000 * _FORGOTTEN_SECONDS):
                await self._redis.xgroup_delconsumer(self._work, keys.GROUP, name)

    async def _hand_back(self) -> None:
        """What could not be finished goes to others at once: it is made to look as if it had been idle."""
        for delivery in self._in_hand:
            idle = round(1000 * keys.GONE_SECONDS)
            await self._redis.xclaim(self._work, keys.GROUP, self._name, 0, [delivery.entry], idle=idle, justid=True)


async def _cancel_at(event: anyio.Event, scope: anyio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
