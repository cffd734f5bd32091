"""A server that is told to stop: what it says, what it finishes, what it hands over, and that it ends in time."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing, contextmanager

import anyio
import httpx
import pytest
from pydantic import ValidationError
from websockets.exceptions import ConnectionClosed

from server.app import create_app
from server.listening import Listening
from server.realtime.durable.memory import MemorySessions
from server.settings import Settings
from server.stopping import Stopping
from server.store import MemoryStore
from tests.scripted_engine import ScriptedEngine
from tests.server.realtime.wire import Caller, calling, status_of
from tests.server.served import ASK, Served, chunks_of, quick_voice, served
from tests.server.test_speech_stream import talking

pytestmark = pytest.mark.anyio

STREAMED = ASK | {"stream": True}


def stopping(server: Served) -> Stopping:
    told: Stopping = server.app.state.parts.stopping
    return told


async def closed(caller: Caller) -> tuple[int | None, str | None]:
    """How the server ends a connection, of which nothing more was expected but the error that says so."""
    assert (await caller.hear("error"))[-1]["error"]["code"] == "server_restarting"
    with anyio.fail_after(5):
        await caller.connection.wait_closed()
    return caller.connection.close_code, caller.connection.close_reason


async def test_it_says_so_while_it_still_answers() -> None:
    async with served(ScriptedEngine()) as server:
        assert "connection" not in (await server.http.get("/ready")).headers
        stopping(server).tell()
        ready = await server.http.get("/ready")
        assert (ready.status_code, ready.json()["error"]["code"]) == (503, "draining")
        assert (await server.http.get("/health")).status_code == 200
        answer = await server.http.post("/v1/chat/completions", json=ASK)
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        async with calling(str(server.http.base_url)) as caller:
            await caller.ask()
            assert status_of(await caller.hear("response.done")) == ("completed", None)


async def test_what_is_not_answered_in_time_is_refused() -> None:
    engine = ScriptedEngine(gates={0: anyio.Event()})
    async with served(engine) as server:
        answers = []

        async def ask() -> None:
            answers.append(await server.http.post("/v1/chat/completions", json=ASK))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await engine.started.wait()
            stopping(server).end()
        answers.append(await server.http.post("/v1/chat/completions", json=ASK))
        for answer in answers:
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "server_stopping")
            assert answer.headers["retry-after"] == "1"
        assert await engine.running() == 0


async def test_an_answer_that_is_cut_off_does_not_look_whole() -> None:
    engine = ScriptedEngine(gates={1: anyio.Event()})
    async with served(engine) as server:
        async with server.http.stream("POST", "/v1/chat/completions", json=STREAMED) as response:
            lines = response.aiter_lines()
            await anext(lines)
            stopping(server).end()
            with pytest.raises(httpx.RemoteProtocolError):
                [line async for line in lines]
        assert await engine.running() == 0


async def test_a_session_goes_on_elsewhere_when_its_answer_was_heard() -> None:
    store, gate = MemorySessions(), anyio.Event()
    async with (
        served(ScriptedEngine(gates={1: gate}), quick_voice(), sessions=store) as server,
        calling(str(server.http.base_url)) as caller,
    ):
        await caller.ask()
        await caller.hear("response.created")
        stopping(server).finish()
        gate.set()
        assert status_of(await caller.hear("response.done")) == ("completed", None)
        await caller.hear("output_audio_buffer.stopped")
        assert await closed(caller) == (1012, "server_restarting")
    async with (
        served(ScriptedEngine(), quick_voice(), sessions=store) as other,
        calling(str(other.http.base_url)) as again,
    ):
        await again.say("session.resume", session_id=caller.session_id, last_event_id=caller.last_event_id)
        resumed = (await again.hear("session.resumed", "error"))[-1]
        assert resumed["session"]["id"] == caller.session_id


async def test_a_session_is_handed_over_in_the_middle_when_time_is_up() -> None:
    store = MemorySessions()
    async with (
        served(ScriptedEngine(gates={1: anyio.Event()}), sessions=store) as server,
        calling(str(server.http.base_url)) as caller,
    ):
        await caller.ask()
        await caller.hear("response.created")
        last = caller.last_event_id
        stopping(server).end()
        await caller.hear("error")
        with pytest.raises(ConnectionClosed) as end:
            await caller.connection.recv()
        assert end.value.rcvd is not None
        assert end.value.rcvd.code == 1012
    async with served(ScriptedEngine(), sessions=store) as other, calling(str(other.http.base_url)) as again:
        await again.say("session.resume", session_id=caller.session_id, last_event_id=last)
        events = await again.hear("response.done", "error")
        events = events if status_of(events)[0] == "completed" else await again.hear("response.done", "error")
        assert status_of(events) == ("completed", None)


async def test_a_text_that_is_spoken_is_spoken_to_its_end() -> None:
    async with served(ScriptedEngine(), quick_voice()) as server, talking(server) as client:
        await client.say("session.update", session={"speed": 1.0})
        await client.hear("session.updated")
        await client.say("input_text.append", text="The first half of it, ")
        await client.say("session.update", session={"speed": 1.0})
        await client.hear("session.updated")
        stopping(server).finish()
        await client.say("input_text.append", text="and the second.")
        await client.say("input_text.flush")
        await client.hear("speech.audio.done")
        assert (await client.hear("error"))[-1]["error"]["code"] == "server_restarting"
        await client.connection.wait_closed()
        assert (client.connection.close_code, client.connection.close_reason) == (1012, "server_restarting")


class _Told(Listening):
    """Leaves signals to pytest."""

    def __init__(self, engine: ScriptedEngine, seconds: float = 20.0, notice: float = 0.0) -> None:
        stopping = Stopping(seconds, notice)
        super().__init__(create_app(Settings(), engine, None, MemoryStore(60, 10), stopping=stopping), stopping)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    def signal(self) -> None:
        self.handle_exit(signal.SIGTERM, None)


@asynccontextmanager
async def listening(server: Listening) -> AsyncGenerator[str, None]:
    """Its address; the block ends when the server has ended, which somebody must tell it."""
    listener = socket.create_server(("127.0.0.1", 0))
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve, [listener])
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def come_again_and_again(url: str) -> None:
    while True:
        async with httpx.AsyncClient(base_url=url) as late:
            await late.get("/health")


async def test_an_answer_is_finished_and_nobody_else_comes_in() -> None:
    gate = anyio.Event()
    server = _Told(ScriptedEngine(gates={1: gate}))
    async with listening(server) as url, httpx.AsyncClient(base_url=url, timeout=20) as http:
        async with http.stream("POST", "/v1/chat/completions", json=STREAMED) as response:
            server.signal()
            with pytest.raises(httpx.ConnectError):
                await come_again_and_again(url)
            gate.set()
            text = [chunk["choices"][0]["delta"].get("content") async for chunk in chunks_of(response)]
        assert "".join(filter(None, text)) == "Hello there."


@pytest.mark.parametrize("again", [True, False], ids=["told twice", "time is up"])
async def test_it_ends_though_an_answer_does_not(again: bool) -> None:
    engine = ScriptedEngine(gates={0: anyio.Event()})
    server = _Told(engine, 1000.0 if again else 0.0)
    answers: list[httpx.Response] = []

    async def ask(url: str) -> None:
        async with httpx.AsyncClient(timeout=20) as http:
            answers.append(await http.post(f"{url}/v1/chat/completions", json=ASK))

    async with listening(server) as url, anyio.create_task_group() as group:
        group.start_soon(ask, url)
        await engine.started.wait()
        server.signal()
        if again:
            server.signal()
    assert [answer.status_code for answer in answers] == [503]


async def test_new_ones_are_answered_while_load_balancers_notice() -> None:
    server = _Told(ScriptedEngine(), 1000.0, 1000.0)
    async with listening(server) as url, httpx.AsyncClient(base_url=url) as http:
        server.signal()
        while (await http.get("/ready")).status_code == 200:
            pass
        async with httpx.AsyncClient(base_url=url) as late:
            answer = await late.post("/v1/chat/completions", json=ASK)
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        server.signal()


async def test_who_got_through_the_door_is_answered() -> None:
    """Many who come one after the other while the door is shut: each is served or refused, none is reset."""
    server, outcomes = _Told(ScriptedEngine()), list[str]()

    async def come(port: int) -> None:
        while "ConnectionRefusedError" not in outcomes:
            outcomes.append(await outcome(port))
            if len(outcomes) == 200:
                server.signal()

    async with listening(server) as url, anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(come, int(url.rpartition(":")[2]))
    assert set(outcomes) == {"200", "ConnectionRefusedError"}


async def outcome(port: int) -> str:
    """The status of an answer over a connection of its own, or what kept it from coming."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            writer.write(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            answer = await reader.read()
        return answer.split()[1].decode() if answer else "nothing"
    except OSError as error:
        return type(error).__name__


def test_the_notice_is_a_part_of_the_time() -> None:
    assert Settings(notice_seconds=20.0).shutdown_seconds == 20.0
    with pytest.raises(ValidationError, match="OLA_NOTICE_SECONDS"):
        Settings(notice_seconds=21.0)
