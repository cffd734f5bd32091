"""The gateway's end of Redis: voices whose units are spoken by whichever worker takes them.

Knows no voice in particular; `tts/workers/keys.py` says what is stored.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any
from uuid import uuid4

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tts.background import background
from tts.recorded import Recorded
from tts.voice import WIRE_RATE, Voice, VoiceError
from tts.wake import Wake
from tts.workers import keys
from tts.workers.job import Job, Offer
from tts.workers.roster import Roster
from tts.workers.track import Track

_READ_SECONDS = 0.5
"""After which whoever hears nothing looks whether there is anything to wait for."""
_CHUNKS = 32
"""Taken from Redis at a time; the others wait there."""
_RETRIES = 20
"""About ten seconds of trying to reach Redis: longer than it takes to start again."""
_ERRANDS = 10_000
"""Told to Redis when it can be reached. More are forgotten, and what they are about expires."""
_LAST_SECONDS = 2.0
"""For telling Redis what is over when a gateway ends."""
_GIVEN_UP = 1000
"""Units remembered that no worker came to an end with."""

_log = logging.getLogger(__name__)


class RedisVoice:
    """One voice, wherever it is spoken. Implements `tts.voice.Voice`."""

    sample_rate = WIRE_RATE

    def __init__(
        self, fleet: RedisFleet, name: str, languages: tuple[str, ...], place: object, recorded: float | None = None
    ) -> None:
        """`place` is equal for voices that the same workers speak: those share their slots."""
        self.name, self.languages, self.place, self.recorded = name, languages, place, recorded
        self.slots = 1
        """Those of all workers that are there; without any 1, so that a unit can fail instead of waiting."""
        self._fleet = fleet

    async def start(self) -> None:
        """Raises VoiceError if no worker is there."""
        self._fleet.queue_of(self)

    async def synthesize(
        self, text: str, *, lang: str | None = None, speed: float = 1.0, seed: int = 0
    ) -> AsyncGenerator[bytes, None]:
        """See `tts.voice.Voice`. A worker that dies is replaced behind this, without a sample repeated or lost."""
        job = Job(uuid4().hex, self.name, text, lang, speed, seed, self.recorded, self._fleet.traceparent())
        async with aclosing(self._fleet.speak(self, job)) as speech:
            async for pcm in speech:
                yield pcm

    async def close(self) -> None:
        """The workers are not this voice's to end."""
        self._fleet.forget(self)


@dataclass(frozen=True, slots=True)
class _Errand:
    """A unit to ask for, or one that is over."""

    queue: str
    job: Job
    over: bool = False
    stop: bool = False


class RedisFleet:
    """All workers of one Redis, as a gateway sees them. Made by `redis_fleet`. Implements `tts.recorded.Imitator`."""

    def __init__(self, redis: Redis, traceparent: Callable[[], str | None] = lambda: None) -> None:
        """`traceparent` tells the span of the task that asks for a unit."""
        self._redis: Any = redis  # its methods are typed as awaitable or not
        self.traceparent = traceparent
        self._roster = Roster()
        self._voices: dict[str, RedisVoice] = {}
        self._imitations: set[RedisVoice] = set()
        self._errands, self._to_do = anyio.create_memory_object_stream[_Errand](_ERRANDS)
        self._entries: dict[str, bytes] = {}  # by unit, of those that were asked for
        self._given_up: OrderedDict[Job, str] = OrderedDict()
        self._heard_until = b"0-0"
        self._news = Wake()
        self._running = False

    def voices(self) -> list[Voice]:
        """Those that were offered since this fleet is known, also if nobody offers them now."""
        return list(self._voices.values())

    async def joins(self) -> AsyncGenerator[Voice, None]:
        """Each voice once: those that are known, then others as workers come who offer them. Never ends by itself."""
        told = 0
        while True:
            while told == len(self._voices):
                await self._news.wait()
            voice = self.voices()[told]
            told += 1
            yield voice

    def imitate(self, recorded: Recorded) -> Voice:
        """See `tts.recorded.Imitator`. The workers find the recording in the registry that they were given."""
        languages = (recorded.lang,) if recorded.lang else ()
        place = self._roster.queue_of(recorded.name, recorded=True) or object()
        voice = RedisVoice(self, recorded.name, languages, place, recorded.created)
        self._imitations.add(voice)
        self._count_slots()
        return voice

    def forget(self, voice: RedisVoice) -> None:
        """Count no slots for an imitation any more."""
        self._imitations.discard(voice)

    def queue_of(self, voice: RedisVoice) -> str:
        """Where to ask for it. Raises VoiceError if no worker is there for it."""
        queue = self._roster.queue_of(voice.name, recorded=voice.recorded is not None)
        if queue is None:
            raise VoiceError(f"No worker is there for the voice {voice.name!r}.")
        return queue

    async def speak(self, voice: RedisVoice, job: Job) -> AsyncGenerator[bytes, None]:
        """The sound of one unit. Closing it stops whoever works on it; that waits for nothing.

        Raises:
            VoiceError: nobody could speak it, or Redis does not answer.
        """
        if reason := self._given_up.get(_same(job)):
            raise VoiceError(reason)
        queue = self.queue_of(voice)
        self._run(_Errand(queue, job))
        over = False
        try:
            async with aclosing(self._heard(queue, job)) as heard:
                async for kind, data in heard:
                    over = kind not in (b"begun", b"pcm")
                    if kind == b"dead":
                        self._remember(job, data.decode())
                    if over and kind != b"done":
                        raise VoiceError(data.decode())
                    if data:
                        yield data
        except RedisError as error:
            raise VoiceError(f"Redis does not answer: {error}") from error
        finally:
            self._run(_Errand(queue, job, over=True, stop=not over))

    async def _heard(self, queue: str, job: Job) -> AsyncGenerator[tuple[bytes, bytes], None]:
        """What is written of a unit, until its end."""
        sound, last, track = keys.sound(job.unit), b"0-0", Track()
        while True:
            reply = await self._redis.xread({sound: last}, count=_CHUNKS, block=round(1000 * _READ_SECONDS))
            for entry, fields in reply[0][1] if reply else ():
                last = entry
                if (kind := fields[b"kind"]) == b"asked":
                    continue
                pcm = fields[b"data"] if kind == b"pcm" else b""
                new = track.feed(int(fields[b"attempt"]), int(fields[b"seq"]), pcm)
                if new is None:
                    continue
                yield kind, new if kind == b"pcm" else fields[b"data"]
                if kind not in (b"begun", b"pcm"):
                    return
            if not reply:
                await self._check(queue, job)

    async def _check(self, queue: str, job: Job) -> None:
        """Raises VoiceError if there is nothing to wait for."""
        if not self._roster.slots(queue):
            raise VoiceError(f"No worker is there any more for the voice {job.voice!r}.")
        if job.unit in self._entries and not await self._redis.exists(keys.sound(job.unit)):
            raise VoiceError("Redis has lost the unit.")

    def _remember(self, job: Job, reason: str) -> None:
        """That asking again would only cost more workers. The seed makes it this answer's unit alone."""
        self._given_up[_same(job)] = reason
        if len(self._given_up) > _GIVEN_UP:
            self._given_up.popitem(last=False)

    def _run(self, errand: _Errand) -> None:
        try:
            self._errands.send_nowait(errand)
        except anyio.WouldBlock:
            _log.warning("Redis cannot be told about unit %s", errand.job.unit)
        except anyio.ClosedResourceError:
            pass  # nobody is left to tell; what it is about expires

    def close(self) -> None:
        """Take no more errands; `run_errands` runs those it has and ends."""
        self._errands.close()
        if not self._running:
            self._to_do.close()

    async def run_errands(self) -> None:
        """Ask for units and take them back, in this order for each, whoever was cancelled meanwhile."""
        self._running = True
        with self._to_do:
            async for errand in self._to_do:
                errands = [errand, *_more(self._to_do)]
                try:
                    await self._tell(errands)
                except RedisError as error:
                    _log.warning("%d messages about units are lost: %s", len(errands), error)

    async def _tell(self, errands: list[_Errand]) -> None:
        over = {errand.job.unit for errand in errands if errand.over}
        asked = [one for one in errands if not one.over and one.job.unit not in over]
        never = {one.job.unit for one in errands if not one.over and one.job.unit in over}
        async with self._redis.pipeline() as pipe:
            for one in errands:
                if one.over and one.job.unit not in never:
                    self._take_back(pipe, one)
            for one in asked:
                places = keys.work(one.queue), keys.sound(one.job.unit)
                pipe.eval(keys.ASK, len(places), *places, one.job.pack(), keys.SOUND_SECONDS)
            replies = await pipe.execute() if len(pipe) else []
        entries = replies[len(replies) - len(asked) :]
        self._entries |= {one.job.unit: entry for one, entry in zip(asked, entries, strict=True)}

    def _take_back(self, pipe: Any, errand: _Errand) -> None:
        unit, entry = errand.job.unit, self._entries.pop(errand.job.unit, None)
        pipe.delete(keys.sound(unit))
        if errand.stop and entry is not None:
            pipe.xack(keys.work(errand.queue), keys.GROUP, entry)
            pipe.xdel(keys.work(errand.queue), entry)
            pipe.publish(keys.stop(errand.queue), unit)

    async def look(self) -> None:
        """Learn who is there now. Raises RedisError if Redis does not answer."""
        seconds, micros = await self._redis.time()
        since = 1000 * seconds + micros // 1000 - round(1000 * keys.GONE_SECONDS)
        self._heard_until = f"{max(0, since)}-0".encode()
        await self._hear(await self._redis.xread({keys.BEATS: self._heard_until}))

    async def follow(self) -> None:
        """Keep up with who comes and goes."""
        while True:
            asked = monotonic()
            try:
                beats = {keys.BEATS: self._heard_until}
                reply = await self._redis.xread(beats, count=keys.BEATS_KEPT, block=round(1000 * _READ_SECONDS))
                await self._hear(reply)
            except RedisError as error:
                _log.warning("Redis does not answer: %s", error)
                continue
            # If it took longer, Redis was away, and with it everybody's beats.
            self._roster.passed(min(monotonic() - asked, 2 * _READ_SECONDS))
            self._count_slots()

    async def _hear(self, reply: Any) -> None:
        for self._heard_until, beat in reply[0][1] if reply else ():
            worker = beat[b"worker"].decode()
            if b"bye" in beat:
                self._roster.left(worker)
                continue
            queue = beat[b"queue"].decode()
            if self._roster.knows(queue) or await self._learn(queue):
                self._roster.hear(worker, queue, int(beat[b"slots"]))
        self._count_slots()

    async def _learn(self, queue: str) -> bool:
        packed = await self._redis.get(keys.offer(queue))
        if packed is None:
            return False
        try:
            offer = Offer.unpack(packed)
        except (ValueError, KeyError, TypeError):
            offer = None
        if offer is None or offer.queue != queue:
            _log.warning("the offer of queue %s is of another release", queue)
            return False
        self._roster.learn(offer)
        for name, languages in offer.voices:
            if name not in self._voices:
                self._voices[name] = RedisVoice(self, name, languages, queue)
        self._news.up()
        return True

    def _count_slots(self) -> None:
        for voice in (*self._voices.values(), *self._imitations):
            queue = self._roster.queue_of(voice.name, recorded=voice.recorded is not None)
            voice.slots = max(1, self._roster.slots(queue)) if queue else 1


@asynccontextmanager
async def redis_fleet(
    url: str, traceparent: Callable[[], str | None] = lambda: None
) -> AsyncGenerator[RedisFleet, None]:
    """The workers of the Redis at `url`, while the block runs: `Speaker(fleet.voices(), ...)`; `fleet` itself is an
    `Imitator`. Voices whose workers come later are told by `fleet.joins()`.

    Raises:
        VoiceError: Redis does not answer.
        ValueError: this is no URL of a Redis.
    """
    async with keys.connect(url, _RETRIES) as redis:
        fleet = RedisFleet(redis, traceparent)
        try:
            await fleet.look()
        except RedisError as error:
            fleet.close()
            raise VoiceError(f"Redis does not answer: {error}") from error
        async with background(linger=_LAST_SECONDS) as errands, background() as following:
            errands.start_soon(fleet.run_errands, name="errands")
            following.start_soon(fleet.follow, name="workers")
            try:
                yield fleet
            finally:
                fleet.close()


def _same(job: Job) -> Job:
    """What another attempt at the same unit of the same answer has in common with it, for that has its seed."""
    return replace(job, unit="", traceparent=None)


def _more(errands: MemoryObjectReceiveStream[_Errand]) -> list[_Errand]:
    """Those that wait already."""
    return [errands.receive_nowait() for _ in range(errands.statistics().current_buffer_used)]
