"""How much sooner an answer begins whose turn was prefilled while it was spoken, on the real engine:

OMP_NUM_THREADS=1 python -m tests.engine.early_start [--model models/ola-demo] [--rounds 9]

Every round is a conversation of its own, of which the engine has answered the turn before. A question is put to it as
it stands, after an early start that had all the time it wants, and after one that began HEAD_START before.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import anyio
import numpy as np

from engine.api import CHUNK_SECONDS, SAMPLE_RATE, Engine, Sound
from engine.client import engine_arguments, vllm_engine
from server.chunks import text_of
from server.closing import closing
from server.realtime.early import EarlyStart
from server.realtime.items import Heard
from server.realtime.sources import asked

TURNS = 6
HEAD_START = 0.3
"""Seconds between a pause that looks like the end of a turn and its end: `silence_duration_ms` of 500 without the
200 ms of silence that are kept."""

Request = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Start:
    """How an answer began."""

    seconds: float
    """To the first token's text."""
    prompt: int
    """Tokens."""
    cached: int
    """Of them, those that the engine had computed before."""


@asynccontextmanager
async def real_engine(model: str) -> AsyncIterator[Engine]:
    """The engine as `ola serve` starts it, without a server."""
    async with vllm_engine(engine_arguments(["--served-model-name", "ola"], model)) as engine:
        yield engine


class Conversation:
    """A conversation in sound, unlike every other one."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.messages: list[dict[str, Any]] = []
        for number in range(TURNS):
            said = f"This is what was said in turn {number} of conversation {seed}."
            self.messages += [user(self.sound(3)), {"role": "assistant", "content": said}]

    def sound(self, seconds: float) -> Sound:
        noise = self._random.normal(scale=1500, size=round(seconds * SAMPLE_RATE))
        return Heard(noise.clip(-32768, 32767).astype(np.int16)).sound

    def request(self, *sounds: Sound) -> Request:
        return {"messages": [*self.messages, *map(user, sounds)], "temperature": 0.0, "max_tokens": 8}


def user(sound: Sound) -> dict[str, Any]:
    return {"role": "user", "content": [sound]}


async def begun(engine: Engine, request: Request) -> Start:
    """Put a request and read its answer."""
    started, first, usage = perf_counter(), 0.0, dict[str, Any]()
    async with closing(asked(engine, request)) as chunks:
        async for chunk in chunks:
            if text_of(chunk) and not first:
                first = perf_counter() - started
            usage = chunk.get("usage") or usage
    return Start(first, usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"])


async def answered_before(engine: Engine, conversation: Conversation) -> None:
    """What the engine has done when the user begins to speak: the turn before was put to it."""
    *before, _answer = conversation.messages
    await begun(engine, conversation.request() | {"messages": before})


async def as_it_stands(engine: Engine, seed: int, seconds: float) -> Start:
    conversation = Conversation(seed)
    await answered_before(engine, conversation)
    return await begun(engine, conversation.request(conversation.sound(seconds)))


async def started_early(engine: Engine, seed: int, seconds: float, head_start: float) -> Start:
    """As a session does it: at the beginning of speech, at each full chunk, and `head_start` before the end."""
    conversation = Conversation(seed)
    await answered_before(engine, conversation)
    sound = conversation.sound(seconds)
    await read_ahead(engine, conversation.request())
    for end in range(CHUNK_SECONDS, int(seconds), CHUNK_SECONDS):
        part = (sound.samples[: end * SAMPLE_RATE] * 32768).astype(np.int16)
        await read_ahead(engine, conversation.request(Heard(part).sound))
    request = conversation.request(sound)
    await read_ahead(engine, request, head_start)
    return await begun(engine, request)


async def read_ahead(engine: Engine, request: Request, seconds: float = 60.0) -> None:
    """Start early, and stop that if it takes too long."""
    with anyio.move_on_after(seconds):
        async with anyio.create_task_group() as speaking:
            EarlyStart(engine, speaking).prefill(request)


async def measure(model: str, rounds: int) -> None:
    """Print the table. Cancelling it stops the engine."""
    ways: dict[str, Callable[[Engine, int, float], Awaitable[Start]]] = {
        "as it stands": as_it_stands,
        f"started {HEAD_START} s before": partial(started_early, head_start=HEAD_START),
        "started early": partial(started_early, head_start=60.0),
    }
    print(f"| question | way | first token, median of {rounds} | worst | prompt | cached |")
    print("|---|---|---:|---:|---:|---:|")
    async with real_engine(model) as engine:
        await begun(engine, Conversation(0).request(Conversation(0).sound(3)))
        for seconds in (3, 45, 120):
            for place, (name, way) in enumerate(ways.items()):
                starts = [await way(engine, 1000 * seconds + 100 * place + round_, seconds) for round_ in range(rounds)]
                times = [start.seconds * 1000 for start in starts]
                print(
                    f"| {seconds} s | {name} | {median(times):.0f} ms | {max(times):.0f} ms "
                    f"| {starts[0].prompt} | {median(start.cached for start in starts):.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--model", default="models/ola-demo")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    anyio.run(measure, arguments.model, arguments.rounds)
