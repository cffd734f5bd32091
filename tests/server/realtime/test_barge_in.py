"""Who speaks while an answer plays: it falls silent, history keeps what was heard, and a cough costs nothing."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from tests.scripted_engine import ScriptedEngine
from tests.scripted_voice import ScriptedVoice
from tests.server.realtime.driver import Driver, driven
from tests.server.realtime.scripted_ears import ListeningEngine
from tests.server.realtime.test_conversing import WORDS, voice
from tts.plan import CHARS_PER_SECOND
from tts.timeline import Timeline

pytestmark = pytest.mark.anyio

RESUMED: dict[str, Any] = {"ola": {"resume_interrupted": True}}
TEXT = "".join(WORDS)


def steady() -> ScriptedVoice:
    """A voice that speaks as fast as is expected of one, so that also of a unit that is not made yet it is known where
    its words are."""
    return voice(seconds_per_char=1 / CHARS_PER_SECOND)


def letters(text: str) -> str:
    return "".join(text.split())


def details(client: Driver) -> list[Any]:
    return [event["response"]["status_details"] for event in client.of("response.done")]


def heard_words(client: Driver, item_id: str, speaker: ScriptedVoice) -> str:
    """By whoever plays the sound, in which each unit of the voice's can be found."""
    pcm, at, timeline = client.known.sound[item_id], 0, Timeline()
    for unit in speaker.said:
        spoken = speaker.pcm(unit)
        if (found := pcm.find(spoken[:2000], 2 * at) // 2) < 0:
            break
        at = found + len(spoken) // 2
        timeline.begin(unit, found, len(spoken) // 2)
    return timeline.heard(client.listener.samples(item_id, client.clock.now()))


@pytest.mark.parametrize("tenths", range(6, 40, 4))
async def test_history_keeps_exactly_the_words_that_were_heard(tenths: int) -> None:
    speaker = steady()
    async with driven(ScriptedEngine(WORDS), speaker) as client:
        await client.ask("Count!")
        await client.speak(tenths / 10, 0)
        await client.speak(1.0)
        (item_id,) = client.known.cut
        now = client.history[-1]["content"] if len(client.history) > 1 else ""
        assert now == heard_words(client, item_id, speaker)
        (cut,) = client.of("conversation.item.truncated")
        heard = client.listener.samples(item_id, client.clock.now())
        assert cut["audio_end_ms"] == pytest.approx(heard / 24, abs=1)
        assert details(client) == [{"type": "cancelled", "reason": "turn_detected"}]


async def test_what_follows_an_interruption_is_in_the_order_of_the_api() -> None:
    async with driven(ScriptedEngine(WORDS), voice()) as client:
        await client.ask("Count!")
        await client.speak(2.0, 0)
        events = await client.speak(0.5)
        kinds = client.kinds(events)
        assert kinds[kinds.index("input_audio_buffer.speech_started") :] == [
            "input_audio_buffer.speech_started",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "response.output_item.done",
            "conversation.item.done",
            "response.done",
            "conversation.item.truncated",
            "output_audio_buffer.cleared",
        ]


async def test_engine_and_voice_stop_at_once() -> None:
    engine, speaker = ScriptedEngine(WORDS, gates={2: anyio.Event()}), voice(gate=anyio.Event(), gate_after=8)
    async with driven(engine, speaker) as client:
        await client.ask("Count!")
        await client.speak(1.0, 0)
        assert (await engine.running(), speaker.active) == (1, 1)
        await client.speak(0.5)
        assert speaker.active == 0
        assert [request["max_tokens"] for request in engine.requests[1:]] == [1]  # only what is read ahead


async def test_the_question_that_interrupted_is_answered() -> None:
    engine = ScriptedEngine(WORDS)
    async with driven(engine, voice()) as client:
        await client.ask("Count!")
        await client.speak(2.0, 0)
        await client.speak(1.0)
        await client.speak(1.0, 0)
        assert len(client.of("response.created")) == 2
        roles = [message["role"] for message in engine.requests[-1]["messages"]]
        assert roles == ["system", "user", "assistant", "user"]
        assert engine.requests[-1]["messages"][2]["content"] == "One two three. Four"


async def test_ten_interruptions_one_after_the_other() -> None:
    engine = ScriptedEngine(WORDS)
    async with driven(engine, voice()) as client:
        for _ in range(10):
            await client.speak(0.5)
            await client.speak(1.5, 0)
        assert details(client)[:9] == [{"type": "cancelled", "reason": "turn_detected"}] * 9
        assert len(client.of("response.created")) == 10
        assert client.errors == []


async def test_who_must_not_interrupt_is_heard_later() -> None:
    session = {"audio": {"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}}
    async with driven(ScriptedEngine(WORDS), voice(), session) as client:
        await client.ask("Count!")
        await client.speak(1.0, 0)
        await client.speak(0.6)
        await client.speak(7.0, 0)
        assert [event["response"]["status"] for event in client.of("response.done")] == ["completed"]
        assert client.errors == ["conversation_already_has_active_response"]  # as at OpenAI
        assert client.history[1]["content"] == TEXT
        assert len(client.known.order) == 3


async def test_both_of_two_answers_that_are_still_heard_are_cut() -> None:
    async with driven(ScriptedEngine(WORDS[:1]), voice(), {"ola": {"pacing": "none"}}) as client:
        await client.ask("Count!")
        await client.say("response.create")
        assert [event["response"]["status"] for event in client.of("response.done")] == ["completed"] * 2
        await client.speak(0.7, 0)
        await client.speak(0.3)
        cuts = {event["item_id"]: event["audio_end_ms"] for event in client.of("conversation.item.truncated")}
        first, second = client.known.order[1:]
        assert 500 < cuts[first] < 1000
        assert cuts[second] == 0
        assert len(client.of("output_audio_buffer.cleared")) == 2
        assert [message["content"] for message in client.history[1:]] == ["One two"]


async def test_what_was_cancelled_may_still_be_interrupted() -> None:
    async with driven(ScriptedEngine(["One two three four five six."]), steady()) as client:
        await client.ask("Count!")
        await client.speak(0.6, 0)
        await client.say("response.cancel")
        assert client.history[-1]["content"] == "One two three four"
        await client.speak(0.3)
        first, second = client.of("conversation.item.truncated")
        assert first["audio_end_ms"] > second["audio_end_ms"]
        assert client.history[-1]["content"] == "One two"
        assert len(client.of("output_audio_buffer.cleared")) == 1
        assert client.of("output_audio_buffer.stopped") == []


async def test_what_the_client_has_cut_does_not_grow_again() -> None:
    async with driven(ScriptedEngine(WORDS[:2]), voice()) as client:
        await client.ask("Count!")
        await client.speak(2.9, 0)
        assert details(client) == [None]
        place = {"item_id": client.known.order[-1], "content_index": 0}
        await client.say("conversation.item.truncate", **place, audio_end_ms=1000)
        await client.speak(0.3)
        assert client.history[-1]["content"] == "One two"
        assert [event["audio_end_ms"] for event in client.of("conversation.item.truncated")] == [1000]


async def test_a_client_may_know_better_than_the_servers_clock() -> None:
    async with driven(ScriptedEngine(WORDS), voice()) as client:
        await client.ask("Count!")
        await client.speak(2.0, 0)
        await client.speak(0.3)
        (cut,) = client.of("conversation.item.truncated")
        place = {"item_id": cut["item_id"], "content_index": 0}
        await client.say("conversation.item.truncate", **place, audio_end_ms=1000)
        assert client.history[-1]["content"] == "One two"


async def cough(client: Driver) -> None:
    """Noise that is no word, after two seconds."""
    await client.speak(2.0, 0)
    await client.speak(0.4)
    await client.speak(0.8, 0)


async def test_a_cough_costs_the_answer_if_nothing_was_asked_for() -> None:
    async with driven(ListeningEngine(WORDS, words=[""]), voice()) as client:
        await client.ask("Count!")
        await cough(client)
        assert len(client.known.order) == 4  # the cough is a turn, which is answered


async def test_after_a_cough_the_answer_goes_on_where_it_was_heard() -> None:
    engine, speaker = ListeningEngine(WORDS, words=[""]), voice()
    async with driven(engine, speaker, RESUMED) as client:
        await client.ask("Count!")
        await cough(client)
        await client.wait(10)
        assert details(client) == [{"type": "cancelled", "reason": "turn_detected"}, None]
        first, second = [message["content"] for message in client.history[1:]]
        assert letters(first + second) == letters(TEXT)
        assert first == "One two three. Four"
        assert client.of("input_audio_buffer.committed") == []
        assert [request for request in engine.requests if "max_tokens" not in request] == engine.requests[:1]


async def test_after_a_cough_the_engine_goes_on_that_had_not_ended() -> None:
    gate = anyio.Event()
    engine = ListeningEngine(WORDS, words=[""], gates={2: gate})
    async with driven(engine, voice(), RESUMED) as client:
        await client.ask("Count!")
        await cough(client)
        asked = engine.requests[-1]
        assert asked["continue_final_message"]
        assert asked["messages"][-1] == {"role": "assistant", "content": "One two three. Four five six. "}
        engine.deltas = list(WORDS[2:])
        gate.set()
        await client.wait(0.01)
        assert client.errors == []
        await client.wait(10)
        assert client.of("response.done")[-1]["response"]["status"] == "completed"


@pytest.mark.parametrize("written", [0, 1])
async def test_a_cough_before_more_is_written_costs_nothing(written: int) -> None:
    gate = anyio.Event()
    engine = ListeningEngine(WORDS, words=[""], gates={written: gate})
    async with driven(engine, voice(), RESUMED) as client:
        await client.ask("Count!")
        await client.speak(2.0, 0)
        await cough(client)
        assert len(client.of("response.created")) == 2
        last = engine.requests[-1]["messages"][-1]
        assert last["content"] == ("One two three. " if written else [{"type": "text", "text": "Count!"}])
        assert engine.requests[-1].get("continue_final_message", False) == bool(written)


async def test_two_coughs() -> None:
    gate = anyio.Event()
    engine = ListeningEngine(WORDS, words=[""], gates={3: gate})
    async with driven(engine, voice(), RESUMED) as client:
        await client.ask("Count!")
        await cough(client)
        await cough(client)
        messages = engine.requests[-1]["messages"]
        assert [message["role"] for message in messages] == ["system", "user", "assistant"]
        assert letters(messages[-1]["content"]).startswith(letters("".join(WORDS[:3])))
        said = letters("".join(message["content"] for message in client.history[1:3]))
        assert letters(TEXT).startswith(said)
        assert len(said) > len("Onetwothree.Four")


async def test_words_after_a_cough_are_words() -> None:
    engine = ListeningEngine(WORDS, words=["Stop it!"])
    async with driven(engine, voice(), RESUMED) as client:
        await client.ask("Count!")
        await cough(client)
        await client.wait(1)
        roles = [message["role"] for message in client.history]
        assert roles[:3] == ["user", "assistant", "user"]
        assert len(client.of("response.created")) == 2


async def test_who_speaks_on_while_a_cough_is_judged_is_not_talked_over() -> None:
    gate = anyio.Event()
    engine = ListeningEngine(WORDS, words=[""], ears={"gates": {0: gate}})
    async with driven(engine, voice(), RESUMED) as client:
        await client.ask("Count!")
        await cough(client)
        await client.speak(0.5)
        gate.set()
        await client.speak(0.2)
        assert len(client.of("response.created")) == 1
        await client.speak(0.8, 0)  # which was no word either
        await client.wait(10)
        assert len(client.of("response.created")) == 2
        assert letters("".join(message["content"] for message in client.history[1:])) == letters(TEXT)


async def test_turns_stay_in_order_while_one_of_them_is_judged() -> None:
    gate = anyio.Event()
    engine = ListeningEngine(WORDS, words=["Stop it!"], ears={"gates": {0: gate}})
    async with driven(engine, voice(), RESUMED) as client:
        await client.ask("Count!")
        await cough(client)
        await client.speak(0.5)
        await client.speak(0.8, 0)
        gate.set()
        await client.wait(0.1)
        started = [event["item_id"] for event in client.of("input_audio_buffer.speech_started")]
        committed = [event["item_id"] for event in client.of("input_audio_buffer.committed")]
        assert committed == started
        assert len(client.of("response.created")) == 2
        assert client.errors == []


async def test_an_answer_that_was_asked_for_meanwhile_is_the_one_that_is_given() -> None:
    gate = anyio.Event()
    engine = ListeningEngine(WORDS, words=[""], ears={"gates": {0: gate}})
    async with driven(engine, voice(), RESUMED) as client:
        await client.ask("Count!")
        await cough(client)
        await client.say("response.create")
        gate.set()
        await client.wait(15)
        assert len(client.of("response.created")) == 2
        assert client.errors == []
