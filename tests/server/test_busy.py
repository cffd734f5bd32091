"""A voice that has too much to do refuses at once, before anything is begun."""

from __future__ import annotations

import anyio
import openai
import pytest

from tests.scripted_engine import ScriptedEngine
from tests.server.served import ASK, SPOKEN, Served, audio_of, chunks_of, quick_voice, served
from tts.speaker import Limits

pytestmark = pytest.mark.anyio

LIMITS = Limits(first_sound=1.0)


def make_slow(server: Served) -> None:
    """Let the voice be known to take four seconds for a unit."""
    speaker = server.app.state.parts.speaker
    speaker.resolve("default").pace.learn(first_sound=0.5, unit_seconds=4.0, audio_seconds=4.0, letters=40)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_a_spoken_answer_that_would_wait_is_refused(stream: bool) -> None:
    gate = anyio.Event()
    engine = ScriptedEngine(["The first sentence is here. ", "And the second."], gates={0: gate})
    statuses: list[int] = []

    async with served(engine, quick_voice(), limits=LIMITS) as server:
        make_slow(server)

        async def listen() -> None:
            response = await server.http.post("/v1/chat/completions", json=SPOKEN | {"stream": True})
            statuses.append(response.status_code)

        async with anyio.create_task_group() as group:
            group.start_soon(listen)
            await engine.started.wait()
            response = await server.http.post("/v1/chat/completions", json=SPOKEN | {"stream": stream})
            assert response.status_code == 429
            assert int(response.headers["retry-after"]) >= 3
            error = response.json()["error"]
            assert (error["type"], error["code"], error["param"]) == ("rate_limit_error", "voice_busy", "modalities")
            with pytest.raises(openai.RateLimitError, match="Try again"):
                await server.sdk.chat.completions.create(**SPOKEN)
            assert len(engine.requests) == 1
            gate.set()
        assert statuses == [200]
        assert (await server.http.post("/v1/chat/completions", json=SPOKEN)).status_code == 200


async def test_answers_in_text_are_not_refused() -> None:
    gate = anyio.Event()
    engine, voice = ScriptedEngine(["The first sentence is here. "]), quick_voice(gate=gate)
    async with served(engine, voice, limits=LIMITS) as server:
        make_slow(server)
        async with server.http.stream("POST", "/v1/chat/completions", json=SPOKEN | {"stream": True}) as response:
            await anext(chunks_of(response))
            assert (await server.http.post("/v1/chat/completions", json=SPOKEN)).status_code == 429
            assert (await server.http.post("/v1/chat/completions", json=ASK)).status_code == 200
            gate.set()


async def test_an_answer_that_failed_or_left_makes_room() -> None:
    engine = ScriptedEngine(["The first sentence is here. "], break_at=0)
    async with served(engine, quick_voice(), limits=LIMITS) as server:
        make_slow(server)
        for _ in range(3):
            response = await server.http.post("/v1/chat/completions", json=SPOKEN | {"stream": True})
            assert response.status_code == 200
        bad = SPOKEN | {"messages": [{"role": "assistant", "audio": {"id": "audio_unknown"}}]}
        for _ in range(3):
            assert (await server.http.post("/v1/chat/completions", json=bad)).status_code == 400


async def test_a_later_listener_hears_all_once_the_first_one_does() -> None:
    engine = ScriptedEngine(["The first sentence is here. ", "And the second."])
    async with served(engine, quick_voice(), limits=LIMITS) as server:
        make_slow(server)
        for _ in range(2):
            async with server.http.stream("POST", "/v1/chat/completions", json=SPOKEN | {"stream": True}) as response:
                assert any([audio_of(chunk).get("data") async for chunk in chunks_of(response)])
