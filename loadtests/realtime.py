"""Sessions of /v1/realtime in real time: how soon a turn is answered aloud, how soon an interrupted answer is silent.

Over a scripted model and voice, whose times are known, so that what lies beyond them is ours; then with a real model,
cut where the wire tells of something.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from random import Random
from typing import Any

from loadtests.child import Child, child
from loadtests.realtime_rows import BEYOND_HEADER, HEADER, REAL_HEADER, row, row_beyond, row_of_model
from loadtests.report import table
from loadtests.scripted import ANSWER, FIRST_TOKEN, READY
from loadtests.servers import Server, started
from loadtests.speech import FIRST_CHUNK, first_unit_known
from loadtests.turns import Script
from tests.demo.sentences import sum_of
from tests.demo.words import NUMBERS
from tts.events import Sound
from tts.speaker import Speaker
from tts.voices.espeak import espeak_voices

SESSIONS = ((1, (10, 50, 100)), (2, (100, 200)))
"""By number of processes that serve."""
STAGGER, SECONDS = 16.0, 45.0
"""Over which sessions begin: about as long as two turns and their answers take. And how long all of them are there."""
REAL_STAGGER, REAL_SECONDS = 5.0, 60.0
VOICES = ("default", "espeak-m8", "espeak-f1", "espeak-m3")
SESSION: dict[str, Any] = {
    "type": "realtime",
    "audio": {
        "input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 500}},
        "output": {"voice": "alloy"},
    },
}


class RealtimeError(Exception):
    """The server told of an error in a session; what is measured is something else than a conversation."""


def report(
    *, markdown: bool, sessions: Sequence[tuple[int, Sequence[int]]] = SESSIONS, seconds: float = SECONDS
) -> str:
    """Measure a scripted server and describe. Raises RealtimeError."""
    said = asyncio.run(spoken(questions(16)))
    script = Script(FIRST_TOKEN, first_unit_known(ANSWER, FIRST_TOKEN), FIRST_CHUNK)
    rows, beyond = [], []
    for count, numbers in sessions:
        command = ("loadtests.scripted", "--api-server-count", str(count))
        with started(*command, ready=READY) as server, child("loadtests.talking") as load:
            processes = server.with_children()
            _talk(load, server, processes, [said[:1]] * count, stagger=0.1, seconds=1.0, interrupts=False)  # warms up
            for number in numbers:
                turns_of_each = [said[start % len(said) :] + said[: start % len(said)] for start in range(number)]
                given = _talk(load, server, processes, turns_of_each, stagger=STAGGER, seconds=seconds, interrupts=True)
                rows.append([str(count), *row(number, given, script, processes=count)])
                beyond.append([str(count), *row_beyond(number, given, script)])
    tables = [
        table(("processes", *HEADER), rows, markdown),
        table(("processes", *BEYOND_HEADER), beyond, markdown),
    ]
    return "\n\nOf that, stage by stage, what the script does not explain\n\n".join(tables)


def report_of_model(server: Server, sessions: Sequence[int], *, markdown: bool) -> str:
    """Measure `server`, whose model and voice take the time that they take. Raises RealtimeError."""
    rows = []
    each = int(REAL_SECONDS // 3)
    # No question comes twice: the engine would have heard it before.
    asked = iter(asyncio.run(spoken(questions(each * (sum(sessions) + 1)))))
    with child("loadtests.talking") as load:
        _talk(load, server, [server.process], [[next(asked)]], stagger=0.1, seconds=1.0, interrupts=False)  # warms up
        for number in sessions:
            turns_of_each = [[next(asked) for _ in range(each)] for _ in range(number)]
            given = _talk(
                load,
                server,
                [server.process],
                turns_of_each,
                stagger=REAL_STAGGER,
                seconds=REAL_SECONDS,
                interrupts=False,
            )
            rows.append(row_of_model(number, given))
    return table(REAL_HEADER, rows, markdown)


def questions(number: int) -> list[str]:
    """Of the demo model's world, no two alike, each in one breath."""
    random, asked = Random(6), dict[str, None]()
    while len(asked) < number:
        first, sign, second, _ = sum_of(random)
        asked[f"What is {NUMBERS[first]} {sign} {NUMBERS[second]}?"] = None
    return list(asked)


async def spoken(texts: Sequence[str]) -> list[str]:
    """Each text said by one of espeak's voices: PCM at the wire's rate, in base64."""

    async def whole(text: str) -> AsyncGenerator[str, None]:
        yield text

    speaker = Speaker(espeak_voices(), {})
    await speaker.start()
    try:
        said = []
        for number, text in enumerate(texts):
            pcm = bytearray()
            async with aclosing(whole(text)) as pieces, speaker.say(pieces, VOICES[number % len(VOICES)]) as events:
                async for event in events:
                    if isinstance(event, Sound):
                        pcm += event.pcm
            said.append(b64encode(pcm).decode())
        return said
    finally:
        await speaker.close()


def _talk(
    load: Child, server: Server, processes: Sequence[int], recordings: Sequence[Sequence[str]], **how: Any
) -> dict[str, Any]:
    """`how` is as in `loadtests.talking.measure`."""
    url = f"{server.url.replace('http', 'ws')}/v1/realtime?model=gpt-realtime"
    given = load.ask(url=url, processes=processes, recordings=recordings, session=SESSION, **how)
    for error in given["errors"]:
        raise RealtimeError(str(error))
    return given
