"""The load: a process of its own that asks a server with several streams at a time. Knows no statistics.

Each line of its input is a job, each line of its output what came of it: `Phase` without the server's part.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from time import perf_counter, process_time
from typing import Any

import aiohttp
import uvloop

from loadtests.questions import chat
from loadtests.stream import AnswerError, AnswerReader

MINUTES = aiohttp.ClientTimeout(total=600)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as its reader saw it, in seconds from the sending of the question."""

    first_words: float
    whole: float
    tokens: int


async def measure(url: str, kind: str, numbers: list[int], streams: int, tokens: int) -> dict[str, Any]:
    """Ask all questions, `streams` of them at a time, each stream its next one when it has its answer.

    Raises:
        AnswerError: the server refused one or gave another number of tokens.
    """
    # Ready before the clock runs: drawing pictures is no part of the load.
    bodies = iter([payload(kind, number, tokens) for number in numbers])
    # A connection for each question: a server that was held up may close a kept one just when the next is sent.
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=MINUTES) as session:
        started, busy = perf_counter(), process_time()
        async with asyncio.TaskGroup() as group:
            users = [group.create_task(one_stream(session, url, bodies), name=f"stream {n}") for n in range(streams)]
        seconds, busy = perf_counter() - started, process_time() - busy
    answers = [answer for user in users for answer in user.result()]
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
