"""The load: a process of its own that asks a server with several streams at a time. Knows no statistics.

Each line of its input is a job, each line of its output what came of it: `Phase` without the server's part.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import asdict, dataclass
from time import perf_counter, process_time
from typing import Any, TypeVar

import aiohttp
import uvloop

from loadtests.questions import chat
from loadtests.stream import AnswerError, AnswerReader

MINUTES = aiohttp.ClientTimeout(total=600)

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as its reader saw it, in seconds from the sending of the question."""

    first_words: float
    whole: float
    tokens: int


async def at_a_time(
    clients: int, client: Callable[[aiohttp.ClientSession], Coroutine[Any, Any, list[Made]]]
) -> tuple[float, list[Made]]:
    """So many clients at once, each over connections of its own for every question. The seconds from the first question
    to the last answer, and what came of all of them. The first client that fails ends all.

    Raises:
        ExceptionGroup: a client failed.
    """
    # A connection for each question: a server that was held up may close a kept one just when the next is sent.
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=MINUTES) as session:
        started = perf_counter()
        async with asyncio.TaskGroup() as group:
            asking = [group.create_task(client(session), name=f"client {number}") for number in range(clients)]
        seconds = perf_counter() - started
    return seconds, [made for task in asking for made in task.result()]


async def measure(url: str, kind: str, numbers: list[int], streams: int, tokens: int) -> dict[str, Any]:
    """Ask all questions, `streams` of them at a time, each stream its next one when it has its answer.

    Raises:
        AnswerError: the server refused one or gave another number of tokens.
    """
    # Ready before the clock runs: drawing pictures is no part of the load.
    bodies = iter([payload(kind, number, tokens) for number in numbers])
    busy = process_time()
    seconds, answers = await at_a_time(streams, lambda session: one_stream(session, url, bodies))
    busy = process_time() - busy
    if wrong := {answer.tokens for answer in answers} - {tokens}:
        raise AnswerError(f"answers of {wrong} instead of {tokens} tokens")
    return {"seconds": seconds, "load_cpu": busy, "answers": [asdict(answer) for answer in answers]}


async def one_stream(session: aiohttp.ClientSession, url: str, bodies: Iterator[bytes]) -> list[Answer]:
    return [await ask(session, url, body) for body in bodies]


async def ask(session: aiohttp.ClientSession, url: str, body: bytes) -> Answer:
    reader, started = AnswerReader(), perf_counter()
    async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as response:
        if response.status != 200:
            raise AnswerError(f"{response.status}: {await response.text()}")
        async for piece in response.content.iter_any():
            reader.feed(piece, perf_counter())
    whole, tokens = perf_counter() - started, reader.tokens
    # An answer without any words has them, for its reader, at its end.
    return Answer(whole if reader.first_words is None else reader.first_words - started, whole, tokens)


def payload(kind: str, number: int, tokens: int) -> bytes:
    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(chat(kind, number, tokens) | streamed).encode()


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(uvloop.run(measure(**json.loads(line)))), flush=True)


if __name__ == "__main__":
    main()
