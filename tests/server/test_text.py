"""Answers in text: passed on from the engine as they are."""

from __future__ import annotations

import anyio
import pytest

from tests.scripted_engine import MODEL, ScriptedEngine
from tests.server.served import ASK, chunks_of, served

pytestmark = pytest.mark.anyio


async def test_a_whole_answer_through_the_sdk() -> None:
    async with served(ScriptedEngine(["Hello ", "there."])) as server:
        completion = await server.sdk.chat.completions.create(**ASK)
    assert completion.choices[0].message.content == "Hello there."
    assert completion.choices[0].message.audio is None
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None


async def test_a_streamed_answer_through_the_sdk() -> None:
    async with served(ScriptedEngine(["Hello ", "there."])) as server:
        stream = await server.sdk.chat.completions.create(**ASK, stream=True)
        deltas = [chunk.choices[0].delta.content async for chunk in stream]
    assert "".join(delta or "" for delta in deltas) == "Hello there."


async def test_streamed_events_are_the_engines_own_bytes() -> None:
    engine = ScriptedEngine(["Grüße ", {"delta": {"content": "你好"}, "logprobs": {"content": []}, "token_ids": [7]}])
    events = [event async for event in engine.stream_chat({"stream_options": {"include_usage": True}})]
    async with served(engine) as server:
        body = ASK | {"stream": True, "stream_options": {"include_usage": True}}
        response = await server.http.post("/v1/chat/completions", json=body)
    assert response.text == "".join(events)
    assert response.headers["content-type"].startswith("text/event-stream")


async def test_each_delta_arrives_before_the_next_exists() -> None:
    engine = ScriptedEngine(["one ", "two"], gates={1: anyio.Event()})
    async with (
        served(engine) as server,
        server.http.stream("POST", "/v1/chat/completions", json=ASK | {"stream": True}) as response,
    ):
        async for chunk in chunks_of(response):
            if chunk["choices"][0]["delta"].get("content") == "one ":
                assert engine.generated == 1
                engine.gates[1].set()
    assert engine.generated == 2


async def test_the_engine_gets_every_field_but_ours() -> None:
    engine = ScriptedEngine()
    extra = {"top_k": 3, "chat_template_kwargs": {"a": 1}, "something_new": [1.5, None]}
    async with served(engine) as server:
        response = await server.http.post(
            "/v1/chat/completions", json=ASK | extra | {"modalities": ["text"], "audio": None, "n": 2}
        )
    assert response.status_code == 200
    assert engine.requests == [ASK | extra | {"n": 2}]


async def test_fifty_clients_at_a_time() -> None:
    gate = anyio.Event()
    engine = ScriptedEngine(["one ", "two ", "three"], gates={1: gate})
    answers: list[str] = []
    async with served(engine) as server:

        async def ask() -> None:
            stream = await server.sdk.chat.completions.create(**ASK, stream=True)
            answer = ""
            async for chunk in stream:
                answer += chunk.choices[0].delta.content or ""
                if engine.generated == 50:  # everybody is in the middle of an answer
                    gate.set()
            answers.append(answer)

        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(ask)
        assert await engine.running() == 0
    assert answers == ["one two three"] * 50


async def test_the_models_are_listed() -> None:
    async with served(ScriptedEngine()) as server:
        models = [model.id async for model in server.sdk.models.list()]
        assert models == [MODEL]
        assert (await server.sdk.models.retrieve(MODEL)).id == MODEL
