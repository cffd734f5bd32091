"""When a session can be moved without disturbing anybody."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest

from server.realtime import conversation
from tests.hand_clock import settled
from tests.scripted_engine import ScriptedEngine
from tests.server.realtime.driver import Driver, driven, wave
from tests.server.realtime.test_barge_in import steady
from tests.server.realtime.test_conversing import WORDS

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def moved(client: Driver) -> AsyncGenerator[anyio.Event, None]:
    """Set as soon as the session is quiet."""
    quiet = anyio.Event()

    async def watch() -> None:
        await client.session.quiet()
        quiet.set()

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        await settled()
        yield quiet
        group.cancel_scope.cancel()


async def test_nothing_is_said() -> None:
    async with driven() as client:
        await client.ask("Hi")
        async with moved(client) as quiet:
            assert quiet.is_set()


async def test_an_answer_is_heard_to_its_end() -> None:
    async with driven(ScriptedEngine(WORDS), steady()) as client:
        await client.ask("Count!")
        async with moved(client) as quiet:
            while not client.of("output_audio_buffer.stopped"):
                assert not quiet.is_set()
                await client.wait(0.1)
            assert quiet.is_set()
    assert client.of("response.done")[0]["response"]["status"] == "completed"


async def test_the_user_finishes_and_is_answered() -> None:
    async with driven(ScriptedEngine(WORDS), steady()) as client:
        await client.speak(0.5)
        async with moved(client) as quiet:
            await client.speak(0.5)
            assert not quiet.is_set()
            await client.speak(1.0, 0)
            assert client.of("response.created")
            assert not quiet.is_set()
            while not client.of("output_audio_buffer.stopped"):
                await client.speak(0.1, 0)
            assert quiet.is_set()


async def test_sound_that_the_client_has_not_committed_yet() -> None:
    async with driven(session={"audio": {"input": {"turn_detection": None}}}) as client:
        await client.append(wave(1.0))
        async with moved(client) as quiet:
            assert not quiet.is_set()
            await client.say("input_audio_buffer.commit")
            assert quiet.is_set()


async def test_sound_that_the_client_takes_back() -> None:
    async with driven(session={"audio": {"input": {"turn_detection": None}}}) as client:
        await client.append(wave(1.0))
        async with moved(client) as quiet:
            await client.say("input_audio_buffer.clear")
            assert quiet.is_set()


@pytest.mark.parametrize("detected", [True, False])
async def test_a_turn_for_which_there_is_no_room_is_over_too(detected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "MAX_ITEMS", 0)
    session = None if detected else {"audio": {"input": {"turn_detection": None}}}
    async with driven(session=session) as client:
        await client.speak(0.5)
        async with moved(client) as quiet:
            assert not quiet.is_set()
            if detected:
                await client.speak(1.0, 0)
            else:
                await client.say("input_audio_buffer.commit")
            assert client.errors == ["too_many_items"]
            assert quiet.is_set()
