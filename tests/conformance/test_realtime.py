"""The Realtime API through OpenAI's Python SDK: speaking with the demo model on the real engine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from openai import AsyncOpenAI

from tests.conformance.asked import FORCED, MODEL, picture
from tests.conformance.talking import Event, Talk, first, kinds_of, recorded, sound_of, spoken, talking, wav
from tests.demo import sounds
from tests.demo.words import word_errors, words

pytestmark = [
    pytest.mark.engine,
    pytest.mark.anyio,
    pytest.mark.skipif(not sounds.can_speak(), reason="espeak-ng is not on the path"),
]

TEXT: Any = {"output_modalities": ["text"]}
QUESTION, ASKED, ANSWER = "question.wav", "What is three plus four?", "Three plus four is seven."
WRITTEN_DOWN = "conversation.item.input_audio_transcription.completed"
COUNT = "Count to twenty."


@pytest.fixture
async def sdk(demo: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{demo}/v1", api_key="none", max_retries=0, timeout=120) as client:
        yield client


def said(events: list[Event]) -> str:
    """The words of the answer that ended."""
    (message,) = events[-1]["response"]["output"]
    (part,) = message["content"]
    text: str = part.get("transcript") or part.get("text")
    return text


async def test_a_spoken_question_is_answered_aloud(sdk: AsyncOpenAI) -> None:
    async with talking(sdk) as talk:
        await _have_words_written_down(talk)
        await talk.say(recorded(QUESTION))
        events = await talk.hear("response.done")
        events = await _until_written_down(talk, events) + events
    assert events[-1]["response"]["status"] == "completed"
    assert said(events) == ANSWER
    heard = first(events, WRITTEN_DOWN)
    assert words(heard["transcript"]) == words(ASKED)
    order = ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed"]
    kinds = kinds_of(events)
    assert [kind for kind in kinds if kind.startswith("input_audio_buffer")] == order
    assert len({first(events, kind)["item_id"] for kind in (*order, heard["type"])}) == 1
    again = await sdk.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav(sound_of(events))))
    wrong, count = word_errors(ANSWER, again.text)
    assert wrong <= 1 < count


async def test_a_text_is_answered_in_text_or_aloud(sdk: AsyncOpenAI) -> None:
    async with talking(sdk) as talk:
        await talk.write("What is two plus three?")
        await talk.connection.response.create(response=TEXT)
        events = await talk.hear("response.done")
        assert "five" in said(events)
        assert "".join(event["delta"] for event in events if event["type"].endswith("text.delta")) == said(events)
        assert not sound_of(events)
        await talk.write("What day comes after Monday?")
        await talk.connection.response.create()
        events = await talk.hear("response.done")
        assert "Tuesday" in said(events)
        assert len(sound_of(events)) > 24_000
    usage = events[-1]["response"]["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0


async def test_a_picture_is_shown_in_the_middle(sdk: AsyncOpenAI) -> None:
    async with talking(sdk) as talk:
        await talk.say(recorded(QUESTION))
        await talk.hear("response.done")
        await talk.write("What do you see?", {"type": "input_image", "image_url": picture()})
        await talk.connection.response.create(response=TEXT)
        events = await talk.hear("response.done")
    assert {"star", "cross", "square"} <= set(words(said(events)))


async def test_who_speaks_meanwhile_interrupts(sdk: AsyncOpenAI) -> None:
    async with talking(sdk) as talk:
        await _have_words_written_down(talk)
        await talk.write(COUNT)
        await talk.connection.response.create()
        before = await talk.hear("response.output_audio.delta")
        await talk.say(b"", silence=1.0)  # the microphone is open before anybody speaks
        await talk.say(recorded(QUESTION))
        events = before + await talk.hear("response.done")
        done = events[-1]["response"]
        assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "turn_detected")
        assert "input_audio_buffer.speech_started" in kinds_of(events)
        after = await talk.hear("response.done")
        assert after[-1]["response"]["status"] == "completed"
        after += await _until_written_down(talk, after)
        (item,) = done["output"]
        await talk.connection.conversation.item.retrieve(item_id=item["id"])
        (*_, kept) = await talk.hear("conversation.item.retrieved")
    assert "twenty" not in kept["item"]["content"][0]["transcript"]
    assert first(events + after, "conversation.item.truncated")["item_id"] == item["id"]
    assert words(first(after, WRITTEN_DOWN)["transcript"]) == words(ASKED)


async def _have_words_written_down(talk: Talk) -> None:
    transcription: Any = {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}}
    await talk.connection.session.update(session={"type": "realtime", "audio": transcription})
    await talk.hear("session.updated")


async def _until_written_down(talk: Talk, events: list[Event]) -> list[Event]:
    """What comes until the user's words are there, if they are not among these events."""
    return [] if WRITTEN_DOWN in kinds_of(events) else await talk.hear(WRITTEN_DOWN)


async def test_a_function_is_called_and_what_it_returned_is_taken(sdk: AsyncOpenAI) -> None:
    tool = {"type": "function"} | {name: FORCED[name] for name in ("name", "description", "parameters")}
    async with talking(sdk) as talk:
        session: Any = {"type": "realtime", "tools": [tool], "tool_choice": {"type": "function", "name": "weather"}}
        await talk.connection.session.update(session=session)
        await talk.write("How is the weather in Rome?")
        await talk.connection.response.create()
        events = await talk.hear("response.done")
        (call,) = events[-1]["response"]["output"]
        assert (call["type"], call["name"], json.loads(call["arguments"])) == (
            "function_call",
            "weather",
            {"city": "Rome"},
        )
        deltas = [event["delta"] for event in events if event["type"] == "response.function_call_arguments.delta"]
        assert "".join(deltas) == call["arguments"]
        assert not sound_of(events)
        output: Any = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
        await talk.connection.conversation.item.create(item=output)
        await talk.connection.response.create(response={"tool_choice": "none"})
        events = await talk.hear("response.done")
    assert said(events)


async def test_a_transcription_session_writes_down_what_is_said(sdk: AsyncOpenAI) -> None:
    async with talking(sdk, extra_query={"intent": "transcription"}) as talk:
        transcription: Any = {"input": {"transcription": {"model": "gpt-4o-transcribe", "language": "en"}}}
        await talk.connection.session.update(session={"type": "transcription", "audio": transcription})
        await talk.say(spoken(ASKED))
        events = await talk.hear(WRITTEN_DOWN)
    kind = "conversation.item.input_audio_transcription.delta"
    assert "".join(event["delta"] for event in events if event["type"] == kind) == events[-1]["transcript"]
    wrong, count = word_errors(ASKED, events[-1]["transcript"])
    assert wrong <= 1 < count
    assert not [kind for kind in kinds_of(events) if kind.startswith("response.")]


async def test_errors_end_nothing(sdk: AsyncOpenAI) -> None:
    async with talking(sdk) as talk:
        mistakes: list[tuple[str, dict[str, Any], str]] = [
            ("response.make", {}, "type"),
            ("response.cancel", {"event_id": "mine"}, ""),
            ("input_audio_buffer.append", {"audio": "no base64"}, "audio"),
            ("conversation.item.delete", {"item_id": "item_nobody"}, "item_id"),
            ("session.update", {"session": {"type": "realtime", "audio": {"output": {"speed": 9}}}}, "session.audio"),
        ]
        for kind, fields, param in mistakes:
            await talk.send(kind, **fields)
            error = (await talk.hear("error"))[-1]
            assert error["error"]["event_id"] == fields.get("event_id")
            assert (error["error"]["param"] or "").startswith(param)
        await _still_answers(talk)


async def _still_answers(talk: Talk) -> None:
    await talk.write("What is two plus three?")
    await talk.connection.response.create(response=TEXT)
    assert "five" in said(await talk.hear("response.done"))


async def test_a_secret_for_a_page_opens_the_session_that_it_was_made_for(sdk: AsyncOpenAI) -> None:
    session: Any = {"type": "realtime", "model": MODEL, "instructions": "Be brief.", "output_modalities": ["text"]}
    minted = await sdk.realtime.client_secrets.create(session=session)
    async with (
        AsyncOpenAI(base_url=sdk.base_url, api_key=minted.value) as page,
        page.realtime.connect(model=MODEL) as connection,
    ):
        talk = Talk(connection)
        created = first(await talk.hear("session.created"), "session.created")["session"]
        assert (created["instructions"], created["output_modalities"]) == ("Be brief.", ["text"])


async def test_frames_shown_while_speaking_are_a_video(sdk: AsyncOpenAI) -> None:
    async with talking(sdk) as talk:
        for _ in range(3):
            await talk.send("input_video_buffer.append", image_url=picture())
        await talk.say(recorded(QUESTION))
        events = await talk.hear("response.done")
    item = first(events, "conversation.item.done")["item"]
    assert item["video"] == {"frames": 3}
    details = events[-1]["response"]["usage"]["input_token_details"]
    assert min(details["image_tokens"], details["audio_tokens"]) > 0
    assert said(events)


async def test_words_that_end_a_sentence_end_the_turn(sdk: AsyncOpenAI) -> None:
    async with talking(sdk) as talk:
        detection: Any = {"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}}
        await talk.connection.session.update(session={"type": "realtime", "audio": detection})
        await talk.hear("session.updated")
        await talk.say(recorded(QUESTION), silence=0.4)
        await talk.hear("input_audio_buffer.speech_started")
        # In less than the eight seconds of silence that an unfinished sentence would be given.
        for _ in range(20):
            await talk.say(b"", silence=0.1)
            await anyio.sleep(0.1)  # the microphone's time; the judgement takes some of it
        events = await talk.hear("response.done")
    assert said(events) == ANSWER


async def test_a_session_goes_on_with_another_connection(sdk: AsyncOpenAI) -> None:
    async with sdk.realtime.connect(model=MODEL) as connection:
        talk = Talk(connection)
        session_id = first(await talk.hear("session.created"), "session.created")["session"]["id"]
        await talk.write("What is two plus three?")
        await talk.connection.response.create(response=TEXT)
        events = await talk.hear("response.done")
        answer, last = said(events), events[-1]["event_id"]
    async with talking(sdk) as talk:
        await talk.send("session.resume", session_id=session_id, last_event_id=last)
        resumed = await talk.next("session.resumed")
        assert (resumed["session"]["id"], resumed["missed"]) == (session_id, 0)
        await talk.connection.conversation.item.retrieve(item_id=events[-1]["response"]["output"][0]["id"])
        (*_, kept) = await talk.hear("conversation.item.retrieved")
        assert kept["item"]["content"][0]["text"] == answer
        await talk.write("What day comes after Monday?")
        await talk.connection.response.create(response=TEXT)
        assert "Tuesday" in said(await talk.hear("response.done"))
