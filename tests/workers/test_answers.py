"""Answers of odd kinds, and answers that nobody hears to their end, spoken by worker processes."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import anyio
import pytest

from tests.redis_server import RedisServer
from tests.tts.speaking import SENTENCES, all_of, sound_of, text
from tests.workers.listening import SCRIPT, STORY, assert_whole, local_voice, speaking, until_idle
from tests.workers.processes import figures, free_port, worker
from tts.events import Begun, Sound
from tts.speaker import Speaker
from tts.voice import WIRE_RATE

pytestmark = pytest.mark.anyio


async def test_a_text_that_stalls_in_the_middle_of_a_sentence(redis_server: RedisServer) -> None:
    async def stalls() -> AsyncIterator[str]:
        yield STORY[:60]
        await anyio.sleep(1.5)
        yield STORY[60:]

    async with worker(redis_server.url, **SCRIPT), speaking(redis_server.url) as (speaker, _):
        assert_whole(await all_of(speaker.say(stalls(), "default")))


async def test_texts_with_little_or_nothing_to_say(redis_server: RedisServer) -> None:
    alone = Speaker([local_voice()], {})
    async with worker(redis_server.url, **SCRIPT), speaking(redis_server.url) as (speaker, _):
        for odd in ("", "🎉", "🎉🎉 👍\n\n🎈", "```python\nprint(1)\n```\n", "**\n\n---\n\n", "…"):
            with anyio.fail_after(10):
                events = await all_of(speaker.say(text(odd), "default"))
                expected = await all_of(alone.say(text(odd), "default"))
            assert [type(event) for event in events if not isinstance(event, Sound)] == [
                type(event) for event in expected if not isinstance(event, Sound)
            ]
            assert sound_of(events) == sound_of(expected), odd
        await redis_server.until_forgotten()


async def test_ten_barge_ins_in_a_row(redis_server: RedisServer) -> None:
    port = free_port()
    slow = SCRIPT | {"rtf": 0.5}
    async with (
        worker(redis_server.url, "--port", str(port), **slow),
        speaking(redis_server.url) as (speaker, _),
    ):
        for _ in range(10):
            async with speaker.say(text(STORY), "default") as events:
                async for event in events:
                    if isinstance(event, Sound):
                        break
            assert await until_idle(port) < 0.3
            await redis_server.until_forgotten(0.3)
        assert_whole(await all_of(speaker.say(text(STORY), "default")))
        counted = figures(port)
        assert counted["ola_worker_units_totalstopped"] >= 10
        assert "ola_worker_units_totalfailed" not in counted


async def test_a_client_that_stops_listening_to_an_answer(redis_server: RedisServer) -> None:
    quick = SCRIPT | {"rtf": 0.0, "delay": 0.0}
    long = " ".join(SENTENCES * 30)
    ports = free_port()
    async with (
        worker(redis_server.url, "--port", str(ports), **quick),
        speaking(redis_server.url, look_ahead=5.0) as (speaker, _),
    ):
        async with speaker.say(text(long), "default") as events:
            while not isinstance(await anext(events), Sound):
                pass
            await until_steady(ports)
            made = figures(ports)["ola_worker_sound_seconds_total"]
            assert 5.0 <= made < 5.0 + 2 * 9  # at most the two units more that were begun
            assert not await redis_server.keys()
            rest = [event async for event in events]
        assert len(sound_of(rest)) / 2 / WIRE_RATE > 150


async def until_steady(port: int) -> None:
    """Wait until a worker has had nothing to do for a while."""
    seen, since = -1.0, 0.0
    while since < 0.5:
        await anyio.sleep(0.1)
        made = figures(port)["ola_worker_sound_seconds_total"]
        since, seen = (since + 0.1 if made == seen else 0.0), made


async def test_a_reader_who_stops_in_the_middle_of_a_unit(redis_server: RedisServer) -> None:
    quick: dict[str, Any] = {"seconds_per_char": 1.0, "rtf": 0.0, "slots": 1}
    port = free_port()
    async with worker(redis_server.url, "--port", str(port), **quick), speaking(redis_server.url) as (_, fleet):
        (voice,) = fleet.voices()
        tracemalloc.start()
        async with aclosing(voice.synthesize("x" * 60)) as chunks:  # a minute of sound, 2.9 MB
            await anext(chunks)
            await until_steady(port)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert figures(port)["ola_worker_sound_seconds_total"] == pytest.approx(60)
            assert peak < 1_000_000
            rest = [chunk async for chunk in chunks]
        assert sum(map(len, rest)) == 2 * WIRE_RATE * 60 - 4800
        await redis_server.until_forgotten()


async def test_hundreds_of_cancelled_answers_leave_nothing(redis_server: RedisServer) -> None:
    port = free_port()
    slow = SCRIPT | {"delay": 0.02, "rtf": 5.0, "slots": 4}
    async with worker(redis_server.url, "--port", str(port), **slow), speaking(redis_server.url) as (speaker, _):

        async def cancel_some(count: int) -> int:
            for number in range(count):
                async with speaker.say(text("A sentence is here. ", "Another one is here. "), "default") as events:
                    async for event in events:
                        if isinstance(event, Begun if number % 3 else Sound):  # before and after work on it began
                            break
            await redis_server.until_forgotten()
            gc.collect()
            return sys.getallocatedblocks()

        blocks = await cancel_some(150)
        memory = int((await redis_server.ask("INFO", "memory"))["used_memory"])
        # Timers that were cancelled stay in the event loop until they are due: a few hundred objects, however many
        # answers there were.
        assert await cancel_some(300) < blocks + 600
        assert int((await redis_server.ask("INFO", "memory"))["used_memory"]) < memory + 300_000
        await until_idle(port)
