"""A turn prefilled while it is spoken: one request at a time, the newest, gone when it is of no use."""

from __future__ import annotations

from typing import Any

import anyio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api import SAMPLE_RATE, EngineError
from server.realtime.early import EarlyStart, prefill_of
from server.realtime.turn_sound import TAIL_SECONDS, digest_of, float_samples, spoken_part
from tests.hand_clock import settled
from tests.scripted_engine import ScriptedEngine
from tests.server.served import ASK

pytestmark = pytest.mark.anyio

TAIL = round(TAIL_SECONDS * SAMPLE_RATE)


def about(topic: str) -> dict[str, Any]:
    return ASK | {"messages": [{"role": "user", "content": topic}]}


async def test_the_newest_wins() -> None:
    engine = ScriptedEngine(gates={0: anyio.Event()})
    async with anyio.create_task_group() as group:
        early = EarlyStart(engine, group)
        for topic in ("one", "two", "three"):
            early.prefill(about(topic))
            await settled()
            assert await engine.running() == 1
        asked = [request["messages"][0]["content"] for request in engine.requests]
        assert asked == ["one", "two", "three"]
        group.cancel_scope.cancel()
    assert not await engine.running()


async def test_what_is_overtaken_at_once_is_not_asked() -> None:
    engine = ScriptedEngine()
    async with anyio.create_task_group() as group:
        early = EarlyStart(engine, group)
        early.prefill(about("one"))
        early.prefill(about("two"))
    assert [request["messages"][0]["content"] for request in engine.requests] == ["two"]


@pytest.mark.parametrize("begun", [True, False])
async def test_stopping_aborts_it_and_another_may_follow(begun: bool) -> None:
    engine = ScriptedEngine(gates={0: anyio.Event()})
    async with anyio.create_task_group() as group:
        early = EarlyStart(engine, group)
        early.stop()
        early.prefill(about("one"))
        if begun:
            await settled()
        early.stop()
        await settled()
        assert not await engine.running()
        assert len(engine.requests) == begun
        engine.gates.clear()
        early.prefill(about("two"))
    assert engine.requests[-1] == prefill_of(about("two"))


async def test_a_refusal_harms_nobody() -> None:
    engine = ScriptedEngine(refuse=EngineError("Too long."))
    async with anyio.create_task_group() as group:
        EarlyStart(engine, group).prefill(about("one"))
    assert len(engine.requests) == 1


def test_the_prompt_is_that_of_the_real_request() -> None:
    function = {"type": "function", "function": {"name": "weather"}}
    prompt = about("Hi") | {"tools": [function], "chat_template_kwargs": {"a": 1}}
    answer = {"max_tokens": 500, "logprobs": True, "stream_options": {"include_usage": True}, "tool_choice": "required"}
    assert prefill_of(prompt | answer) == prompt | {"max_tokens": 1, "tool_choice": "auto"}
    assert prefill_of(prompt | {"tool_choice": "none"}) == prompt | {"max_tokens": 1, "tool_choice": "none"}
    assert prefill_of(prompt) == prompt | {"max_tokens": 1}


@given(st.integers(0, 5 * SAMPLE_RATE), st.integers(0, 2 * SAMPLE_RATE), st.integers(0, 2 * SAMPLE_RATE))
def test_a_turn_is_the_same_however_long_its_silence(speech_end: int, pause: int, more: int) -> None:
    sound = np.random.default_rng(1).integers(-9, 9, speech_end + TAIL + pause + more, np.int16)
    at_pause = spoken_part(sound[: speech_end + TAIL + pause], speech_end)
    committed = spoken_part(sound, speech_end)
    assert len(committed) == speech_end + TAIL
    assert digest_of(at_pause) == digest_of(committed)


def test_samples_become_what_the_encoders_take() -> None:
    samples = np.array([-32768, 0, 16384], np.int16)
    assert float_samples(samples).dtype == np.float32
    assert float_samples(samples).tolist() == [-1.0, 0.0, 0.5]
    assert digest_of(samples) != digest_of(np.array([-32768, 0, 16385], np.int16))
