"""The server of the Realtime bench: its model and its voice keep their times, and it takes the bench's sessions."""

from __future__ import annotations

import json
from time import perf_counter
from typing import Any

import pytest

from loadtests.realtime import SESSION
from loadtests.scripted import ANSWER, FIRST_TOKEN, READY, KnownVoice, TimedEngine
from loadtests.servers import started
from loadtests.speech import TOKENS_PER_SECOND, tokens
from loadtests.talker import Talker
from loadtests.talking import Session
from loadtests.wire import framed

pytestmark = pytest.mark.anyio

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_model_keeps_its_times_and_nothing_of_what_it_was_asked() -> None:
    engine, begun = TimedEngine(), perf_counter()
    events = [(event, perf_counter() - begun) async for event in engine.stream_chat(ASK)]
    chunks = [(json.loads(event[6:])["choices"][0], at) for event, at in events if event.startswith("data: {")]
    words = [(said, at) for choice, at in chunks if (said := choice["delta"].get("content"))]
    assert "".join(said for said, _ in words) == ANSWER
    for number, (_, at) in enumerate(words):
        assert at >= FIRST_TOKEN + number / TOKENS_PER_SECOND - 0.002  # the clocks' grains
    assert len(words) == len(tokens(ANSWER))
    for _ in range(3):
        await engine.chat(ASK)
    assert len(engine.requests) <= 1


def test_the_voice_makes_a_sound_once() -> None:
    voice = KnownVoice()
    assert voice.pcm("Hello.") is voice.pcm("Hello.")
    assert voice.pcm("Hello.") != voice.pcm("Hallo.")


@pytest.mark.parametrize("processes", [1, 2])
async def test_the_server_takes_the_sessions_of_the_bench(processes: int) -> None:
    session = Session(Talker([], 0.0, interrupts=False))
    with started("loadtests.scripted", "--api-server-count", str(processes), ready=READY) as server:
        assert (len(server.with_children()) > processes) == (processes > 1)
        url = f"{server.url.replace('http', 'ws')}/v1/realtime?model=gpt-realtime"
        await session.open(url, framed({"type": "session.update", "session": SESSION}))
        session.close()
    assert session.talker.errors == []
