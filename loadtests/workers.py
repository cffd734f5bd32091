"""How speech scales over worker processes and a real Redis.

First with a voice that takes a fixed time for its sound and no CPU, so that what is measured is what lies between a
gateway and its workers; then with eSpeak NG, which takes CPU only. Needs redis-server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

import anyio

from loadtests.figures import percentile
from loadtests.report import table
from tests.redis_server import redis_server
from tests.scripted_voice import ScriptedVoice
from tests.workers.processes import worker
from tts.voice import WIRE_RATE, Voice
from tts.workers.redis_voices import redis_fleet

COUNTS = (1, 2, 4, 8, 16)
UNITS = 4
"""For each worker; so many that the beginning and the end of a turn do not rule its rate."""
SCRIPT: dict[str, Any] = {"seconds_per_char": 0.05, "chunk_seconds": 0.1, "rtf": 0.5, "slots": 1}
TEXT = "A unit of some hundred letters, which is what the planner makes of two sentences once sound is buffered."
"""Five seconds of sound, for which the scripted voice takes two and a half."""
LEAST = 0.9
"""Of the rate of so many times one worker."""

Row = tuple[str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Turn:
    """What some workers did."""

    workers: int
    seconds: float
    sound: float
    waits: Sequence[float]
    """Seconds from asking to the first sound of units for which a worker was free."""
    whole: bool

    @property
    def rate(self) -> float:
        """Seconds of sound a second."""
        return self.sound / self.seconds


async def say(voice: Voice) -> tuple[bytes, float]:
    """One unit's sound, and how long its beginning took."""
    asked, first, pcm = monotonic(), 0.0, bytearray()
    async with aclosing(voice.synthesize(TEXT)) as chunks:
        async for chunk in chunks:
            first = first or monotonic() - asked
            pcm += chunk
    return bytes(pcm), first


async def turn(voice: Voice, workers: int, is_whole: Callable[[bytes], bool]) -> Turn:
    """Twice as many listeners as workers, so that each worker has a next unit waiting; then one listener alone."""
    heard: list[bytes] = []

    async def listen() -> None:
        heard.extend([(await say(voice))[0] for _ in range(UNITS // 2)])

    begun = monotonic()
    async with anyio.create_task_group() as group:
        for _ in range(2 * workers):
            group.start_soon(listen)
    seconds = monotonic() - begun
    waits = [(await say(voice))[1] for _ in range(5)]
    return Turn(workers, seconds, sum(map(len, heard)) / 2 / WIRE_RATE, waits, all(map(is_whole, heard)))


async def scripted(url: str, counts: Sequence[int]) -> list[Turn]:
    expected, turns = ScriptedVoice(seconds_per_char=SCRIPT["seconds_per_char"]).pcm(TEXT), []
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(redis_fleet(url))
        running = 0
        for count in counts:
            while running < count:
                await stack.enter_async_context(worker(url, **SCRIPT))
                running += 1
            voice = await anext(fleet.joins())
            while voice.slots != count:  # noqa: ASYNC110 - a gateway tells nobody
                await anyio.sleep(0.1)
            turns.append(await turn(voice, count, expected.__eq__))
    return turns


async def espeak(url: str) -> list[Turn]:
    turns = []
    for count in (1, 2):
        async with AsyncExitStack() as stack:
            for _ in range(count):
                await stack.enter_async_context(worker(url, voice="espeak"))
            fleet = await stack.enter_async_context(redis_fleet(url))
            voice = next(voice for voice in fleet.voices() if voice.name == "default")
            await say(voice)
            # Its samples differ a little from one time to the next, so only that there are about as many is checked.
            length = len((await say(voice))[0])
            turns.append(await turn(voice, count, partial(_about, length)))
    return turns


def _about(length: int, pcm: bytes) -> bool:
    return abs(len(pcm) - length) < 0.02 * length


def rows(voice: str, turns: Sequence[Turn], least: float | None) -> list[Row]:
    """Against the first of `turns`, which is that of one worker; `least` is what each must reach."""
    one = turns[0].rate / turns[0].workers

    def row(turn: Turn) -> Row:
        share = turn.rate / turn.workers / one
        passed = turn.whole and (least is None or share >= least)
        return (
            voice,
            str(turn.workers),
            f"{turn.rate:.1f}",
            f"{share:.2f}",
            f"{1000 * percentile(turn.waits, 50):.0f}",
            "" if least is None and passed else "pass" if passed else "FAIL",
        )

    return [row(turn) for turn in turns]


def report(*, markdown: bool, counts: Sequence[int] = COUNTS) -> str:
    """Measure and describe."""

    async def measure(url: str) -> list[Row]:
        return [*rows("scripted", await scripted(url, counts), LEAST), *rows("espeak", await espeak(url), None)]

    with redis_server() as redis:
        measured = asyncio.run(measure(redis.url))
    header = ("voice", "workers", "sound, s/s", f"of linear (>= {LEAST})", "idle worker's first sound p50, ms", "")
    return table(header, measured, markdown)
