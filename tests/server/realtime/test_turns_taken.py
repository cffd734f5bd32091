"""Turns of a session: who ends them and when, what they become, and what a client may do in between."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import numpy as np
import pytest

from engine.api import MAX_SOUND_SECONDS, SAMPLE_RATE
from server.realtime.hearing.g711 import encoded
from server.realtime.items import Heard, Message
from tests.scripted_engine import ScriptedEngine
from tests.scripted_voice import ScriptedVoice
from tests.server.realtime.driver import LOUD, Driver, driven, question, wave
from tests.server.realtime.scripted_ears import ListeningEngine

pytestmark = pytest.mark.anyio

BY_HAND: dict[str, Any] = {"audio": {"input": {"turn_detection": None}}}


def detection(**fields: Any) -> dict[str, Any]:
    return {"audio": {"input": {"turn_detection": {"type": "server_vad"} | fields}}}


def heard_seconds(client: Driver) -> list[float]:
    """Of the sound of each spoken item."""
    items = [item for item in client.shared.conversation.items if isinstance(item, Message)]
    parts = [part for item in items for part in item.content if isinstance(part, Heard)]
    return [len(part.samples) / SAMPLE_RATE for part in parts]


async def test_a_client_ends_its_own_turns() -> None:
    async with driven(session=BY_HAND) as client:
        assert await client.speak(1.0) == []
        events = await client.say("input_audio_buffer.commit")
        assert client.kinds(events) == [
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
        ]
        assert events[1]["item"]["content"] == [{"type": "input_audio", "transcript": None}]
        assert heard_seconds(client) == [1.0]
        assert client.of("response.created") == []
        await client.say("response.create")
        assert client.of("response.done")[0]["response"]["status"] == "completed"


@pytest.mark.parametrize(("milliseconds", "taken"), [(100, True), (99, False), (0, False)])
async def test_a_turn_has_at_least_a_tenth_of_a_second(milliseconds: int, taken: bool) -> None:
    async with driven(session=BY_HAND) as client:
        await client.append(wave(milliseconds / 1000))
        await client.say("input_audio_buffer.commit")
        assert client.errors == ([] if taken else ["input_audio_buffer_commit_empty"])
        assert len(client.of("input_audio_buffer.committed")) == taken


async def test_what_was_refused_stays_in_the_buffer() -> None:
    async with driven(session=BY_HAND) as client:
        await client.append(wave(0.06))
        await client.say("input_audio_buffer.commit", event_id="mine")
        assert client.of("error")[0]["error"]["event_id"] == "mine"
        await client.append(wave(0.06))
        await client.say("input_audio_buffer.commit")
        assert heard_seconds(client) == [pytest.approx(0.12, abs=0.001)]


async def test_what_is_cleared_belongs_to_no_turn() -> None:
    async with driven(session=BY_HAND) as client:
        await client.speak(1.0)
        assert client.kinds(await client.say("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
        await client.say("input_audio_buffer.commit")
        assert client.errors == ["input_audio_buffer_commit_empty"]
        await client.speak(0.5)
        await client.say("input_audio_buffer.commit")
        assert heard_seconds(client) == [pytest.approx(0.5, abs=0.001)]


async def test_more_than_the_model_can_hear_is_refused_and_the_rest_is_kept() -> None:
    async with driven(session=BY_HAND) as client:
        minute = wave(60)
        for _ in range(MAX_SOUND_SECONDS // 60):
            await client.append(minute)
        assert client.errors == []
        await client.append(minute)
        assert client.errors == ["input_audio_buffer_full"]
        await client.say("input_audio_buffer.commit")
        assert heard_seconds(client) == [pytest.approx(MAX_SOUND_SECONDS // 60 * 60, abs=0.05)]


async def test_a_turn_has_the_padding_and_the_silence_that_were_asked_for() -> None:
    session = detection(prefix_padding_ms=500, silence_duration_ms=800, create_response=False)
    async with driven(session=session) as client:
        await client.speak(1.0, 0)
        (started,) = await client.speak(1.0)
        events = await client.speak(1.0, 0)
        stopped = events[0]
        assert started["audio_start_ms"] == pytest.approx(500, abs=64)
        assert stopped["audio_end_ms"] == pytest.approx(2800, abs=64)
        committed = client.of("input_audio_buffer.committed")[0]
        assert started["item_id"] == stopped["item_id"] == committed["item_id"]
        assert client.of("response.created") == []


async def test_what_is_quieter_than_the_threshold_is_no_turn() -> None:
    async with driven(session=detection(threshold=0.9)) as client:
        await client.speak(1.0, LOUD // 2)
        assert client.known.speaking is None
        await client.speak(0.2)
        assert client.known.speaking is not None


async def test_a_pause_shorter_than_the_silence_ends_nothing() -> None:
    async with driven(session=detection(silence_duration_ms=500)) as client:
        for seconds, level in ((0.5, 2 * LOUD), (0.4, 0), (0.5, 2 * LOUD), (0.7, 0)):
            await client.speak(seconds, level)
        (item,) = heard_seconds(client)
        assert item == pytest.approx(1.4 + 0.16, abs=0.07)  # with a little of the silence


async def test_turns_in_which_nothing_is_to_be_answered_are_items() -> None:
    async with driven(session=detection(create_response=False)) as client:
        for _ in range(2):
            await client.speak(0.5)
            await client.speak(0.7, 0)
        assert len(client.known.order) == 2
        assert client.of("response.created") == []


async def test_a_turn_in_progress_may_be_committed_and_cleared() -> None:
    async with driven(session=detection(create_response=False)) as client:
        await client.speak(1.0)
        (started,) = client.of("input_audio_buffer.speech_started")
        await client.say("input_audio_buffer.commit")
        assert client.known.order == [started["item_id"]]
        await client.speak(1.0)
        await client.say("input_audio_buffer.clear")
        await client.speak(1.0, 0)
        assert len(client.known.order) == 1
        await client.speak(0.5)
        await client.speak(0.7, 0)
        assert len(client.known.order) == 2


async def test_detection_that_is_switched_off_in_a_turn_leaves_the_end_to_the_client() -> None:
    async with driven() as client:
        await client.speak(1.0)
        await client.update(**BY_HAND)
        await client.speak(2.0, 0)
        assert client.known.order == []
        await client.say("input_audio_buffer.commit")
        (started,) = client.of("input_audio_buffer.speech_started")
        assert client.known.order == [started["item_id"]]
        await client.update(**detection())
        await client.speak(0.5)
        assert client.known.speaking is not None


@pytest.mark.parametrize(
    ("words", "waits"),
    [("What time is it?", 0.4), ("I would like to have a", 3.5)],
)
async def test_words_decide_how_long_a_silence_has_to_be(words: str, waits: float) -> None:
    engine = ListeningEngine(words=[words])
    async with driven(engine, session={"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}}) as client:
        await client.speak(1.0)
        await client.speak(4.2, 0)
        (stopped,) = client.of("input_audio_buffer.speech_stopped")
        assert stopped["audio_end_ms"] / 1000 - 1.0 == pytest.approx(waits, abs=0.2)
        assert len(client.of("response.done")) == 1


async def test_pauses_that_nobody_can_judge_end_late() -> None:
    engine = ListeningEngine(ears={"break_at": 0})
    session = {"audio": {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}}}
    async with driven(engine, session=session) as client:
        await client.speak(1.0)
        await client.speak(2.2, 0)
        (stopped,) = client.of("input_audio_buffer.speech_stopped")
        assert stopped["audio_end_ms"] == pytest.approx(3000, abs=100)


async def test_who_says_nothing_is_spoken_to() -> None:
    voice = ScriptedVoice(seconds_per_char=0.05)
    async with driven(ScriptedEngine(["Hello there."]), voice, detection(idle_timeout_ms=5000)) as client:
        await client.speak(6.0, 0)
        assert client.of("input_audio_buffer.timeout_triggered") == []  # nothing was said to him yet
        await client.ask("Hi")
        await client.speak(1.0, 0)
        (stopped,) = client.of("output_audio_buffer.stopped")
        await client.speak(4.5, 0)
        assert client.of("input_audio_buffer.timeout_triggered") == []
        events = await client.speak(0.5, 0)
        assert client.kinds(events)[:5] == [
            "input_audio_buffer.timeout_triggered",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
        ]
        timeout = events[0]
        assert timeout["audio_end_ms"] - timeout["audio_start_ms"] == pytest.approx(5000, abs=40)
        assert timeout["item_id"] == events[1]["item_id"]
        assert stopped["response_id"] == client.of("response.done")[0]["response"]["id"]
        # and again, as long as he is silent
        await client.speak(7.0, 0)
        assert len(client.of("input_audio_buffer.timeout_triggered")) == 2


async def test_who_cancels_is_spoken_to_later_too() -> None:
    voice = ScriptedVoice(seconds_per_char=0.05)
    async with driven(ScriptedEngine(["Hello there, how are you?"]), voice, detection(idle_timeout_ms=5000)) as client:
        await client.ask("Hi")
        await client.speak(0.2, 0)
        await client.say("response.cancel")
        await client.speak(6.0, 0)
        assert len(client.of("input_audio_buffer.timeout_triggered")) == 1


FORMATS = [
    ({"type": "audio/pcm", "rate": 24000}, lambda level: wave(1.0, level)),
    ({"type": "audio/pcm", "rate": 16000}, lambda level: wave(1.0, level, 16000)),
    ({"type": "audio/pcmu"}, lambda level: encoded(np.frombuffer(wave(1.0, level, 8000), "<i2"), "audio/pcmu")),
    ({"type": "audio/pcma"}, lambda level: encoded(np.frombuffer(wave(1.0, level, 8000), "<i2"), "audio/pcma")),
]


@pytest.mark.parametrize(("given", "sound"), FORMATS)
async def test_sound_is_heard_in_every_format(given: dict[str, Any], sound: Any) -> None:
    async with driven(session={"audio": {"input": {"format": given, "turn_detection": None}}}) as client:
        assert client.events == []
        assert client.heard()[0]["session"]["audio"]["input"]["format"] == given
        data = sound(8000)
        for at in range(0, len(data), 333):  # through the middle of samples
            await client.append(data[at : at + 333])
        await client.say("input_audio_buffer.commit")
        assert heard_seconds(client) == [pytest.approx(1.0, abs=0.001)]
        item = await client.item(client.known.order[0])
        back = b64decode(item["content"][0]["audio"])
        assert len(back) == pytest.approx(len(data), rel=0.002)


async def test_sound_may_come_in_an_item() -> None:
    async with driven() as client:
        sound = (await _own_sound(client))["content"][0]["audio"]
        content = [{"type": "input_audio", "audio": sound}, {"type": "input_text", "text": "Loud?"}]
        await client.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        assert heard_seconds(client)[-1] == pytest.approx(heard_seconds(client)[0], abs=0.01)
        assert client.errors == []


async def _own_sound(client: Driver) -> dict[str, Any]:
    await client.update(**BY_HAND)
    await client.speak(0.5)
    await client.say("input_audio_buffer.commit")
    return await client.item(client.known.order[0])


async def test_a_turn_follows_what_was_written_meanwhile() -> None:
    async with driven(session=detection(create_response=False)) as client:
        await client.speak(0.5)
        await client.say("conversation.item.create", item=question("By the way"))
        written = client.known.order[0]
        await client.speak(0.7, 0)
        assert client.of("input_audio_buffer.committed")[0]["previous_item_id"] == written
