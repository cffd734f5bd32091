"""Responses of a session: one to the conversation at a time, others beside it, each as it was asked for."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import anyio
import numpy as np
import pytest

from engine.api import EngineError
from server.access.limits.allowance import Allowance
from server.access.limits.memory import MemoryLedger
from server.access.limits.quota import Quota
from server.realtime.answers import MAX_AT_ONCE
from server.realtime.events import ResponseCreate
from server.realtime.hearing.g711 import decoded
from server.realtime.playback import LEAD
from tests.scripted_engine import ScriptedEngine
from tests.server.realtime.driver import Driver, driven, question
from tests.server.realtime.test_conversing import WORDS, voice
from tts.voice import WIRE_RATE

pytestmark = pytest.mark.anyio

BESIDE: dict[str, Any] = {"conversation": "none", "output_modalities": ["text"]}


def statuses(client: Driver) -> list[str]:
    return [event["response"]["status"] for event in client.of("response.done")]


def sent_seconds(client: Driver) -> float:
    return sum(len(b64decode(event["delta"])) for event in client.of("response.output_audio.delta")) / (2 * WIRE_RATE)


def asks_again_at_once(client: Driver, engine: ScriptedEngine) -> None:
    """Have the client ask for another answer, which is long, before the end of the first one has been dealt with."""
    emit, asked = client.shared.emit, list[str]()

    def emitted(kind: str, /, **fields: Any) -> None:
        emit(kind, **fields)
        if kind == "response.done" and not asked:
            asked.append(kind)
            engine.deltas, engine.finish = list(WORDS), engine.finish | {"finish_reason": "stop"}
            client.shared.group.start_soon(client.session.handle, ResponseCreate(response={}))

    client.shared.emit = emitted


async def test_one_answer_at_a_time_writes_to_the_conversation() -> None:
    gate = anyio.Event()
    async with driven(ScriptedEngine(gates={1: gate})) as client:
        await client.ask("Hi")
        (refused,) = await client.say("response.create", event_id="mine")
        assert refused["error"]["code"] == "conversation_already_has_active_response"
        assert refused["error"]["event_id"] == "mine"
        gate.set()
        await client.wait(1)
        await client.say("response.create")
        assert statuses(client) == ["completed"] * 2


async def test_others_are_given_beside_it() -> None:
    gates = {1: anyio.Event()}
    engine = ScriptedEngine(gates=gates)
    async with driven(engine) as client:
        await client.ask("Hi")
        order = list(client.known.order)
        metadata = {"topic": "weather"}
        asked = BESIDE | {"metadata": metadata, "input": [question("Rain?")], "instructions": "Classify."}
        await client.say("response.create", response=asked)
        await client.say("response.create", response=BESIDE)
        assert await engine.running() == 3
        gates[1].set()
        await client.wait(1)
        assert statuses(client) == ["completed"] * 3
        beside = [event["response"] for event in client.of("response.done") if not event["response"]["conversation_id"]]
        assert [response["metadata"] for response in beside] == [metadata, None]
        assert client.known.order == order
        assert [message["content"] for message in engine.requests[1]["messages"]] == [
            "Classify.",
            [{"type": "text", "text": "Rain?"}],
        ]
        assert engine.requests[2]["messages"] == engine.requests[0]["messages"]


async def test_there_is_a_bound_to_those_beside_it() -> None:
    gate = anyio.Event()
    async with driven(ScriptedEngine(gates={0: gate})) as client:
        for _ in range(MAX_AT_ONCE + 1):
            await client.say("response.create", response=BESIDE)
        assert client.errors == ["too_many_responses"]
        gate.set()
        await client.wait(1)
        assert statuses(client) == ["completed"] * MAX_AT_ONCE


async def test_what_is_answered_may_be_chosen() -> None:
    engine = ScriptedEngine()
    async with driven(engine) as client:
        await client.say("conversation.item.create", item=question("Old") | {"id": "old"})
        await client.say("conversation.item.create", item=question("New") | {"id": "new"})
        reference = {"type": "item_reference", "id": "old"}
        await client.say("response.create", response={"input": [reference, question("And?")]})
        (_, message) = engine.requests[0]["messages"]
        assert [part["text"] for part in message["content"]] == ["Old", "And?"]
        assert client.known.order[:2] == ["old", "new"]  # the question is no item
        assert len(client.known.order) == 3
        await client.say("response.create", response={"input": [reference | {"id": "nobody"}]})
        (refused,) = client.of("error")
        assert refused["error"]["param"] == "response.input[0].id"
        await client.say("response.create", response={"input": []})
        assert [message["role"] for message in engine.requests[1]["messages"]] == ["system"]


async def test_what_one_response_is_asked_for_is_not_asked_of_the_next() -> None:
    engine = ScriptedEngine()
    tool = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
    async with driven(engine, voice(), {"instructions": "Be brief."}) as client:
        asked = {"instructions": "Be long.", "output_modalities": ["text"], "max_output_tokens": 7, "tools": [tool]}
        await client.ask("Hi", **asked)
        await client.say("response.create")
        await client.wait(10)
        first, second = engine.requests
        assert first["messages"][0]["content"] == "Be long."
        assert first["max_completion_tokens"] == 7
        assert second["messages"][0]["content"] == "Be brief."
        assert not {"tools", "max_completion_tokens"} & second.keys()
        told = [event["response"] for event in client.of("response.created")]
        assert [response["output_modalities"] for response in told] == [["text"], ["audio"]]
        assert [response["max_output_tokens"] for response in told] == [7, "inf"]
        (updated,) = await client.update()
        assert updated["session"]["instructions"] == "Be brief."


async def test_an_answer_is_cancelled_by_name() -> None:
    gate = anyio.Event()
    engine = ScriptedEngine(gates={1: gate})
    async with driven(engine) as client:
        await client.ask("Hi")
        await client.say("response.create", response=BESIDE)
        first, beside = [event["response"]["id"] for event in client.of("response.created")]
        await client.say("response.cancel", response_id=beside)
        assert await engine.running() == 1
        await client.say("response.cancel", response_id=first)
        assert await engine.running() == 0
        details = [event["response"]["status_details"] for event in client.of("response.done")]
        assert details == [{"type": "cancelled", "reason": "client_cancelled"}] * 2
        for response_id in (first, "nobody", None):
            await client.say("response.cancel", response_id=response_id)
        assert client.errors == ["response_cancel_not_active"] * 3
        assert client.history[-1]["content"] == "Hello "  # what was sent


async def test_of_a_cancelled_answer_the_words_are_kept_whose_sound_was_sent() -> None:
    async with driven(ScriptedEngine(WORDS), voice()) as client:
        await client.ask("Count!")
        await client.wait(1.0)
        await client.say("response.cancel")
        sent = sent_seconds(client)
        assert sent == pytest.approx(1.0 + LEAD, abs=0.1)
        assert client.history[-1]["content"] == "One two three."
        assert client.of("output_audio_buffer.stopped") == []
        await client.wait(LEAD)
        assert len(client.of("output_audio_buffer.stopped")) == 1
        assert sent_seconds(client) == sent


async def test_sound_is_sent_half_a_second_ahead() -> None:
    async with driven(ScriptedEngine(WORDS), voice()) as client:
        await client.ask("Count!")
        for second in range(5):
            assert sent_seconds(client) == pytest.approx(second + LEAD, abs=0.1)
            await client.wait(1.0)


async def test_sound_is_sent_as_it_is_made_if_that_is_wanted() -> None:
    async with driven(ScriptedEngine(WORDS), voice(), {"ola": {"pacing": "none"}}) as client:
        await client.ask("Count!")
        assert sent_seconds(client) > 6
        assert statuses(client) == ["completed"]
        assert client.of("output_audio_buffer.stopped") == []
        await client.wait(sent_seconds(client))
        assert len(client.of("output_audio_buffer.stopped")) == 1


@pytest.mark.parametrize("coding", ["audio/pcmu", "audio/pcma"])
async def test_a_telephone_hears_what_others_hear(coding: Any) -> None:
    async with driven(ScriptedEngine(WORDS[:1]), voice()) as client:
        await client.ask("Count!")
        await client.wait(5)
        seconds, (pcm,) = sent_seconds(client), client.known.sound.values()
    async with driven(
        ScriptedEngine(WORDS[:1]), voice(), {"audio": {"output": {"format": {"type": coding}}}}
    ) as client:
        await client.ask("Count!")
        await client.wait(5)
        (data,) = client.known.sound.values()
        assert len(data) / 8000 == pytest.approx(seconds, abs=0.01)
        heard = decoded(data, coding)
        power = [np.square(sound.astype(float)).mean() for sound in (heard, np.frombuffer(pcm, "<i2"))]
        assert power[0] == pytest.approx(power[1], rel=0.1)


async def test_a_next_answer_is_heard_after_the_one_before() -> None:
    async with driven(ScriptedEngine(WORDS[:1]), voice()) as client:
        await client.ask("Count!")
        await client.wait(1.0)
        (first,) = client.of("response.done")
        await client.say("response.create")  # 0.4 s of the first are still to be heard
        await client.wait(5)
        ids = client.known.order[-2:]
        begun = client.listener.ends(ids[0])
        assert client.clock.now() > client.listener.ends(ids[1]) == pytest.approx(begun + 1.4)
        stopped = client.of("output_audio_buffer.stopped")
        assert stopped[0]["response_id"] == first["response"]["id"]
        assert len(stopped) == 2


async def test_who_asks_at_once_is_not_taken_to_be_idle() -> None:
    engine = ScriptedEngine(["Yes."])
    session = {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}}}
    async with driven(engine, voice(), session) as client:
        asks_again_at_once(client, engine)
        await client.ask("Count!")
        await client.speak(6.0, 0)
        assert client.of("input_audio_buffer.timeout_triggered") == []
        assert len(client.of("response.created")) == 2
        await client.speak(8.0, 0)
        assert len(client.of("input_audio_buffer.timeout_triggered")) == 1


async def test_silence_on_demand() -> None:
    async with driven(ScriptedEngine(WORDS), voice()) as client:
        assert await client.say("output_audio_buffer.clear") == []
        await client.ask("Count!")
        await client.wait(1.05)
        events = await client.say("output_audio_buffer.clear")
        assert client.kinds(events)[-3:] == [
            "response.done",
            "conversation.item.truncated",
            "output_audio_buffer.cleared",
        ]
        assert client.history[-1]["content"] == "One two"
        assert await client.wait(10) == []


async def test_silence_is_also_of_what_is_said_beside_the_conversation() -> None:
    speaker = voice()
    async with driven(ScriptedEngine(WORDS), speaker) as client:
        await client.ask("Count!")
        await client.say("response.create", response={"conversation": "none"})
        await client.wait(1.05)
        await client.say("output_audio_buffer.clear")
        assert statuses(client) == ["cancelled"] * 2
        assert len(client.of("output_audio_buffer.cleared")) == 2
        assert speaker.active == 0
        assert await client.wait(10) == []


async def test_silence_does_not_end_what_is_only_written() -> None:
    gate = anyio.Event()
    async with driven(ScriptedEngine(gates={1: gate})) as client:
        await client.ask("Hi")
        assert await client.say("output_audio_buffer.clear") == []
        gate.set()
        await client.wait(1)
        assert statuses(client) == ["completed"]


async def test_an_engine_that_refuses() -> None:
    engine = ScriptedEngine(refuse=EngineError("too long", status=400, type="invalid_request_error"))
    async with driven(engine) as client:
        await client.ask("Hi")
        (done,) = client.of("response.done")
        details = done["response"]["status_details"]
        assert (details["type"], details["error"]["type"]) == ("failed", "invalid_request_error")
        assert done["response"]["output"] == []
        engine.refuse = None
        await client.say("response.create")
        assert statuses(client) == ["failed", "completed"]


@pytest.mark.parametrize("aloud", [True, False])
async def test_an_engine_that_breaks_leaves_what_was_heard(aloud: bool) -> None:
    engine = ScriptedEngine(WORDS, break_at=2)
    async with driven(engine, voice() if aloud else None) as client:
        await client.ask("Count!")
        await client.wait(5)
        assert statuses(client) == ["failed"]
        (said,) = [message["content"] for message in client.history[1:]] or [""]
        assert "".join(WORDS[:2]).startswith(said)
        await client.say("conversation.item.create", item=question("Again!"))
        engine.break_at = None
        await client.say("response.create")
        await client.wait(10)
        assert statuses(client) == ["failed", "completed"]


async def test_once_a_response_is_done_history_is_what_was_heard() -> None:
    """Also for a client that asks on at once."""
    engine = ScriptedEngine(WORDS, break_at=2)
    async with driven(engine, voice(gate=anyio.Event())) as client:
        asks_again_at_once(client, engine)
        await client.ask("Count!")
        first, second = engine.requests
        assert first["messages"] == second["messages"]


async def test_a_voice_that_breaks_leaves_the_text() -> None:
    mute = voice(fail_on="Four", fail_after=2)
    async with driven(ScriptedEngine(WORDS), mute) as client:
        await client.ask("Count!")
        await client.wait(10)
        assert statuses(client) == ["failed"]
        (done,) = client.of("response.output_audio_transcript.done")
        assert done["transcript"] == "".join(WORDS)
        mute._fail_on = None
        await client.ask("Again!")
        await client.wait(10)
        assert statuses(client) == ["failed", "completed"]


async def test_what_an_answer_costs() -> None:
    async with driven(ScriptedEngine(["Hello ", "there."])) as client:
        await client.ask("Hi")
        usage = client.of("response.done")[0]["response"]["usage"]
        assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (3, 2, 5)


async def test_an_answer_that_is_cut_off_by_its_length_is_incomplete() -> None:
    finish = {"delta": {"content": ""}, "finish_reason": "length", "stop_reason": None}
    async with driven(ScriptedEngine(WORDS, finish=finish), voice()) as client:
        await client.ask("Count!", max_output_tokens=4)
        await client.wait(10)
        (done,) = client.of("response.done")
        assert done["response"]["status"] == "incomplete"
        assert done["response"]["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
        assert client.history[-1]["content"] == "".join(WORDS)


async def test_what_a_key_may_ask_for_is_told_and_ends() -> None:
    allowance = Allowance(MemoryLedger(), "anna", Quota(requests_per_minute=2))
    async with driven(allowance=allowance) as client:
        await client.ask("Hi")
        await client.say("response.create")
        left = [event["rate_limits"] for event in client.of("rate_limits.updated")]
        assert [(limits[0]["name"], limits[0]["limit"], limits[0]["remaining"]) for limits in left] == [
            ("requests", 2, 1),
            ("requests", 2, 0),
        ]
        assert 0 < left[1][0]["reset_seconds"] <= 60
        await client.say("response.create")
        assert statuses(client) == ["completed", "completed", "failed"]
        details = client.of("response.done")[-1]["response"]["status_details"]
        assert details["error"]["code"] == "rate_limit_exceeded"
        assert client.errors == []


async def test_a_key_may_have_spoken_enough() -> None:
    allowance = Allowance(MemoryLedger(), "anna", Quota(audio_seconds_per_minute=5))
    async with driven(ScriptedEngine(WORDS), voice(), allowance=allowance) as client:
        for _ in range(2):
            await client.ask("Count!")
            await client.wait(10)
        await client.say("response.create", response={"output_modalities": ["text"]})
        assert statuses(client) == ["completed", "failed", "completed"]
        details = client.of("response.done")[1]["response"]["status_details"]
        assert details["error"]["code"] == "rate_limit_exceeded"
        assert client.known.order[-1] == client.of("response.done")[2]["response"]["output"][0]["id"]


async def test_what_the_session_is_while_it_answers() -> None:
    async with driven(ScriptedEngine(WORDS), voice()) as client:
        await client.ask("Count!")
        await client.update(audio={"output": {"speed": 1.2}})
        await client.update(audio={"output": {"voice": "alloy"}})
        assert client.errors == ["not_now", "cannot_update_voice"]
        (updated,) = await client.update(instructions="Be brief.")
        assert updated["session"]["instructions"] == "Be brief."
        await client.wait(10)
        await client.update(audio={"output": {"voice": "alloy"}})
        assert client.errors[2:] == ["cannot_update_voice"]
        (updated,) = await client.update(audio={"output": {"speed": 1.2}})
        assert updated["session"]["audio"]["output"]["speed"] == 1.2
