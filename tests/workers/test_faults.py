"""Workers and a Redis that fail while somebody listens: what arrives is complete, in order, each sample once."""

from __future__ import annotations

import json
import os
import signal
from contextlib import AsyncExitStack
from typing import Any

import anyio
import anyio.to_thread
import pytest

from tests.redis_server import RedisServer
from tests.tts.speaking import SENTENCES, all_of, silence, sound_of, spoken, text
from tests.workers.listening import FIRST, SCRIPT, STORY, Listener, assert_whole, local_voice, speaking
from tests.workers.processes import figures, free_port, kill, worker
from tts.events import Begun, Skipped
from tts.workers import keys

pytestmark = pytest.mark.anyio

PATIENT = 60.0
"""So much patience that nothing but the workers themselves can help."""


async def test_undisturbed(redis_server: RedisServer) -> None:
    async with worker(redis_server.url, **SCRIPT), speaking(redis_server.url) as (speaker, _):
        assert_whole(await all_of(speaker.say(text(STORY), "default")))
        await redis_server.until_forgotten()


@pytest.mark.parametrize(
    ("script", "samples"),
    [
        pytest.param({"delay": 30.0}, 0, id="before the first chunk"),
        pytest.param({"rtf": 30.0}, 1, id="in the middle"),
        pytest.param({"lingers": True}, FIRST, id="after the last chunk and before the acknowledgement"),
    ],
)
async def test_a_killed_worker(redis_server: RedisServer, script: dict[str, Any], samples: int) -> None:
    url, listener = redis_server.url, Listener()
    async with (
        worker(url, **SCRIPT | script),
        speaking(url, patience=PATIENT) as (speaker, _),
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.listen, speaker.say(text(STORY), "default"))
        begun = await redis_server.until_begun()
        async with worker(url, **SCRIPT):
            await listener.until_heard(samples)
            kill(begun)
            await listener.done.wait()
            await redis_server.until_forgotten()
    assert_whole(listener.events)


async def test_a_worker_that_hangs_and_comes_back_too_late(redis_server: RedisServer) -> None:
    url, listener, slow = redis_server.url, Listener(), SCRIPT | {"rtf": 1.0, "slots": 1}
    async with (
        worker(url, **slow),
        worker(url, **slow),
        speaking(url, patience=PATIENT) as (speaker, _),
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.listen, speaker.say(text(STORY), "default"))
        begun = await redis_server.until_begun()
        os.kill(begun, signal.SIGSTOP)
        assert await redis_server.until_begun(attempt=2) != begun
        os.kill(begun, signal.SIGCONT)  # while the other one speaks its unit
        await listener.done.wait()
        await redis_server.until_forgotten()
    assert_whole(listener.events)


async def test_redis_starts_again(redis_server: RedisServer) -> None:
    url, listener = redis_server.url, Listener()
    async with (
        worker(url, **SCRIPT),
        speaking(url, patience=PATIENT) as (speaker, _),
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.listen, speaker.say(text(STORY), "default"))
        await listener.until_heard(1)
        await anyio.to_thread.run_sync(redis_server.stop, signal.SIGKILL)
        await anyio.sleep(0.5)
        await anyio.to_thread.run_sync(redis_server.start)
        await listener.done.wait()
        await redis_server.until_forgotten()
    assert_whole(listener.events)


async def test_redis_starts_again_with_nothing(redis_server: RedisServer) -> None:
    url, listener = redis_server.url, Listener()
    async with worker(url, **SCRIPT), speaking(url) as (speaker, _), anyio.create_task_group() as group:
        group.start_soon(listener.listen, speaker.say(text(STORY), "default"))
        await listener.until_heard(1)
        await anyio.to_thread.run_sync(redis_server.stop, signal.SIGKILL)
        redis_server.forget()
        await anyio.to_thread.run_sync(redis_server.start)
        await listener.done.wait()
        await redis_server.until_forgotten()
    assert_whole(listener.events)


@pytest.mark.parametrize("patience", [PATIENT, 5.0])
async def test_redis_is_away_for_five_seconds(redis_server: RedisServer, patience: float) -> None:
    url, listener = redis_server.url, Listener()
    ports = [free_port(), free_port()]
    async with (
        worker(url, "--port", str(ports[0]), **SCRIPT | {"rtf": 0.5}),
        worker(url, "--port", str(ports[1]), **SCRIPT | {"rtf": 0.5}),
        speaking(url, patience=patience) as (speaker, _),
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.listen, speaker.say(text(STORY), "default"))
        await listener.until_heard(1)
        redis_server.send(signal.SIGSTOP)
        await anyio.sleep(5)
        redis_server.send(signal.SIGCONT)
        await listener.done.wait()
        await redis_server.until_forgotten()
        for port in ports:  # nobody was taken to be gone
            assert figures(port)["ola_worker_units_claimed_total"] == 0
    assert_whole(listener.events)


async def test_a_job_that_is_delivered_twice(redis_server: RedisServer) -> None:
    url, listener = redis_server.url, Listener()
    async with (
        worker(url, **SCRIPT),
        worker(url, **SCRIPT),
        speaking(url) as (speaker, _),
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.listen, speaker.say(text(STORY), "default"))
        await redis_server.until_begun()
        (work,) = await redis_server.ask("KEYS", "ola:tts:work:*")
        jobs = await redis_server.ask("XRANGE", work, "-", "+")
        for _, job in jobs:
            await redis_server.ask("XADD", work, "*", "job", job[b"job"])
        await listener.done.wait()
        await redis_server.until_forgotten()
    assert jobs
    assert_whole(listener.events)


async def test_a_unit_that_kills_every_worker(redis_server: RedisServer) -> None:
    url = redis_server.url
    poison = "This one is poison to them all."
    story = f"{SENTENCES[0]} {poison} {' '.join(SENTENCES[1:])}"
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(worker(url, **SCRIPT)) for _ in range(3)]
        speaker, _ = await stack.enter_async_context(speaking(url, patience=PATIENT))
        events = await all_of(speaker.say(text(story), "default"))
        assert sorted(process.poll() is None for process in workers) == [False, False, True]
        await redis_server.until_forgotten()
    (skipped,) = (event for event in events if isinstance(event, Skipped))
    assert "2 workers" in str(skipped.error)
    said = [event.text for event in events if isinstance(event, Begun)]
    assert " ".join(said) == story
    (bad,) = (unit for unit in said if "poison" in unit)
    voice = local_voice()
    before = b"".join(voice.pcm(unit) + silence(0.3) for unit in said[: said.index(bad)])
    assert sound_of(events) == before + spoken(voice, *said[said.index(bad) + 1 :])
    (letter,) = await redis_server.ask("XRANGE", keys.DEAD, "-", "+")
    assert "poison" in json.loads(letter[1][b"job"])["text"]
