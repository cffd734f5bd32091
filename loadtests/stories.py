"""Spoken answers as a listener has them: when the first sound comes, and whether it ever stops to wait for more.

Asks a served model for stories with several streams at a time, over the wire.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import aiohttp

from loadtests.figures import percentile
from loadtests.load import at_a_time
from loadtests.report import milliseconds, table
from loadtests.stream import AnswerError

STORY = "Tell me a story."
BODY: dict[str, Any] = {
    "messages": [{"role": "user", "content": STORY}],
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "pcm16"},
    "stream": True,
}
RATE = 24_000
"""Samples of 16 bits a second."""
NOTICED = 0.04
"""Seconds of silence that a listener notices where none belongs."""
ANSWERS = 6
"""Of each stream."""
HEADER = (
    *("streams", "answers", "first words p50, ms", "p95", "first sound p50, ms", "p95"),
    *("sound of an answer, s", "answers that stopped", "longest stop, ms"),
)


@dataclass(slots=True)
class Listener:
    """Plays a sound from its first sample on, as it comes. Times are seconds on any clock."""

    first_sound: float | None = None
    sound: float = 0.0
    stops: list[float] = field(default_factory=list)
    """Silences for want of sound, seconds each."""
    _until: float = 0.0

    def hear(self, pcm: bytes, now: float) -> None:
        """Take what has come."""
        if self.first_sound is None:
            self.first_sound = self._until = now
        if now > self._until:
            self.stops.append(now - self._until)
            self._until = now
        seconds = len(pcm) / 2 / RATE
        self.sound += seconds
        self._until += seconds


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer, in seconds from the question."""

    first_words: float
    first_sound: float
    sound: float
    longest_stop: float


def report(url: str, streams: Iterable[int], *, markdown: bool) -> str:
    """A table of `streams` at a time, asking the chat completions at `url`."""
    rows = []
    for number in streams:
        asyncio.run(measure(url, number, answers=1))  # warms up
        heard = asyncio.run(measure(url, number, ANSWERS))
        words, sounds = [one.first_words for one in heard], [one.first_sound for one in heard]
        waits = [milliseconds(percentile(values, percent)) for values in (words, sounds) for percent in (50, 95)]
        stopped = sum(one.longest_stop > NOTICED for one in heard)
        length = f"{percentile([one.sound for one in heard], 50):.1f}"
        longest = milliseconds(max(one.longest_stop for one in heard))
        rows.append([str(number), str(len(heard)), *waits, length, str(stopped), longest])
    return table(HEADER, rows, markdown)


async def measure(url: str, streams: int, answers: int) -> list[Heard]:
    """`streams` listeners at a time, each with so many answers.

    Raises:
        AnswerError: an answer was refused or had no words or no sound.
    """

    async def listen(session: aiohttp.ClientSession) -> list[Heard]:
        return [await ask(session, url) for _ in range(answers)]

    _, heard = await at_a_time(streams, listen)
    return heard


async def ask(session: aiohttp.ClientSession, url: str) -> Heard:
    listener, words, started = Listener(), None, perf_counter()
    async with session.post(url, json=BODY) as response:
        if response.status != 200:
            raise AnswerError(f"{response.status}: {await response.text()}")
        async for line in response.content:
            if not line.startswith(b"data: {"):
                continue
            now, event = perf_counter(), json.loads(line[6:])
            if "error" in event:
                raise AnswerError(str(event["error"]))
            audio = (event["choices"][0]["delta"].get("audio") or {}) if event["choices"] else {}
            if words is None and audio.get("transcript"):
                words = now
            if data := audio.get("data"):
                listener.hear(base64.b64decode(data), now)
    if words is None or listener.first_sound is None:
        raise AnswerError("an answer without words or without sound")
    return Heard(words - started, listener.first_sound - started, listener.sound, max(listener.stops, default=0.0))
