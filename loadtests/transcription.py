"""Minutes of speech put to POST /v1/audio/transcriptions: how much faster than speech it is heard, and how well.

The speech is the server's own voice, one sentence of the demo model's world after the other.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from time import perf_counter

import aiohttp
import numpy as np
import soundfile

from loadtests.load import MINUTES
from loadtests.report import Row, milliseconds, table
from loadtests.stories import RATE
from loadtests.stream import AnswerError
from tests.demo.sentences import sentence
from tests.demo.words import word_errors

PAUSE = 0.8
"""Seconds between sentences."""
LENGTH = 180.0
"""Seconds of a recording."""
HEADER = ("recordings at a time", "seconds of speech", "took, s", "RTF", "times as fast", "first words, ms", "WER")


@dataclass(frozen=True, slots=True)
class Recording:
    said: str
    wav: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class Heard:
    text: str
    first_words: float
    """Seconds from the request."""


def report(url: str, streams: Iterable[int], *, markdown: bool) -> str:
    """A table of `streams` recordings at a time, for the server at `url`."""
    random = Random(1)
    asyncio.run(measure(url, [asyncio.run(recorded(url, 5.0, random))]))  # warms up
    return table(HEADER, [row(url, number, random) for number in streams], markdown)


def row(url: str, streams: int, random: Random) -> Row:
    """Recordings that were never put to the server before: it would have them in its caches."""
    recordings = [asyncio.run(recorded(url, LENGTH, random)) for _ in range(streams)]
    seconds, heard = asyncio.run(measure(url, recordings))
    return figures(recordings, seconds, heard)


def figures(recordings: Sequence[Recording], seconds: float, heard: Sequence[Heard]) -> Row:
    """What it means that `recordings`, all at once, took `seconds` and were `heard` so, in order."""
    speech = sum(recording.seconds for recording in recordings)
    counts = [word_errors(recording.said, one.text) for recording, one in zip(recordings, heard, strict=True)]
    wrong, words = map(sum, zip(*counts, strict=True))
    first = milliseconds(max(one.first_words for one in heard))
    factor = seconds / speech
    return [
        *(str(len(recordings)), f"{speech:.0f}", f"{seconds:.1f}", f"{factor:.3f}"),
        *(f"{1 / factor:.1f}", first, f"{wrong / words:.1%}"),
    ]


async def recorded(url: str, seconds: float, random: Random) -> Recording:
    """Sentences spoken by the server, with pauses, until they fill so many seconds."""
    said, parts, length = list[str](), list[bytes](), 0
    pause = bytes(2 * round(PAUSE * RATE))
    async with aiohttp.ClientSession(timeout=MINUTES) as session:
        while length < seconds * RATE * 2:
            said.append(sentence(random))
            body = {"input": said[-1], "voice": random.choice(("default", "onyx", "nova")), "response_format": "pcm"}
            async with session.post(f"{url}/v1/audio/speech", json=body) as response:
                if response.status != 200:
                    raise AnswerError(await response.text())
                parts.append(await response.read() + pause)
            length += len(parts[-1])
    stored = io.BytesIO()
    soundfile.write(stored, np.frombuffer(b"".join(parts), "<i2"), RATE, format="WAV", subtype="PCM_16")
    return Recording(" ".join(said), stored.getvalue(), length / 2 / RATE)


async def measure(url: str, recordings: Sequence[Recording]) -> tuple[float, list[Heard]]:
    """Seconds for all of them at once, and what was heard, in order.

    Raises:
        AnswerError: a recording was refused, or its transcript broke off.
    """
    async with aiohttp.ClientSession(timeout=MINUTES) as session:
        started = perf_counter()
        heard = await asyncio.gather(*(transcribe(session, url, recording) for recording in recordings))
        return perf_counter() - started, heard


async def transcribe(session: aiohttp.ClientSession, url: str, recording: Recording) -> Heard:
    form = aiohttp.FormData({"model": "whisper-1", "stream": "true"})
    form.add_field("file", recording.wav, filename="speech.wav")
    started, first = perf_counter(), None
    async with session.post(f"{url}/v1/audio/transcriptions", data=form) as response:
        if response.status != 200:
            raise AnswerError(f"{response.status}: {await response.text()}")
        async for line in response.content:
            if not line.startswith(b"data: {"):
                continue
            first = perf_counter() - started if first is None else first
            event = json.loads(line[6:])
            if event.get("type") == "transcript.text.done":
                return Heard(event["text"], first)
    raise AnswerError("a transcript without an end")
