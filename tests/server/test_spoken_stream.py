"""Streamed answers in text and speech: what arrives, in which order, and that neither waits for the other."""

from __future__ import annotations

import base64
import io
from typing import Any, get_args

import anyio
import av
import numpy as np
import pytest

from server.asking import Format
from tests.scripted_engine import ScriptedEngine
from tests.server.served import ASK, SPOKEN, Served, audio_of, chunks_of, quick_voice, served, spoken_bytes
from tts.encoding import FORMATS
from tts.voice import WIRE_RATE

pytestmark = pytest.mark.anyio

SENTENCES = ["The first sentence is here. ", "The second one follows. ", "And the third one ", "ends it."]


async def _stream(server: Served, **fields: Any) -> list[dict[str, Any]]:
    body = SPOKEN | {"stream": True} | fields
    async with server.http.stream("POST", "/v1/chat/completions", json=body) as response:
        assert response.status_code == 200
        return [chunk async for chunk in chunks_of(response)]


def _sound(chunks: list[dict[str, Any]]) -> bytes:
    return b"".join(base64.b64decode(audio_of(chunk).get("data", "")) for chunk in chunks)


def _transcript(chunks: list[dict[str, Any]]) -> str:
    return "".join(audio_of(chunk).get("transcript", "") for chunk in chunks)


async def test_sound_arrives_before_the_third_sentence_exists() -> None:
    engine, voice = ScriptedEngine(SENTENCES, gates={2: anyio.Event()}), quick_voice()
    async with (
        served(engine, voice) as server,
        server.http.stream("POST", "/v1/chat/completions", json=SPOKEN | {"stream": True}) as response,
    ):
        generated_at_first_sound = None
        async for chunk in chunks_of(response):
            if "data" in audio_of(chunk) and generated_at_first_sound is None:
                generated_at_first_sound = engine.generated
                engine.gates[2].set()
    assert generated_at_first_sound == 2


async def test_text_does_not_wait_for_a_voice_that_is_stuck() -> None:
    gate = anyio.Event()
    engine, voice = ScriptedEngine(SENTENCES), quick_voice(gate=gate)
    transcript = ""
    async with (
        served(engine, voice) as server,
        server.http.stream("POST", "/v1/chat/completions", json=SPOKEN | {"stream": True}) as response,
    ):
        async for chunk in chunks_of(response):
            assert gate.is_set() or "data" not in audio_of(chunk)
            transcript += audio_of(chunk).get("transcript", "")
            if transcript == "".join(SENTENCES):
                gate.set()
    assert gate.is_set()
    assert transcript == "".join(SENTENCES)


async def test_order_and_shape_of_the_chunks() -> None:
    engine, voice = ScriptedEngine(SENTENCES), quick_voice()
    async with served(engine, voice) as server:
        chunks = await _stream(server, stream_options={"include_usage": True})
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": None}
    audio = [audio_of(chunk) for chunk in chunks if audio_of(chunk)]
    (audio_id,) = {delta["id"] for delta in audio}
    assert audio_id.startswith("audio_")
    assert audio[-1].keys() == {"id", "expires_at"}
    assert all(delta.keys() in ({"id", "transcript"}, {"id", "data"}) for delta in audio[:-1])
    expires, finish, usage = chunks[-3:]
    assert "expires_at" in audio_of(expires)
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == len(SENTENCES)
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks[:-2])
    assert all(chunk["choices"][0]["delta"].get("content") is None for chunk in chunks[:-1])
    assert {chunk["id"] for chunk in chunks} == {"chatcmpl-1"}


async def test_the_transcript_is_the_text_and_the_sound_is_all_of_it() -> None:
    engine, voice = ScriptedEngine(SENTENCES), quick_voice()
    async with served(engine, voice) as server:
        chunks = await _stream(server)
    assert _transcript(chunks) == "".join(SENTENCES)
    assert len(_sound(chunks)) == spoken_bytes(voice)
    assert " ".join(voice.said) == "".join(SENTENCES)


@pytest.mark.parametrize("stream_format", [name for name in get_args(Format) if name != "pcm16"])
async def test_each_format_is_one_stream_that_decodes(stream_format: str) -> None:
    engine, voice = ScriptedEngine(SENTENCES), quick_voice()
    async with served(engine, voice) as server:
        chunks = await _stream(server, audio={"format": stream_format})
    seconds = decoded_seconds(_sound(chunks))
    assert seconds == pytest.approx(spoken_bytes(voice) / 2 / WIRE_RATE, abs=0.15)


def decoded_seconds(data: bytes) -> float:
    """Length of a complete sound file, decoded to its end."""
    with av.open(io.BytesIO(data)) as container:
        return float(sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0)))


def test_every_format_is_one_that_the_encoder_knows() -> None:
    assert set(get_args(Format)) <= set(FORMATS)


async def test_content_repeats_the_text_when_asked() -> None:
    engine, voice = ScriptedEngine(SENTENCES), quick_voice()
    async with served(engine, voice) as server:
        chunks = await _stream(server, audio={"voice": {"id": "default"}, "text_in_content": True})
    content = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    assert content == _transcript(chunks) == "".join(SENTENCES)


async def test_audio_fields_have_defaults() -> None:
    async with served(ScriptedEngine(SENTENCES), quick_voice()) as server:
        body = ASK | {"modalities": ["audio", "text"], "stream": True}
        async with server.http.stream("POST", "/v1/chat/completions", json=body) as response:
            chunks = [chunk async for chunk in chunks_of(response)]
    assert np.frombuffer(_sound(chunks), "<i2").max() == 8000  # pcm16, spoken by "default"


async def test_everything_else_in_a_chunk_passes_through() -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    logprobs = {"content": [{"token": "Hi", "logprob": -0.5, "bytes": None, "top_logprobs": []}]}
    engine = ScriptedEngine(
        [
            {"delta": {"reasoning": "Let me think. This is long enough to be a sentence."}},
            {"delta": {"content": "Hi."}, "logprobs": logprobs, "token_ids": [1, 2]},
            {"delta": {"tool_calls": [call]}},
        ],
        finish={"delta": {}, "finish_reason": "tool_calls", "stop_reason": 7},
    )
    voice = quick_voice()
    async with served(engine, voice) as server:
        chunks = await _stream(server)
    choices = [chunk["choices"][0] for chunk in chunks]
    assert choices[1]["delta"] == {"reasoning": "Let me think. This is long enough to be a sentence."}
    assert (choices[2]["logprobs"], choices[2]["token_ids"]) == (logprobs, [1, 2])
    assert [choice["delta"]["tool_calls"] for choice in choices if "tool_calls" in choice["delta"]] == [[call]]
    assert (choices[-1]["finish_reason"], choices[-1]["stop_reason"]) == ("tool_calls", 7)
    assert voice.said == ["Hi."]


async def test_last_words_in_the_finish_chunk_are_not_held_back() -> None:
    gate = anyio.Event()
    finish = {"delta": {"content": "ends here."}, "finish_reason": "length", "stop_reason": 7, "token_ids": [9]}
    engine, voice = ScriptedEngine(["It "], finish=finish), quick_voice(gate=gate)
    chunks = []
    async with (
        served(engine, voice) as server,
        server.http.stream("POST", "/v1/chat/completions", json=SPOKEN | {"stream": True}) as response,
    ):
        async for chunk in chunks_of(response):
            chunks.append(chunk)
            if _transcript(chunks) == "It ends here.":
                gate.set()
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert reasons == [None] * (len(chunks) - 1) + ["length"]
    assert [chunk["choices"][0].get("token_ids") for chunk in chunks if chunk["choices"][0].get("token_ids")] == [[9]]
    assert chunks[-1]["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "length", "stop_reason": 7}


async def test_an_answer_without_words_has_no_audio() -> None:
    async with served(ScriptedEngine([{"delta": {"content": ""}}]), quick_voice()) as server:
        chunks = await _stream(server)
    assert not any(audio_of(chunk) for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


async def test_the_sdk_can_follow() -> None:
    engine, voice = ScriptedEngine(SENTENCES), quick_voice()
    async with served(engine, voice) as server:
        transcript, sound = "", b""
        async for chunk in await server.sdk.chat.completions.create(**SPOKEN, stream=True):
            if audio := chunk.choices[0].delta.audio:
                transcript += audio.transcript or ""
                sound += base64.b64decode(audio.data or "")
    assert transcript == "".join(SENTENCES)
    assert len(sound) == spoken_bytes(voice)


async def test_an_engine_that_dies_ends_text_and_sound_with_its_error() -> None:
    engine, voice = ScriptedEngine(SENTENCES, break_at=2), quick_voice(gate=anyio.Event())
    async with served(engine, voice) as server:
        chunks = await _stream(server)
        assert await engine.running() == voice.active == 0
    assert chunks[-1] == {"error": {"message": "the engine died", "type": "server_error", "code": 500}}
    assert _transcript(chunks[:-1]) == "".join(SENTENCES[:2])


async def test_a_voice_that_fails_leaves_the_text_whole() -> None:
    engine, voice = ScriptedEngine(SENTENCES), quick_voice(fail_on="second")
    async with served(engine, voice) as server:
        chunks = await _stream(server)
        audio_id = next(audio_of(chunk)["id"] for chunk in chunks if audio_of(chunk))
        history = [{"role": "assistant", "audio": {"id": audio_id}}, {"role": "user", "content": "Again."}]
        await server.http.post("/v1/chat/completions", json=ASK | {"messages": history})
        metrics = (await server.http.get("/metrics")).text
    *spoken, finish, error = chunks
    assert _transcript(spoken) == "".join(SENTENCES)
    first, third = "The first sentence is here.", "And the third one ends it."
    assert voice.said == [first, "The second one follows.", "The second one follows.", third]
    assert _sound(spoken) == voice.pcm(first) + bytes(round(0.3 * 2 * WIRE_RATE)) + voice.pcm(third)
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert error["error"]["code"] == "voice_failed"
    assert "script" not in str(error)
    assert engine.requests[-1]["messages"][0] == {"role": "assistant", "content": "".join(SENTENCES)}
    assert "ola_voice_failures_total 1.0" in metrics


async def test_fifty_listeners_at_a_time() -> None:
    engine, voice = ScriptedEngine(SENTENCES), quick_voice()
    answers: list[tuple[str, int]] = []
    async with served(engine, voice) as server:

        async def listen() -> None:
            chunks = await _stream(server)
            answers.append((_transcript(chunks), len(_sound(chunks))))

        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(listen)
        assert await engine.running() == voice.active == 0
    one, two, three = "The first sentence is here.", "The second one follows.", "And the third one ends it."
    # What a busy voice says in one go depends on when it has time.
    ways = [(one, two, three), (f"{one} {two}", three), (one, f"{two} {three}"), (f"{one} {two} {three}",)]
    sizes = {spoken_bytes(voice, units) for units in ways}
    assert [transcript for transcript, _ in answers] == ["".join(SENTENCES)] * 50
    assert {size for _, size in answers} <= sizes
