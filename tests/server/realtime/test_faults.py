"""What goes wrong around a session: clients that vanish, hang or do not read, an engine that fails, a worker that is
killed, a Redis that starts again. Others are served meanwhile, and nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from websockets.exceptions import ConnectionClosed

from engine.api import EngineError
from server.app import create_app
from server.realtime import connection
from server.realtime.durable.memory import MemorySessions
from server.realtime.durable.redis import RedisSessions
from server.realtime.durable.store import Bounds
from server.settings import Settings
from server.store import MemoryStore
from tests.redis_server import redis_server
from tests.scripted_engine import ScriptedEngine
from tests.scripted_voice import ScriptedVoice
from tests.server.keys import connected
from tests.server.realtime.wire import calling, kinds_of, status_of
from tests.server.served import Served, quick_voice, served
from tests.serving import serving
from tests.workers.listening import SCRIPT, speaking
from tests.workers.processes import kill, worker

pytestmark = pytest.mark.anyio

SENTENCES = [f"This is sentence number {number}, and it takes a while to say. " for number in range(20)]
TEXT: dict[str, Any] = {"output_modalities": ["text"]}
GONE_SECONDS = 1.0
"""After which nothing of a session is left whose client has gone."""


def slow_voice() -> ScriptedVoice:
    """One that speaks for as long as the answer lasts: two seconds a sentence."""
    return ScriptedVoice("default", seconds_per_char=0.03)


def tasks() -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if not task.done()}


@asynccontextmanager
async def nothing_left(server: Served) -> AsyncGenerator[None, None]:
    """Asserts that a second after the block engine, voice and event loop do nothing that they did not do before."""
    before = tasks()
    yield
    assert await server.idle_after() < GONE_SECONDS
    with anyio.fail_after(GONE_SECONDS):
        while tasks() - before:  # noqa: ASYNC110 - tasks tell nobody
            await anyio.sleep(0.005)


def url_of(server: Served) -> str:
    return str(server.http.base_url)


async def answers(server: Served) -> None:
    """Somebody else is served."""
    async with calling(url_of(server)) as caller:
        await caller.ask(**TEXT)
        assert status_of(await caller.hear("response.done")) == ("completed", None)


# Clients


@pytest.mark.parametrize(
    "step",
    [
        "session.created",
        "conversation.item.done",
        "response.created",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "input_audio_buffer.speech_started",
        "conversation.item.truncated",
        "input_audio_buffer.committed",
    ],
)
async def test_a_client_vanishes(step: str) -> None:
    store = MemorySessions()
    async with served(ScriptedEngine(SENTENCES), slow_voice(), sessions=store) as server:
        await answers(server)
        async with nothing_left(server), calling(url_of(server)) as caller:
            if step != "session.created":
                await caller.ask()
            if step.startswith(("input_audio", "conversation.item.truncated")):
                await caller.hear("response.output_audio.delta")
                await caller.speak(before=1.0)
            if step != "session.created":
                await caller.hear(step)
            caller.vanish()
        async with calling(url_of(server)) as again:
            await again.say("session.resume", session_id=caller.session_id, last_event_id=caller.last_event_id)
            resumed = (await again.hear("session.resumed"))[-1]
            assert resumed["session"]["id"] == caller.session_id
            assert (resumed["missed"] is None) == (step == "session.created")
        await answers(server)


async def test_the_engine_is_gone_from_while_it_writes() -> None:
    """Between two words, of which the second never comes."""
    engine = ScriptedEngine(SENTENCES, gates={1: anyio.Event()})
    async with served(engine, quick_voice()) as server, nothing_left(server), calling(url_of(server)) as caller:
        await caller.ask()
        await caller.hear("response.output_audio_transcript.delta")
        assert await engine.running() == 1
        caller.vanish()


async def test_a_connection_that_is_half_open_is_given_up() -> None:
    pings = {"ws_ping_interval": 0.2, "ws_ping_timeout": 0.2}
    async with (
        served(ScriptedEngine(SENTENCES), slow_voice(), serves=pings) as server,
        calling(url_of(server)) as caller,
    ):
        await caller.ask()
        await caller.hear("response.output_audio.delta")
        caller.stop_reading()
        await _until_over()
        assert await server.idle_after() < GONE_SECONDS
        await answers(server)
        caller.vanish()


async def test_a_client_that_never_reads_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SEND_SECONDS", 0.5)
    long = [sentence * 20 for sentence in SENTENCES]
    async with served(ScriptedEngine(long), slow_voice()) as server, calling(url_of(server)) as caller:
        await caller.say("session.update", session={"type": "realtime", "ola": {"pacing": "none"}})
        await caller.hear("session.updated")
        await caller.ask()
        caller.stop_reading()
        await answers(server)
        await _until_over()
        assert await server.idle_after() < GONE_SECONDS
        caller.read_on()
        with pytest.raises(ConnectionClosed):
            await caller.hear("never")


async def _until_over() -> None:
    """Wait until no session is served."""
    with anyio.fail_after(20):
        while any(task.get_name() == "writer" for task in tasks()):  # noqa: ASYNC110 - tasks tell nobody
            await anyio.sleep(0.01)


async def test_ten_rapid_interruptions() -> None:
    async with served(ScriptedEngine(SENTENCES), slow_voice()) as server, nothing_left(server):
        async with calling(url_of(server)) as caller:
            await caller.ask()
            for _ in range(10):
                await caller.hear("response.output_audio.delta")
                await caller.speak(before=0.5)
                events = await caller.hear("response.done")
                assert status_of(events) == ("cancelled", "turn_detected")
                assert "input_audio_buffer.speech_started" in kinds_of(events)
            await caller.hear("response.output_audio.delta")
            await caller.say("response.cancel")
            assert status_of(await caller.hear("response.done")) == ("cancelled", "client_cancelled")
            await caller.say("conversation.item.delete", item_id="nobody")
            assert (await caller.hear("error"))[-1]["error"]["code"] == "item_not_found"
        roles = [message["role"] for message in server.engine.requests[-1]["messages"]]
        assert roles.count("user") == 11


# What is behind the server


async def test_an_engine_that_refuses_or_breaks_off_fails_the_response_alone() -> None:
    engine = ScriptedEngine(["One. ", "Two. "])
    async with served(engine, quick_voice()) as server, nothing_left(server), calling(url_of(server)) as caller:
        engine.refuse = EngineError("The engine is dead.", status=503, type="server_error")
        await caller.ask()
        assert status_of(await caller.hear("response.done"))[0] == "failed"
        engine.refuse, engine.break_at = None, 1
        await caller.say("response.create")
        assert status_of(await caller.hear("response.done"))[0] == "failed"
        engine.break_at = None
        await caller.say("response.create")
        events = await caller.hear("response.done")
        assert status_of(events) == ("completed", None)
        assert events[-1]["response"]["output"][0]["content"][0]["transcript"] == "One. Two. "


async def test_a_voice_that_fails_leaves_the_text_whole() -> None:
    engine, voice = ScriptedEngine(["One. ", "Two. "]), quick_voice()
    async with served(engine, voice) as server, nothing_left(server), calling(url_of(server)) as caller:
        voice.dead = True
        await caller.ask()
        events = await caller.hear("response.done")
        assert events[-1]["response"]["output"][0]["content"][0]["transcript"] == "One. Two. "
        assert status_of(events)[0] == "failed"
        voice.dead = False
        await caller.say("response.create")
        assert status_of(await caller.hear("response.done")) == ("completed", None)


async def test_a_worker_is_killed_in_the_middle_of_an_answer() -> None:
    engine = ScriptedEngine(SENTENCES[:4])
    with redis_server() as redis:
        async with (
            worker(redis.url, **SCRIPT),
            speaking(redis.url, patience=60.0) as (speaker, _),
            serving(create_app(Settings(), engine, speaker, MemoryStore(60, 10))) as url,
            calling(url) as caller,
        ):
            await caller.say("session.update", session={"type": "realtime", "ola": {"pacing": "none"}})
            await caller.ask()
            begun = await redis.until_begun()
            async with worker(redis.url, **SCRIPT):
                await caller.hear("response.output_audio.delta")
                kill(begun)
                events = await caller.hear("response.done", seconds=60)
            assert status_of(events) == ("completed", None)
            assert events[-1]["response"]["output"][0]["content"][0]["transcript"] == "".join(SENTENCES[:4])


async def test_redis_starts_again_and_another_server_goes_on() -> None:
    engine, voice = ScriptedEngine(SENTENCES[:2]), quick_voice()
    with redis_server() as redis:
        async with connected(redis.url) as one, connected(redis.url) as two:
            async with served(engine, voice, sessions=RedisSessions(one)) as server, calling(url_of(server)) as caller:
                await caller.ask("Before", **TEXT)
                await caller.hear("response.done")
                await anyio.to_thread.run_sync(redis.stop, signal.SIGKILL)
                redis.forget()
                await caller.ask("While it is away", **TEXT)
                assert status_of(await caller.hear("response.done")) == ("completed", None)
                await anyio.to_thread.run_sync(redis.start)
                last = caller.last_event_id
                await caller.write("After")
                await caller.hear("conversation.item.done")
                caller.vanish()
            async with served(engine, quick_voice(), sessions=RedisSessions(two)) as server:
                async with calling(url_of(server)) as again:
                    await again.say("session.resume", session_id=caller.session_id, last_event_id=last)
                    resumed = await again.hear("session.resumed", "error")
                    assert resumed[-1]["missed"] >= 2
                    await again.say("response.create", response=TEXT)
                    await again.hear("response.done")
                said = [message["content"] for message in server.engine.requests[-1]["messages"]]
    assert [_text(content) for content in said if not isinstance(content, str)] == [
        "Before",
        "While it is away",
        "After",
    ]


def _text(content: Any) -> str:
    return "".join(part["text"] for part in content)


# Many


async def test_nothing_is_left_of_a_thousand_sessions() -> None:
    """Each as good as over when the next begins; one in three vanishes in the middle of an answer."""
    store = MemorySessions(Bounds(waiting=20))
    engine = ScriptedEngine(["One. ", "Two. "])
    async with served(engine, quick_voice(seconds_per_char=0.001), sessions=store) as server:

        async def some(count: int, kind: int) -> None:
            for _ in range(count):
                await one(kind)

        async def one(kind: int) -> None:
            async with calling(url_of(server)) as caller:
                if kind == 0:
                    await caller.ask(**TEXT)
                    await caller.hear("response.done")
                if kind == 1:
                    await caller.ask()
                    await caller.hear("response.output_audio.delta")
                if kind == 2:
                    await caller.say("input_audio_buffer.append", audio="A" * 8000)
                if kind:
                    caller.vanish()

        async def several(count: int) -> None:
            async with anyio.create_task_group() as group:
                for kind in (0, 1, 2, 0, 1):
                    group.start_soon(some, count // 5, kind)

        await several(250)
        async with nothing_left(server):
            before = _memory()
            await several(750)
        engine.requests.clear()
        assert _memory() - before < 8 * 2**20


def _memory() -> int:
    """Bytes of this process that are in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
