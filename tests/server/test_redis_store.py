"""Audio ids in a real Redis: two servers that share it, answers cut off, Redis gone."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import anyio
import httpx
import pytest
from redis.asyncio import Redis

from server.redis_store import RedisStore, answer_store
from server.settings import Settings
from server.store import StoreError, new_audio_id
from tests.redis_server import redis_server
from tests.scripted_engine import ScriptedEngine
from tests.server.served import ASK, SPOKEN, Served, audio_of, chunks_of, quick_voice, served

pytestmark = pytest.mark.anyio

SENTENCES = ["The first sentence is here. ", "The second one follows."]
NOBODY = "redis://127.0.0.1:1"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_server() as server:
        yield server.url


@pytest.fixture
async def redis(url: str) -> AsyncGenerator[Any]:
    async with Redis.from_url(url) as client:
        yield client
        await client.flushall()


async def _recalled(server: Served, audio_id: str) -> Any:
    """What the model reads where a conversation names `audio_id`; the error if there is one."""
    body = ASK | {"messages": [{"role": "assistant", "audio": {"id": audio_id}}, {"role": "user", "content": "Go on."}]}
    response = await server.http.post("/v1/chat/completions", json=body)
    return response.json()["error"] if response.is_error else server.engine.requests[-1]["messages"][0]["content"]


async def _streamed_id(response: httpx.Response) -> str:
    (audio_id,) = {audio_of(chunk)["id"] async for chunk in chunks_of(response) if audio_of(chunk)}
    return str(audio_id)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_id_made_by_one_server_is_known_to_the_other(url: str, redis: Any, stream: bool) -> None:
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(
                served(
                    ScriptedEngine(SENTENCES),
                    quick_voice(),
                    await stack.enter_async_context(answer_store(Settings(redis_url=url))),
                )
            )
            for _ in range(2)
        ]
        response = await one.http.post("/v1/chat/completions", json=SPOKEN | {"stream": stream})
        if stream:
            audio_id = await _streamed_id(response)
        else:
            audio_id = response.json()["choices"][0]["message"]["audio"]["id"]
        assert await _recalled(two, audio_id) == "".join(SENTENCES)


async def test_the_id_of_an_answer_cut_off_by_its_client_holds_what_was_sent(redis: Any) -> None:
    engine = ScriptedEngine(SENTENCES, gates={1: anyio.Event()})
    async with served(engine, quick_voice(), RedisStore(redis, 60, 10)) as server:
        body = SPOKEN | {"stream": True}
        async with server.http.stream("POST", "/v1/chat/completions", json=body) as response:
            async for chunk in chunks_of(response):
                if audio_of(chunk).get("transcript"):
                    audio_id = audio_of(chunk)["id"]
                    break
        await server.idle_after()
        engine.gates.clear()
        assert await _recalled(server, audio_id) == SENTENCES[0]


async def test_the_id_of_an_answer_whose_engine_failed_holds_what_was_sent(redis: Any) -> None:
    async with served(ScriptedEngine(SENTENCES, break_at=1), quick_voice(), RedisStore(redis, 60, 10)) as server:
        response = await server.http.post("/v1/chat/completions", json=SPOKEN | {"stream": True})
        audio_id = await _streamed_id(response)
        assert await _recalled(server, audio_id) == SENTENCES[0]


async def test_a_transcript_expires(redis: Any) -> None:
    store = RedisStore(redis, 60, 10, now=lambda: 1000.9)
    audio_id = new_audio_id()
    assert await store.keep(audio_id, "Hello \ud800.") == 1060
    assert await store.transcript(audio_id) == "Hello \ud800."
    key = f"{{ola:answers}}:{audio_id}"
    assert 59_000 < await redis.pttl(key) <= 60_000
    await redis.pexpire(key, 0)
    assert await store.transcript(audio_id) is None


async def test_the_oldest_goes_when_there_are_too_many(redis: Any) -> None:
    ids = [new_audio_id() for _ in range(3)]
    for number, audio_id in enumerate(ids):
        store = RedisStore(redis, 60 + number, 2)  # the index counts in milliseconds, and these come within one
        await store.keep(audio_id, audio_id)
    assert [await store.transcript(audio_id) for audio_id in ids] == [None, *ids[1:]]
    assert await redis.dbsize() == 3  # two and the index


@pytest.mark.parametrize(
    "audio_id", ["", "audio_", "audio_1", "a" * 1000, "ola:voices", f"{new_audio_id()}\n"], ids=range(6)
)
async def test_what_is_no_id_is_not_looked_for(audio_id: str) -> None:
    async with Redis.from_url(NOBODY) as nobody:
        assert await RedisStore(nobody, 60, 2).transcript(audio_id) is None


async def test_a_redis_that_does_not_answer_is_known_at_the_start() -> None:
    for address in (NOBODY, "nonsense"):
        with pytest.raises(StoreError):
            async with answer_store(Settings(redis_url=address)):
                pass


async def test_without_redis_answers_are_whole_and_say_that_their_id_is_none() -> None:
    with redis_server() as server:
        stack = AsyncExitStack()
        client = await stack.enter_async_context(Redis.from_url(server.url))
        await client.ping()
    async with stack, served(ScriptedEngine(SENTENCES), quick_voice(), RedisStore(client, 60, 10)) as server:
        assert (await _recalled(server, new_audio_id()))["code"] == "answers_unavailable"
        response = await server.http.post("/v1/chat/completions", json=SPOKEN)
        assert (response.status_code, response.json()["error"]["code"]) == (503, "answers_unavailable")
        response = await server.http.post("/v1/chat/completions", json=SPOKEN | {"stream": True})
        chunks = [chunk async for chunk in chunks_of(response)]
    assert "".join(audio_of(chunk).get("transcript", "") for chunk in chunks) == "".join(SENTENCES)
    assert not any("expires_at" in audio_of(chunk) for chunk in chunks)
    *_, finish, error = chunks
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert error["error"]["code"] == "answers_unavailable"
