"""Texts spoken by POST /v1/audio/speech for several clients at a time: how many a second, how soon the first byte."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter

import aiohttp

from loadtests.figures import percentile
from loadtests.load import at_a_time
from loadtests.report import milliseconds, table
from loadtests.stories import RATE
from loadtests.stream import AnswerError

TEXT = "The sea is wide and blue. Ships cross it by day and by night, and gulls follow them for hours."
BODY = {"model": "tts-1", "voice": "alloy", "input": TEXT, "response_format": "pcm"}
REQUESTS = 12
"""Of each client."""
HEADER = (
    "clients",
    "requests",
    "requests/s",
    "seconds of sound/s",
    "first byte p50, ms",
    "p95",
    "whole p50, ms",
    "busy",
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """One text, in seconds from the request."""

    first_byte: float
    whole: float
    sound: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Load:
    seconds: float
    spoken: list[Spoken]
    refused: int
    """Requests that were answered 429, because the first sound would have come too late."""


def report(url: str, clients: Iterable[int], *, markdown: bool) -> str:
    """A table of `clients` at a time, asking the speech route at `url`."""
    rows = []
    for number in clients:
        asyncio.run(measure(url, number, requests=1))  # warms up
        load = asyncio.run(measure(url, number, REQUESTS))
        first = [one.first_byte for one in load.spoken]
        rows.append(
            [
                str(number),
                str(len(load.spoken)),
                f"{len(load.spoken) / load.seconds:.1f}",
                f"{sum(one.sound for one in load.spoken) / load.seconds:.1f}",
                milliseconds(percentile(first, 50)),
                milliseconds(percentile(first, 95)),
                milliseconds(percentile([one.whole for one in load.spoken], 50)),
                str(load.refused),
            ]
        )
    return table(HEADER, rows, markdown)


async def measure(url: str, clients: int, requests: int) -> Load:
    """`clients` at a time, each with so many texts one after the other.

    Raises:
        AnswerError: a text was not spoken for another reason than a busy voice.
    """

    async def listen(session: aiohttp.ClientSession) -> list[Spoken | None]:
        return [await ask(session, url) for _ in range(requests)]

    seconds, answers = await at_a_time(clients, listen)
    spoken = [answer for answer in answers if answer is not None]
    return Load(seconds, spoken, len(answers) - len(spoken))


async def ask(session: aiohttp.ClientSession, url: str) -> Spoken | None:
    """None: the voice is busy."""
    started, first, size = perf_counter(), None, 0
    async with session.post(url, json=BODY) as response:
        if response.status == 429:
            return None
        if response.status != 200:
            raise AnswerError(f"{response.status}: {await response.text()}")
        async for piece in response.content.iter_any():
            first = perf_counter() - started if first is None else first
            size += len(piece)
    if first is None:
        raise AnswerError("a text without sound")
    return Spoken(first, perf_counter() - started, size / 2 / RATE)
