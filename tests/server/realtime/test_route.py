"""The WebSocket itself, over a real server and with stock clients: how a session is opened, what comes over the wire,
and how it is closed."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import perf_counter
from typing import Any, ClassVar

import anyio
import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from server.access.access import Access
from server.realtime import connection, outbox, route
from server.realtime.events import MAX_APPEND
from tests.scripted_engine import MODEL, ScriptedEngine
from tests.server.keys import SECRET, SomeKeys
from tests.server.realtime.driver import wave
from tests.server.realtime.strict import valid
from tests.server.realtime.wire import Caller, calling
from tests.server.served import Served, quick_voice, served

pytestmark = pytest.mark.anyio

BY_HAND: dict[str, Any] = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}


def address(server: Served, query: str = "") -> str:
    return str(server.http.base_url).rstrip("/").replace("http", "ws", 1) + "/v1/realtime" + query


@asynccontextmanager
async def opened(server: Served, query: str = "", **options: Any) -> AsyncIterator[tuple[Caller, dict[str, Any]]]:
    """A connection, and the session that it was told of."""
    async with connect(address(server, query), max_size=None, close_timeout=0.1, **options) as socket:
        caller = Caller(socket)
        (created,) = await caller.hear("session.created")
        yield caller, created["session"]


async def refused(server: Served, query: str = "", **options: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as refusal:
        async with opened(server, query, **options):
            pass
    response = refusal.value.response
    assert response.body is not None
    error: dict[str, Any] = json.loads(response.body)["error"]
    return response.status_code, error


@pytest.mark.parametrize("name", [MODEL, "gpt-realtime", "gpt-realtime-mini-2025-10-06", "gpt-4o-realtime-preview"])
async def test_openais_names_are_the_served_model(name: str) -> None:
    engine = ScriptedEngine()
    async with served(engine) as server, opened(server, f"?model={name}") as (caller, session):
        assert session["model"] == name
        await caller.ask()
        await caller.hear("response.done")
        assert engine.requests[0]["model"] == MODEL


@pytest.mark.parametrize(
    ("query", "status", "code", "param"),
    [
        ("?model=nobody", 404, "model_not_found", "model"),
        ("?call_id=rtc_1", 400, "unsupported_parameter", "call_id"),
        ("?intent=dictation", 400, "invalid_value", "intent"),
        ("?intent=transcription&model=nobody", 404, "model_not_found", "model"),
    ],
)
async def test_what_cannot_be_opened_is_refused_by_name(query: str, status: int, code: str, param: str) -> None:
    async with served(ScriptedEngine()) as server:
        told, error = await refused(server, query)
        assert (told, error["code"], error["param"]) == (status, code, param)


async def test_a_transcription_is_asked_for_in_the_address() -> None:
    async with served(ScriptedEngine()) as server:
        async with opened(server, "?intent=transcription") as (_, session):
            assert (session["type"], session["object"]) == ("transcription", "realtime.transcription_session")
        async with opened(server, "?intent=transcription&model=gpt-4o-transcribe") as (_, session):
            assert session["audio"]["input"]["transcription"]["model"] == "gpt-4o-transcribe"


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        ([], None),
        (["realtime"], "realtime"),
        (["realtime", f"openai-insecure-api-key.{SECRET}", "openai-beta.realtime-v1"], "realtime"),
        ([f"openai-insecure-api-key.{SECRET}", "realtime"], "realtime"),
    ],
)
async def test_of_all_subprotocols_only_one_is_answered(offered: list[str], answered: str | None) -> None:
    keyed = any(SECRET in protocol for protocol in offered)
    async with served(ScriptedEngine(), access=Access(SomeKeys()) if keyed else None) as server:
        protocols = [Subprotocol(protocol) for protocol in offered] or None
        async with opened(server, subprotocols=protocols) as (caller, _):
            assert caller.connection.subprotocol == answered


async def test_a_session_is_the_one_that_its_secret_was_made_for() -> None:
    engine, access = ScriptedEngine(), Access(SomeKeys())
    async with served(engine, quick_voice(), access=access, key=SECRET) as server:
        minted = await server.sdk.realtime.client_secrets.create(
            session={
                "type": "realtime",
                "model": "gpt-realtime",
                "instructions": "Be brief.",
                "output_modalities": ["text"],
                "audio": {"input": {"turn_detection": None}, "output": {"voice": "alloy"}},
            }
        )
        protocols = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{minted.value}")]
        async with opened(server, subprotocols=protocols) as (caller, session):
            assert (session["model"], session["instructions"]) == ("gpt-realtime", "Be brief.")
            assert session["audio"]["input"]["turn_detection"] is None
            assert session["audio"]["output"]["voice"] == "alloy"
            await caller.ask()
            done = (await caller.hear("response.done"))[-1]
            assert done["response"]["output_modalities"] == ["text"]
            assert engine.requests[0]["messages"][0]["content"] == "Be brief."


async def test_the_sdk_talks_unmodified() -> None:
    async with served(ScriptedEngine(["Hello ", "there."]), quick_voice()) as server:
        sdk: AsyncOpenAI = server.sdk
        async with sdk.realtime.connect(model="gpt-realtime") as session:
            await session.session.update(session={"type": "realtime", "tracing": "auto"})
            content: Any = [{"type": "input_text", "text": "Hi"}]
            await session.conversation.item.create(item={"type": "message", "role": "user", "content": content})
            await session.response.create()
            kinds, sound = [], 0
            async for event in session:
                kinds.append(event.type)
                sound += len(event.delta) if event.type == "response.output_audio.delta" else 0
                if event.type == "response.done":
                    assert event.response.status == "completed"
                    break
            assert kinds[:3] == ["session.created", "conversation.created", "session.updated"]
            assert "error" not in kinds
            assert sound > 0


async def test_a_server_without_a_voice_writes() -> None:
    async with served(ScriptedEngine()) as server, opened(server) as (caller, session):
        assert session["output_modalities"] == ["text"]
        assert session["audio"]["output"]["voice"] is None
        await caller.ask("Hi", output_modalities=["audio"])
        (*_, error) = await caller.hear("error")
        assert error["error"]["code"] == "no_voice"


@pytest.mark.parametrize("message", [b"sound", "no json", "[]", '{"type": "nothing"}', "{}"])
async def test_what_is_no_event_ends_nothing(message: str | bytes) -> None:
    async with served(ScriptedEngine()) as server, opened(server) as (caller, _):
        await caller.connection.send(message)
        await caller.hear("error")
        await caller.say("input_audio_buffer.clear")
        await caller.hear("input_audio_buffer.cleared")


async def test_sound_comes_in_large_pieces_but_not_in_larger_ones() -> None:
    async with served(ScriptedEngine()) as server, opened(server) as (caller, _):
        await caller.say("session.update", session=BY_HAND)
        await caller.say("input_audio_buffer.append", audio=b64encode(bytes(MAX_APPEND)).decode())
        await caller.say("input_audio_buffer.append", audio=b64encode(bytes(MAX_APPEND + 3)).decode(), event_id="mine")
        (*_, error) = await caller.hear("error")
        assert (error["error"]["code"], error["error"]["event_id"]) == ("audio_too_large", "mine")
        await caller.say("input_audio_buffer.commit")
        added = (await caller.hear("conversation.item.added"))[-1]
        assert added["item"]["content"] == [{"type": "input_audio", "transcript": None}]
        await caller.say("conversation.item.retrieve", item_id=added["item"]["id"])
        item = (await caller.hear("conversation.item.retrieved"))[-1]["item"]
        assert len(item["content"][0]["audio"]) == pytest.approx(4 / 3 * MAX_APPEND, rel=1e-4)


async def test_a_message_that_no_event_can_be_ends_the_connection() -> None:
    async with served(ScriptedEngine()) as server, opened(server) as (caller, _):
        with suppress(ConnectionClosed):  # before all of it is sent
            await caller.connection.send("x" * (22 * 2**20))
        await caller.connection.wait_closed()
        assert caller.connection.close_code == 1009
        async with calling(str(server.http.base_url)) as other:
            await other.ask()
            await other.hear("response.done")


class _Measured(outbox.Outbox):
    """Knows how much has waited in it."""

    most = 0
    over: ClassVar[anyio.Event]

    def put(self, data: bytes) -> None:
        super().put(data)
        _Measured.most, _Measured.over = max(_Measured.most, self._held), self.overrun


async def test_who_asks_and_does_not_read_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route, "Outbox", _Measured)
    async with served(ScriptedEngine()) as server, opened(server) as (caller, _):
        await caller.say("session.update", session=BY_HAND)
        await caller.say("input_audio_buffer.append", audio=b64encode(wave(20)).decode())
        await caller.say("input_audio_buffer.commit")
        item_id = (await caller.hear("conversation.item.added"))[-1]["item"]["id"]
        caller.stop_reading()
        for _ in range(60):
            await caller.say("conversation.item.retrieve", item_id=item_id)
        with anyio.fail_after(10):
            await _Measured.over.wait()
            caller.read_on()
            await caller.connection.wait_closed()
        assert caller.connection.close_reason in ("client_too_slow", "")  # what was sent may not have been taken
        assert 2**20 < _Measured.most <= 4 * 2**20
        async with calling(str(server.http.base_url)) as other:
            await other.ask()
            await other.hear("response.done")


@pytest.mark.parametrize(
    ("bound", "reason"), [("IDLE_SECONDS", "session_idle_timeout"), ("LONGEST_SECONDS", "session_expired")]
)
async def test_a_session_ends_in_time(monkeypatch: pytest.MonkeyPatch, bound: str, reason: str) -> None:
    monkeypatch.setattr(connection, bound, 0.5)
    engine = ScriptedEngine(gates={0: anyio.Event()})
    async with served(engine) as server, opened(server) as (caller, _):
        with suppress(ConnectionClosed):  # on a machine that is busy
            await caller.ask()
        error = (await caller.hear("error"))[-1]
        assert error["error"]["code"] == reason
        await caller.connection.wait_closed()
        assert (caller.connection.close_code, caller.connection.close_reason) == (1001, reason)
        await server.idle_after()
        assert await engine.running() == 0


async def test_who_says_something_is_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 1.0)
    async with served(ScriptedEngine()) as server, opened(server) as (caller, _):
        began = perf_counter()
        while perf_counter() < began + 1.2:
            await caller.say("input_audio_buffer.clear")
            await caller.hear("input_audio_buffer.cleared")


async def test_two_sessions_do_not_hear_each_other() -> None:
    async with served(ScriptedEngine()) as server:
        url = str(server.http.base_url)
        async with calling(url) as one, calling(url) as other:
            assert one.session_id != other.session_id
            await one.ask()
            events = await one.hear("response.done")
            assert all(valid(event) for event in events)
            await other.say("input_audio_buffer.clear")
            assert [event["type"] for event in await other.hear("input_audio_buffer.cleared")] == [
                "conversation.created",
                "input_audio_buffer.cleared",
            ]
