"""Scripted dialogues with a session, on the sample clock: nothing here waits for the wall."""

from __future__ import annotations

import pytest

from tests.scripted_engine import ScriptedEngine
from tests.scripted_voice import ScriptedVoice
from tests.server.realtime.driver import driven, question

pytestmark = pytest.mark.anyio


async def test_a_session_is_told_first() -> None:
    async with driven() as client:
        assert client.kinds(client.heard()) == ["session.created", "conversation.created"]
        session = client.events[0]["session"]
        assert session["output_modalities"] == ["text"]  # nobody speaks here
        assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"


async def test_a_question_in_text_is_answered_in_text() -> None:
    async with driven(ScriptedEngine(["Hello ", "there."])) as client:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
        added = await client.say("conversation.item.create", item=item)
        assert client.kinds(added) == ["conversation.item.added", "conversation.item.done"]
        events = await client.say("response.create")
        assert client.kinds(events) == [
            "response.created",
            "rate_limits.updated",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "conversation.item.done",
            "response.done",
        ]
        done = events[-1]["response"]
        assert done["status"] == "completed"
        assert done["output"][0]["content"] == [{"type": "output_text", "text": "Hello there."}]
        assert done["usage"]["output_tokens"] == 2


async def test_a_spoken_turn_is_answered_aloud() -> None:
    voice = ScriptedVoice(seconds_per_char=0.05)
    async with driven(ScriptedEngine(["Hello there, ", "how are you?"]), voice) as client:
        heard = await client.speak(1.0)
        assert client.kinds(heard) == ["input_audio_buffer.speech_started"]
        heard = await client.speak(0.6, 0)
        assert client.kinds(heard)[:4] == [
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
        ]
        await client.wait(5)
        (done,) = client.of("response.done")
        assert done["response"]["status"] == "completed"
        assert done["response"]["output"][0]["content"][0]["transcript"] == "Hello there, how are you?"
        assert client.kinds(client.events)[-1] == "output_audio_buffer.stopped"


async def test_who_speaks_up_is_given_the_floor() -> None:
    voice = ScriptedVoice(seconds_per_char=0.1)
    words = ["One two three. ", "Four five six. ", "Seven eight nine. ", "Ten eleven twelve."]
    async with driven(ScriptedEngine(words), voice) as client:
        await client.say("conversation.item.create", item=question("Count!"))
        await client.say("response.create")
        await client.speak(2.0, 0)
        heard = await client.speak(1.0)
        kinds = client.kinds(heard)
        assert "input_audio_buffer.speech_started" in kinds
        after = kinds[kinds.index("input_audio_buffer.speech_started") + 1 :]
        assert "response.output_audio.delta" not in after
        (done,) = client.of("response.done")
        assert done["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        (cut,) = client.of("conversation.item.truncated")
        assert 2000 <= cut["audio_end_ms"] <= 2500
        kept = (await client.say("conversation.item.retrieve", item_id=cut["item_id"]))[0]["item"]
        said = kept["content"][0]["transcript"]
        assert "".join(words).startswith(said)
        assert 0 < len(said) < len("".join(words))
