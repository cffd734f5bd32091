"""The whole of deploy/compose.cpu.yml as processes: a spoken chat and a voice turn through it, the figures of all of it
in Prometheus, and what it keeps in Redis taken up by another server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from openai import AsyncOpenAI

from server.realtime.durable.redis import session_store
from server.redis_store import answer_store
from server.settings import Settings
from tests.conformance.asked import MODEL, SPOKEN
from tests.conformance.talking import recorded, sound_of, talking
from tests.deploy.composed import Composed
from tests.scripted_engine import ScriptedEngine
from tests.server.realtime.wire import calling
from tests.server.served import ASK, quick_voice, served

pytestmark = [
    pytest.mark.engine,
    pytest.mark.anyio,
    pytest.mark.skipif(
        not all(map(shutil.which, ("redis-server", "redis-cli", "prometheus"))),
        reason="redis-server or prometheus is not installed",
    ),
]

ANSWER = "Three plus four is seven."


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    services = Composed(Path("deploy/compose.cpu.yml"), tmp_path_factory.mktemp("composed"))
    try:
        services.start()
        yield services
        assert services.stop() == dict.fromkeys(services.ports, 0)
    finally:
        services.kill()


@pytest.fixture
async def sdk(composed: Composed) -> Any:
    async with AsyncOpenAI(base_url=f"{composed.url('server')}/v1", api_key="none", max_retries=0) as client:
        yield client


async def test_a_spoken_chat_and_a_voice_turn_and_their_figures(composed: Composed, sdk: AsyncOpenAI) -> None:
    messages: Any = [{"role": "user", "content": "What is three plus four?"}]
    chat = await sdk.chat.completions.create(model=MODEL, messages=messages, **SPOKEN)
    audio = chat.choices[0].message.audio
    assert audio is not None
    assert audio.transcript.strip() == ANSWER
    assert len(audio.data) > 10_000
    async with talking(sdk) as talk:
        await talk.say(recorded("question.wav"))
        events = await talk.hear("response.done")
    (message,) = events[-1]["response"]["output"]
    assert message["content"][0]["transcript"].strip() == ANSWER
    assert len(sound_of(events)) > 10_000
    figures = {
        'ola_requests_total{route="/v1/chat/completions",status="200"}': 1,
        'ola_sessions_total{route="/v1/realtime"}': 1,
        "sum(vllm:generation_tokens_total)": 2,
        "sum(ola_worker_sound_seconds_total)": 2,
        'sum(up{job="ola"})': 1,
        'sum(up{job="ola-tts"})': 2,
    }
    async with httpx.AsyncClient(base_url=composed.url("prometheus")) as prometheus:
        for query, least in figures.items():
            with anyio.fail_after(60):
                while await value(prometheus, query) < least:  # noqa: ASYNC110, until it was scraped
                    await anyio.sleep(0.2)


async def value(prometheus: httpx.AsyncClient, query: str) -> float:
    """What Prometheus knows, 0 if nothing."""
    answer = (await prometheus.get("/api/v1/query", params={"query": query})).json()
    assert answer["status"] == "success", answer
    return float(answer["data"]["result"][0]["value"][1]) if answer["data"]["result"] else 0.0


async def test_another_server_takes_up_what_it_keeps(composed: Composed, sdk: AsyncOpenAI) -> None:
    messages: Any = [{"role": "user", "content": "What is three plus four?"}]
    chat = await sdk.chat.completions.create(model=MODEL, messages=messages, **SPOKEN)
    audio = chat.choices[0].message.audio
    assert audio is not None
    async with calling(composed.url("server")) as caller:
        await caller.ask("What is three plus four?", output_modalities=["text"])
        await caller.hear("response.done", seconds=60)
    engine, settings = ScriptedEngine(), Settings(redis_url=f"redis://127.0.0.1:{composed.ports['redis']}/0")
    async with (
        answer_store(settings) as answers,
        session_store(settings) as sessions,
        served(engine, quick_voice(), answers, sessions=sessions) as other,
        calling(str(other.http.base_url)) as again,
    ):
        said = {"role": "assistant", "audio": {"id": audio.id}}
        asked = ASK | {"messages": [*messages, said, *messages]}
        assert (await other.http.post("/v1/chat/completions", json=asked)).status_code == 200
        assert engine.requests[-1]["messages"][1]["content"].strip() == ANSWER
        await again.say("session.resume", session_id=caller.session_id, last_event_id=caller.last_event_id)
        await again.hear("session.resumed")
        await again.ask("And what is that plus one?", output_modalities=["text"])
        await again.hear("response.done")
        assert [message["role"] for message in engine.requests[-1]["messages"]] == [
            "system",
            "user",
            "assistant",
            "user",
        ]
        assert ANSWER in str(engine.requests[-1]["messages"][2]["content"])
