"""Sessions that survive their connection: what is told again, what goes on, and whose they are."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any

import anyio
import pytest

from server.realtime.durable.memory import MemorySessions
from server.realtime.durable.store import Kept, TakenOverError
from tests.scripted_engine import ScriptedEngine
from tests.server.realtime.driver import Driver, driven, question
from tests.server.realtime.replayed import Replayed
from tests.server.realtime.test_barge_in import TEXT, letters, steady
from tests.server.realtime.test_conversing import TRANSCRIBED, WORDS, picture
from tests.server.realtime.test_tools import WEATHER, calling, returned
from tts.voice import WIRE_RATE

pytestmark = pytest.mark.anyio


def session_id(client: Driver) -> str:
    told: str = client.heard()[0]["session"]["id"]
    return told


def last_event(client: Driver) -> str:
    told: str = client.heard()[-1]["event_id"]
    return told


async def resume(client: Driver, other: Driver, **fields: Any) -> list[dict[str, Any]]:
    """Go on with the other's session, of which all is known, or what was until `last_event_id`; what comes of it."""
    client.heard()
    client.known = deepcopy(other.known)
    if last := fields.get("last_event_id"):
        client.known = Replayed()
        for event in other.events:
            client.known.take(event)
            if event["event_id"] == last:
                break
    return await client.say("session.resume", session_id=session_id(other), **fields)


async def test_config_and_conversation_come_back() -> None:
    store = MemorySessions()
    session = {"instructions": "Be brief.", "tools": [WEATHER]} | TRANSCRIBED
    async with driven(session=session, sessions=store) as first:
        content = [{"type": "input_image", "image_url": picture()}, {"type": "input_text", "text": "What is it?"}]
        await first.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await first.speak(0.5)
        await first.speak(0.7, 0)
        await first.wait(1)
        before = first.shared.conversation
    engine = ScriptedEngine()
    async with driven(engine, sessions=store) as second:
        (resumed,) = await resume(second, first)
        told = resumed["session"]
        assert (resumed["type"], resumed["missed"], told["id"]) == ("session.resumed", 0, session_id(first))
        assert told["instructions"] == "Be brief."
        assert told["audio"]["input"]["transcription"]["model"] == "whisper-1"
        assert second.shared.conversation.id == before.id
        assert [item.id for item in second.shared.conversation.items] == [item.id for item in before.items]
        for item_id in list(first.known.order):
            assert (await second.item(item_id)).keys() == (await second.item(item_id)).keys()
        await second.say("response.create")
        (request,) = engine.requests
        assert [message["role"] for message in request["messages"]] == ["system", "user", "assistant"]
        assert second.errors == []


async def test_what_was_missed_is_told_in_order() -> None:
    store = MemorySessions()
    async with driven(sessions=store) as first:
        await first.ask("Hi")
        seen = first.heard()[5]["event_id"]
        known = [event for event in first.heard() if "delta" not in event["type"] or "audio" not in event["type"]]
    async with driven(sessions=store) as second:
        events = await resume(second, first, last_event_id=seen)
        missed = events[1:]
        assert events[0]["missed"] == len(missed)
        ids = [event["event_id"] for event in known]
        assert [event["event_id"] for event in missed] == ids[ids.index(seen) + 1 :]


async def test_nothing_was_missed() -> None:
    store = MemorySessions()
    async with driven(sessions=store) as first:
        await first.ask("Hi")
        seen = last_event(first)
    async with driven(sessions=store) as second:
        (resumed,) = await resume(second, first, last_event_id=seen)
        assert resumed["missed"] == 0


async def test_an_answer_goes_on_where_it_was_heard() -> None:
    store, speaker = MemorySessions(), steady()
    async with driven(ScriptedEngine(WORDS), speaker, sessions=store) as first:
        await first.ask("Count!")
        await first.wait(2.0)
        assert first.heard()[-1]["type"] == "response.output_audio.delta"
        seen = last_event(first)
    assert first.of("response.done")[0]["response"]["status"] == "cancelled"
    heard = letters(first.history[-1]["content"])
    assert heard
    engine = ScriptedEngine(WORDS)
    async with driven(engine, steady(), sessions=store) as second:
        events = await resume(second, first, last_event_id=seen)
        kinds = second.kinds(events)
        assert kinds[0] == "session.resumed"
        assert kinds.index("response.done") < kinds.index("response.created")
        await second.wait(10)
        assert engine.requests == []  # all of it was written
        assert heard + letters(second.history[-1]["content"]) == letters(TEXT)
        assert second.of("response.done")[-1]["response"]["status"] == "completed"


@pytest.mark.parametrize("aloud", [True, False])
async def test_the_engine_goes_on_elsewhere_that_had_not_ended(aloud: bool) -> None:
    store = MemorySessions()
    first_engine = ScriptedEngine(WORDS, gates={2: anyio.Event()})
    async with driven(first_engine, steady() if aloud else None, sessions=store) as first:
        await first.ask("Count!")
        await first.wait(1.0)
    engine = ScriptedEngine(WORDS[2:])
    async with driven(engine, steady() if aloud else None, sessions=store) as second:
        await resume(second, first)
        await second.wait(10)
        (request,) = engine.requests
        assert request["continue_final_message"]
        assert request["messages"][-1] == {"role": "assistant", "content": "".join(WORDS[:2])}
        assert [message["role"] for message in request["messages"]] == ["system", "user", "assistant"]
        said = "".join(message["content"] for message in second.history[1:])
        assert letters(said) == letters(TEXT)


async def test_an_answer_that_had_not_begun_is_given() -> None:
    store = MemorySessions()
    async with driven(ScriptedEngine(gates={0: anyio.Event()}), sessions=store) as first:
        await first.ask("Hi")
    async with driven(ScriptedEngine(), sessions=store) as second:
        await resume(second, first)
        assert second.history[-1]["content"] == "Hello there."


async def test_a_tool_may_return_to_another_connection() -> None:
    store = MemorySessions()
    async with driven(calling(), session={"tools": [WEATHER]}, sessions=store) as first:
        await first.ask("Is it warm in Rome?")
    async with driven(sessions=store) as second:
        await resume(second, first)
        await returned(second)
        await second.say("response.create")
        assert second.errors == []
        assert second.of("response.done")[0]["response"]["status"] == "completed"


async def test_a_session_belongs_to_its_account() -> None:
    store = MemorySessions()
    async with driven(sessions=store, owner="anna") as first:
        await first.ask("Hi")
    async with driven(sessions=store, owner="bert") as second:
        (refused,) = await second.say("session.resume", session_id=session_id(first))
        assert refused["error"]["param"] == "session_id"
        await second.say("session.resume", session_id="sess_" + "0" * 24)
        assert second.errors[0] == second.errors[1]  # nobody learns which sessions there are
        await second.ask("Hello")
        assert len(second.known.order) == 2
    async with driven(sessions=store, owner="anna") as third:
        await resume(third, first)
        assert third.errors == []


async def test_a_session_is_resumed_before_anything_else() -> None:
    store = MemorySessions()
    async with driven(sessions=store) as first:
        await first.ask("Hi")
    async with driven(sessions=store) as second:
        await second.update(instructions="Be brief.")
        await second.say("conversation.item.create", item=question("Hi"))
        await second.say("session.resume", session_id=session_id(first))
        assert second.errors == ["session_already_begun"]


async def test_a_session_does_not_resume_itself() -> None:
    async with driven() as client:
        await client.say("session.resume", session_id=session_id(client))
        assert client.errors == ["session_already_begun"]
        await client.ask("Hi")
        assert len(client.known.order) == 2


async def test_who_is_taken_over_ends() -> None:
    store = MemorySessions()
    with pytest.RaisesGroup(TakenOverError, flatten_subgroups=True):
        async with driven(sessions=store) as first:
            await first.ask("Hi")
            async with driven(sessions=store) as second:
                await resume(second, first)
                assert len(second.shared.conversation.items) == 2
                await first.ask("Still there?")
                await anyio.sleep_forever()


@asynccontextmanager
async def left_alone(
    store: MemorySessions, engine: ScriptedEngine, *, lost_after: float, back_after: float, **asked: Any
) -> AsyncGenerator[tuple[Driver, str], None]:
    """A session whose server does not notice that its client is gone, and the last event that the client has got.
    `asked`: of its answer. In the block it has to be taken over."""
    aloud = "audio" in asked.pop("output_modalities", ["audio"])
    with pytest.RaisesGroup(TakenOverError, flatten_subgroups=True):
        async with driven(engine, steady(), sessions=store) as client:
            await client.ask("Count!", output_modalities=["audio"] if aloud else ["text"], **asked)
            await client.wait(lost_after)
            seen = last_event(client)
            await client.wait(back_after)
            await anyio.sleep(0.5)  # what was noted is written
            yield client, seen
            await client.ask("Still there?")
            await anyio.sleep_forever()


@pytest.mark.parametrize("modality", ["audio", "text"])
async def test_an_answer_goes_on_on_a_connection_that_takes_over(modality: str) -> None:
    """As after a change of networks, of which the server was not told."""
    store, engine = MemorySessions(), ScriptedEngine(WORDS, gates={3: anyio.Event()})
    asked = {"output_modalities": [modality], "metadata": {"topic": "numbers"}}
    async with left_alone(store, engine, lost_after=2.0, back_after=0.0, **asked) as (first, seen):
        response = first.of("response.created")[0]["response"]["id"]
        assert first.of("response.done") == []
        engine = ScriptedEngine(WORDS[3:])
        async with driven(engine, steady(), sessions=store) as second:
            events = await resume(second, first, last_event_id=seen)
            done = second.of("response.done")[0]["response"]
            assert (done["id"], done["status"], done["output_modalities"]) == (response, "cancelled", [modality])
            assert done["metadata"] == {"topic": "numbers"}
            kinds = second.kinds(events)
            assert kinds.index("response.done") < kinds.index("response.created")
            assert ("output_audio_buffer.cleared" in kinds) == (modality == "audio")
            await second.wait(10)
            assert engine.requests[0]["messages"][-1] == {"role": "assistant", "content": "".join(WORDS[:3])}
            assert second.of("response.done")[1]["response"]["output_modalities"] == [modality]
            first_part, rest = (message["content"] for message in second.history[1:])
            assert letters(first_part)
            assert letters(first_part) + letters(rest) == letters(TEXT)


@pytest.mark.parametrize("back_after", [1.0, 20.0])
async def test_an_answer_goes_on_from_what_was_received(back_after: float) -> None:
    """The server spoke on to nobody, also to the end."""
    store = MemorySessions()
    async with left_alone(store, ScriptedEngine(WORDS), lost_after=2.0, back_after=back_after) as (first, seen):
        assert len(first.of("response.done")) == (back_after > 10)
        sound = [event for event in first.events if event["type"] == "response.output_audio.delta"]
        got = sum(len(b64decode(event["delta"])) for event in sound if event["event_id"] <= seen) / (2 * WIRE_RATE)
        assert 1.5 < got < 3
        async with driven(ScriptedEngine([]), steady(), sessions=store) as second:
            await resume(second, first, last_event_id=seen)
            await second.wait(20)
            cut = second.of("conversation.item.truncated")[-1]
            assert got - 0.35 < cut["audio_end_ms"] / 1000 <= got  # as often as that it is noted
            heard, rest = (message["content"] for message in second.history[1:])
            assert letters(heard)
            assert letters(heard) + letters(rest) == letters(TEXT)


async def test_a_cut_that_was_asked_for_is_made_by_who_takes_over() -> None:
    store, engine = MemorySessions(), ScriptedEngine(WORDS, gates={3: anyio.Event()})
    async with left_alone(store, engine, lost_after=2.0, back_after=0.0) as (first, seen):
        item_id = first.of("response.output_item.added")[0]["item"]["id"]
        await first.say("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=300)
        await anyio.sleep(0.5)
        async with driven(ScriptedEngine([]), steady(), sessions=store) as second:
            await resume(second, first, last_event_id=seen)
            assert second.errors == []
            assert [cut["audio_end_ms"] for cut in second.of("conversation.item.truncated")][-1] == 300
            assert len(second.of("response.created")) == 1


async def test_what_was_received_is_not_said_again_however_often_the_connection_is_lost() -> None:
    store = MemorySessions()
    async with driven(ScriptedEngine(WORDS), steady(), sessions=store) as first:
        await first.ask("Count!")
        await first.wait(20)
    last = first
    for _ in range(3):
        async with driven(ScriptedEngine([]), steady(), sessions=store) as client:
            client.heard()
            client.known = deepcopy(last.known)
            await client.say("session.resume", session_id=session_id(first), last_event_id=last_event(last))
            await client.wait(5)
            assert client.kinds(client.heard())[2:] == ["session.resumed"]
        last = client


async def test_an_answer_that_was_ended_does_not_go_on() -> None:
    store = MemorySessions()
    async with left_alone(store, ScriptedEngine(WORDS), lost_after=2.0, back_after=1.0) as (first, seen):
        await first.say("response.cancel")
        await anyio.sleep(0.5)
        async with driven(ScriptedEngine([]), steady(), sessions=store) as second:
            await resume(second, first, last_event_id=seen)
            await second.wait(5)
            assert [done["response"]["status"] for done in second.of("response.done")] == ["cancelled"]
            assert second.of("response.created") == []


async def test_speech_of_another_format_is_cut_at_its_time() -> None:
    store, telephone = MemorySessions(), {"output": {"format": {"type": "audio/pcmu"}}}
    async with (
        left_alone(store, ScriptedEngine(WORDS), lost_after=2.0, back_after=20.0, audio=telephone) as (
            first,
            seen,
        ),
        driven(ScriptedEngine([]), steady(), sessions=store) as second,
    ):
        await resume(second, first, last_event_id=seen)
        assert 2000 < second.of("conversation.item.truncated")[0]["audio_end_ms"] <= 2600


async def test_a_response_beside_the_conversation_ends_with_its_connection() -> None:
    store, engine = MemorySessions(), ScriptedEngine(WORDS, gates={0: anyio.Event()})
    async with (
        left_alone(store, engine, lost_after=1.0, back_after=0.0, conversation="none") as (first, seen),
        driven(ScriptedEngine([]), steady(), sessions=store) as second,
    ):
        await resume(second, first, last_event_id=seen)
        (done,) = second.of("response.done")
        assert done["response"]["status"] == "cancelled"
        assert second.of("response.created") == []


async def test_what_cannot_be_taken_up_stays_where_it_is() -> None:
    store = MemorySessions()
    async with driven(voice=steady(), session={"audio": {"output": {"voice": "alloy"}}}, sessions=store) as first:
        await first.ask("Hi")
    async with driven(sessions=store) as second:  # of a server without a voice
        await second.say("session.resume", session_id=session_id(first))
        assert len(second.errors) == 1
        await second.ask("Hello")
        assert [message["role"] for message in second.history] == ["user", "assistant"]
        assert len(second.known.order) == 2
    async with driven(voice=steady(), sessions=store) as third:
        await resume(third, first)
        assert third.errors == []


async def test_sessions_come_back_again_and_again() -> None:
    store = MemorySessions()
    async with driven(sessions=store) as first:
        await first.ask("Hi")
    last = first
    for _ in range(3):
        async with driven(sessions=store) as client:
            await resume(client, last)
            client.session.id = session_id(first)
            await client.ask("Again")
        client.events[0]["session"]["id"] = session_id(first)
        last = client
    assert len(last.known.order) == 8


async def test_one_that_nobody_can_read_is_unknown() -> None:
    store = MemorySessions()
    async with driven(sessions=store) as first:
        await first.ask("Hi")
    claim = await store.claim(session_id(first), "")
    hold = await store.replace(claim.hold, Kept(claim.kept.config, [("a", b"nonsense")], claim.kept.state))
    await store.release(hold)
    async with driven(sessions=store) as second:
        (refused,) = await second.say("session.resume", session_id=session_id(first))
        assert refused["error"]["param"] == "session_id"
        await second.ask("Hello")
        assert len(second.known.order) == 2
