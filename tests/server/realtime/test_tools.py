"""Functions that the model calls: what the client is told, what it returns, and what is said meanwhile."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from tests.scripted_engine import Delta, ScriptedEngine
from tests.server.realtime.driver import Driver, driven
from tests.server.realtime.test_answers import asks_again_at_once
from tests.server.realtime.test_barge_in import steady
from tests.server.realtime.test_conversing import WORDS, voice

pytestmark = pytest.mark.anyio

FILLER = "One moment, please."
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
END: dict[str, Any] = {"delta": {}, "finish_reason": "tool_calls", "stop_reason": None}


def call(index: int = 0, city: str = "Rome") -> list[Delta]:
    arguments = json.dumps({"city": city})
    pieces = [{"id": f"call_{index}", "type": "function", "function": {"name": "weather"}}]
    pieces += [{"function": {"arguments": arguments[:5]}}, {"function": {"arguments": arguments[5:]}}]
    return [{"delta": {"tool_calls": [{"index": index, **piece}]}} for piece in pieces]


def calling(*cities: str, said: list[Delta] | None = None) -> ScriptedEngine:
    calls = [delta for index, city in enumerate(cities or ["Rome"]) for delta in call(index, city)]
    return ScriptedEngine([*(said or []), *calls], finish=END)


async def returned(client: Driver, call_id: str = "call_0") -> None:
    output = {"type": "function_call_output", "call_id": call_id, "output": '{"degrees": 30}'}
    await client.say("conversation.item.create", item=output)


async def test_a_call_is_told_as_it_is_written() -> None:
    async with driven(calling(), voice(), {"tools": [WEATHER]}) as client:
        events = await client.ask("Is it warm in Rome?")
        assert client.kinds(events)[4:] == [
            "response.output_item.added",
            "conversation.item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "conversation.item.done",
            "response.done",
        ]
        (item,) = events[-1]["response"]["output"]
        assert item["type"] == "function_call"
        assert item["status"] == "completed"
        assert (item["call_id"], item["name"], item["arguments"]) == ("call_0", "weather", '{"city": "Rome"}')
        assert client.of("response.output_audio.delta") == []


async def test_what_a_function_returned_is_answered() -> None:
    engine = calling()
    async with driven(engine, voice(), {"tools": [WEATHER]}) as client:
        await client.ask("Is it warm in Rome?")
        await returned(client)
        engine.deltas, engine.finish = ["It is."], END | {"finish_reason": "stop"}
        await client.say("response.create")
        await client.wait(5)
        messages = engine.requests[-1]["messages"]
        assert [message["role"] for message in messages] == ["system", "user", "assistant", "tool"]
        assert messages[2]["tool_calls"][0]["function"]["arguments"] == '{"city": "Rome"}'
        assert messages[3] == {"role": "tool", "tool_call_id": "call_0", "content": '{"degrees": 30}'}
        assert engine.requests[-1]["tools"][0]["function"]["name"] == "weather"
        assert client.history[-1]["content"] == "It is."


async def test_several_calls_are_several_items() -> None:
    async with driven(calling("Rome", "Oslo"), session={"tools": [WEATHER]}) as client:
        await client.ask("Where is it warmer?")
        done = client.of("response.function_call_arguments.done")
        assert [json.loads(event["arguments"])["city"] for event in done] == ["Rome", "Oslo"]
        assert [event["output_index"] for event in done] == [0, 1]


async def test_what_was_never_called_returns_nothing() -> None:
    async with driven() as client:
        await returned(client)
        assert client.errors == ["invalid_call_id"]


async def test_words_before_a_call_are_said_and_the_call_is_not() -> None:
    speaker = voice()
    async with driven(calling(said=["Let me look."]), speaker, {"tools": [WEATHER]}) as client:
        await client.ask("Is it warm in Rome?")
        await client.wait(5)
        assert speaker.said == ["Let me look."]
        (done,) = client.of("response.done")
        assert [item["type"] for item in done["response"]["output"]] == ["message", "function_call"]


async def test_a_call_may_be_cancelled_in_the_middle() -> None:
    engine = ScriptedEngine(call(), finish=END, gates={2: anyio.Event()})
    async with driven(engine, voice(), {"tools": [WEATHER], "ola": {"tool_filler": FILLER}}) as client:
        await client.ask("Is it warm in Rome?")
        await client.say("response.cancel")
        (item,) = client.of("response.done")[0]["response"]["output"]
        assert item["status"] == "incomplete"
        assert len(client.of("response.created")) == 1  # nothing runs meanwhile
        engine.gates = {}
        await client.say("response.create")
        assert [message["role"] for message in engine.requests[-1]["messages"]] == ["system", "user"]


def filled(**ola: Any) -> dict[str, Any]:
    return {"tools": [WEATHER], "ola": {"tool_filler": FILLER} | ola}


async def test_something_is_said_while_a_tool_runs_and_is_in_no_history() -> None:
    engine, speaker = calling(), voice()
    async with driven(engine, speaker, filled()) as client:
        await client.ask("Is it warm in Rome?")
        await client.wait(10)
        assert speaker.said == [FILLER]
        first, filler = [event["response"] for event in client.of("response.done")]
        assert first["conversation_id"]
        assert filler["conversation_id"] is None
        assert filler["output"][0]["content"][0]["transcript"] == FILLER
        assert len(client.known.order) == 2
        assert len(engine.requests) == 1
        assert len(client.of("output_audio_buffer.stopped")) == 1


async def test_an_answer_is_heard_after_what_is_said_meanwhile() -> None:
    engine = calling()
    async with driven(engine, steady(), filled()) as client:
        await client.ask("Is it warm in Rome?")
        await client.wait(0.5)
        await returned(client)
        engine.deltas, engine.finish = list(WORDS), END | {"finish_reason": "stop"}
        await client.say("response.create")
        await client.speak(1.3, 0)
        filler = client.of("response.done")[1]["response"]["output"][0]["id"]
        answer = client.known.order[-1]
        assert client.listener.ends(filler) == pytest.approx(19 / 15, abs=0.01)
        await client.speak(0.4)
        heard = client.listener.samples(answer, client.clock.now()) / 24
        (cut,) = client.of("conversation.item.truncated")
        assert cut["audio_end_ms"] == pytest.approx(heard, abs=1)
        assert client.history[-1]["content"] == "One two"


async def test_who_speaks_up_silences_that_too() -> None:
    speaker = voice()
    async with driven(calling(), speaker, filled()) as client:
        await client.ask("Is it warm in Rome?")
        await client.speak(0.8, 0)
        await client.speak(0.4)
        assert speaker.active == 0
        assert client.of("response.done")[1]["response"]["status"] == "cancelled"
        assert len(client.of("output_audio_buffer.cleared")) == 1
        assert client.of("conversation.item.truncated") == []


async def test_who_listens_to_that_is_not_idle() -> None:
    long = "I am looking that up for you, which may take a little while, so please do bear with me."
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    session = filled(tool_filler=long) | {"audio": {"input": {"turn_detection": detection}}}
    async with driven(calling(), voice(), session) as client:
        await client.ask("Is it warm in Rome?")
        while not client.of("output_audio_buffer.stopped"):
            await client.speak(0.1, 0)
        assert client.clock.now() > 8
        await client.speak(4.5, 0)
        assert client.of("input_audio_buffer.timeout_triggered") == []
        await client.speak(1.0, 0)
        assert len(client.of("input_audio_buffer.timeout_triggered")) == 1


async def test_nothing_is_said_meanwhile_if_there_is_no_meanwhile() -> None:
    """A client may ask for the next answer before the end of the last one has been dealt with."""
    engine, speaker = calling(), steady()
    async with driven(engine, speaker, filled()) as client:
        asks_again_at_once(client, engine)
        await client.ask("Is it warm in Rome?")
        await client.wait(10)
        assert FILLER not in speaker.said
        assert [event["response"]["status"] for event in client.of("response.done")] == ["completed"] * 2


@pytest.mark.parametrize("said", [["Let me look."], []])
async def test_nothing_is_said_twice_or_to_readers(said: list[Delta]) -> None:
    speaker = voice()
    session = filled() if said else filled() | {"output_modalities": ["text"]}
    async with driven(calling(said=said), speaker, session) as client:
        await client.ask("Is it warm in Rome?")
        await client.wait(10)
        assert FILLER not in speaker.said
        assert len(client.of("response.created")) == 1
