"""Whole answers in text and speech, and later requests that name them by their audio id."""

from __future__ import annotations

import base64
from time import time
from typing import get_args

import openai
import pytest

from server.asking import Format
from server.store import MemoryStore
from tests.scripted_engine import ScriptedEngine
from tests.server.served import ASK, SPOKEN, Served, audio_of, chunks_of, quick_voice, served, spoken_bytes
from tests.server.test_spoken_stream import decoded_seconds
from tts.voice import WIRE_RATE

pytestmark = pytest.mark.anyio

TEXT = "The first sentence is here. The second one follows."


async def test_a_whole_spoken_answer_through_the_sdk() -> None:
    voice = quick_voice()
    async with served(ScriptedEngine([TEXT]), voice) as server:
        completion = await server.sdk.chat.completions.create(**SPOKEN)
    message = completion.choices[0].message
    assert message.content is None
    assert message.audio is not None
    assert message.audio.id.startswith("audio_")
    assert message.audio.transcript == TEXT
    assert len(base64.b64decode(message.audio.data)) == spoken_bytes(voice)
    assert message.audio.expires_at == pytest.approx(time() + 3600, abs=5)


@pytest.mark.parametrize("file_format", [name for name in get_args(Format) if name != "pcm16"])
async def test_each_format_is_a_complete_file(file_format: str) -> None:
    voice = quick_voice()
    async with served(ScriptedEngine([TEXT]), voice) as server:
        completion = await server.sdk.chat.completions.create(
            **SPOKEN | {"audio": {"voice": "alloy", "format": file_format}}
        )
    audio = completion.choices[0].message.audio
    assert audio is not None
    seconds = decoded_seconds(base64.b64decode(audio.data))
    assert seconds == pytest.approx(spoken_bytes(voice) / 2 / WIRE_RATE, abs=0.15)


async def test_the_default_format_is_wav() -> None:
    async with served(ScriptedEngine([TEXT]), quick_voice()) as server:
        completion = await server.sdk.chat.completions.create(**ASK, modalities=["audio", "text"])
    audio = completion.choices[0].message.audio
    assert audio is not None
    assert base64.b64decode(audio.data).startswith(b"RIFF")


async def test_content_repeats_the_text_when_asked() -> None:
    body = SPOKEN | {"audio": {"voice": "alloy", "format": "pcm16", "text_in_content": True}}
    async with served(ScriptedEngine([TEXT]), quick_voice()) as server:
        completion = await server.sdk.chat.completions.create(**body)
    assert completion.choices[0].message.content == TEXT


async def test_an_answer_without_words_has_no_audio() -> None:
    async with served(ScriptedEngine([""]), quick_voice()) as server:
        completion = await server.sdk.chat.completions.create(**SPOKEN)
    assert completion.choices[0].message.audio is None


async def test_a_voice_that_fails_is_a_server_error() -> None:
    async with served(ScriptedEngine([TEXT]), quick_voice(fail_on="")) as server:
        with pytest.raises(openai.InternalServerError) as failure:
            await server.sdk.chat.completions.create(**SPOKEN)
    assert failure.value.code == "voice_failed"
    assert "script" not in failure.value.message


async def _audio_ids(server: Served) -> list[str]:
    """The ids of one whole and one streamed answer."""
    completion = await server.sdk.chat.completions.create(**SPOKEN)
    assert completion.choices[0].message.audio is not None
    response = await server.http.post("/v1/chat/completions", json=SPOKEN | {"stream": True})
    ids = {audio_of(chunk)["id"] async for chunk in chunks_of(response) if audio_of(chunk)}
    return [completion.choices[0].message.audio.id, *ids]


async def test_an_answer_can_be_named_by_its_audio_id() -> None:
    engine = ScriptedEngine([TEXT])
    async with served(engine, quick_voice()) as server:
        ids = await _audio_ids(server)
        assert len(set(ids)) == 2
        for audio_id in ids:
            messages = [{"role": "assistant", "audio": {"id": audio_id}}, {"role": "user", "content": "Go on."}]
            response = await server.http.post("/v1/chat/completions", json=ASK | {"messages": messages})
            assert response.status_code == 200
            assert engine.requests[-1]["messages"] == [{"role": "assistant", "content": TEXT}, messages[1]]


async def test_a_message_as_the_sdk_dumps_it_is_understood() -> None:
    engine = ScriptedEngine([TEXT])
    async with served(engine, quick_voice()) as server:
        spoken = (await server.sdk.chat.completions.create(**SPOKEN)).choices[0].message.model_dump()
        written = (await server.sdk.chat.completions.create(**ASK)).choices[0].message.model_dump()
        assert spoken["audio"]["transcript"] == TEXT
        assert written["audio"] is None
        await server.http.post("/v1/chat/completions", json=ASK | {"messages": [spoken, written]})
    contents = [(message["content"], "audio" in message) for message in engine.requests[-1]["messages"]]
    assert contents == [(TEXT, False), (TEXT, False)]


async def test_an_expired_answer_is_refused() -> None:
    now = [1000.0]
    async with served(ScriptedEngine([TEXT]), quick_voice(), MemoryStore(60, 10, lambda: now[0])) as server:
        ids = await _audio_ids(server)
        now[0] += 61
        messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "audio": {"id": ids[0]}}]
        response = await server.http.post("/v1/chat/completions", json=ASK | {"messages": messages})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "messages[1].audio.id"
    assert "expired" in response.json()["error"]["message"]


@pytest.mark.parametrize("audio", ["audio_1", {}, {"id": 7}, []])
async def test_history_without_a_proper_id_is_refused(audio: object) -> None:
    async with served(ScriptedEngine([TEXT]), quick_voice()) as server:
        messages = [{"role": "assistant", "audio": audio}]
        response = await server.http.post("/v1/chat/completions", json=ASK | {"messages": messages})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "messages[0].audio"
