"""POST /v1/audio/speech through the official SDK and over the bare wire: files, events, refusals, faults, leaving."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import av
import httpx
import numpy as np
import openai
import pytest

from server.audio.speech import MAX_CHARACTERS
from tests.scripted_engine import MODEL, ScriptedEngine
from tests.scripted_voice import ScriptedVoice
from tests.server.served import STOP_SECONDS, Served, quick_voice, served, spoken_bytes
from tests.server.test_busy import LIMITS, make_slow
from tests.server.test_errors import check_error
from tests.server.test_spoken_stream import decoded_seconds
from tts.voice import WIRE_RATE

pytestmark = pytest.mark.anyio

SPEECH = "/v1/audio/speech"
TEXT = "The first sentence is here. The second one follows. And a third one ends it."
ASK: dict[str, Any] = {"model": "tts-1", "input": TEXT, "voice": "alloy"}
PCM = ASK | {"response_format": "pcm"}
MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


def events_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: {")]


@pytest.mark.parametrize("file_format", MEDIA_TYPES)
async def test_each_format_through_the_sdk(file_format: str) -> None:
    voice = quick_voice()
    async with served(ScriptedEngine(), voice) as server:
        answer = await server.sdk.audio.speech.create(**ASK | {"response_format": file_format})
        expected = spoken_bytes(voice)
    assert answer.response.headers["content-type"] == MEDIA_TYPES[file_format]
    assert answer.response.headers["transfer-encoding"] == "chunked"
    seconds = len(answer.content) / 48_000 if file_format == "pcm" else decoded_seconds(answer.content)
    assert seconds == pytest.approx(expected / 2 / WIRE_RATE, abs=0.15)
    assert " ".join(voice.said) == TEXT


async def test_the_default_is_mp3() -> None:
    async with served(ScriptedEngine(), quick_voice()) as server:
        answer = await server.http.post(SPEECH, json={"input": "Hello there."})
    assert answer.headers["content-type"] == "audio/mpeg"
    with av.open(io.BytesIO(answer.content)) as file:
        assert file.format.name == "mp3"


async def test_the_first_sound_comes_while_the_rest_is_made() -> None:
    gate = anyio.Event()
    voice = quick_voice(gate=gate, gate_after=2)
    async with served(ScriptedEngine(), voice) as server:
        async with server.sdk.audio.speech.with_streaming_response.create(**PCM) as answer:
            pieces = answer.iter_bytes()
            with anyio.fail_after(5):
                heard = await anext(pieces)
            assert voice.finished == 0
            gate.set()
            async for piece in pieces:
                heard += piece
        assert len(heard) == spoken_bytes(voice)


async def test_events_through_the_sdk() -> None:
    voice = quick_voice()
    async with served(ScriptedEngine(), voice) as server:
        async with server.sdk.audio.speech.with_streaming_response.create(**PCM, stream_format="sse") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            *deltas, done = events_of((await answer.read()).decode())
        sound = b"".join(base64.b64decode(event["audio"]) for event in deltas)
        assert len(sound) == spoken_bytes(voice)
    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    tokens = int(np.ceil(len(sound) / 2 / WIRE_RATE * 20))
    usage = {"input_tokens": len(TEXT), "output_tokens": tokens, "total_tokens": len(TEXT) + tokens}
    assert done == {"type": "speech.audio.done", "usage": usage}


async def test_speed_and_language_reach_the_voice() -> None:
    voice = quick_voice()
    async with served(ScriptedEngine(), voice) as server:
        answer = await server.http.post(SPEECH, json=PCM | {"speed": 2, "language": "en-GB"})
        assert answer.status_code == 200
    assert set(voice.speeds) == {2.0}
    assert set(voice.langs) == {"en-GB"}


async def test_instructions_reach_a_voice_that_follows_them() -> None:
    told: list[str] = []

    class Obedient(ScriptedVoice):
        follows_instructions = True

        def synthesize(self, text: str, *, instructions: str = "", **manner: Any) -> AsyncGenerator[bytes, None]:
            told.append(instructions)
            return super().synthesize(text, **manner)

    async with served(ScriptedEngine(), Obedient(seconds_per_char=0.01)) as server:
        await server.sdk.audio.speech.create(**PCM, instructions="Whisper.")
        await server.sdk.audio.speech.create(**PCM, instructions=" ")
    assert set(told) == {"Whisper.", ""}


@pytest.mark.parametrize("model", ["tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15", MODEL, None])
async def test_models_that_programs_name(model: str | None) -> None:
    async with served(ScriptedEngine(), quick_voice()) as server:
        assert (await server.http.post(SPEECH, json=PCM | {"model": model})).status_code == 200


@pytest.mark.parametrize(
    ("fields", "status", "param", "code"),
    [
        ({"input": ""}, 400, "input", None),
        ({"input": 7}, 400, "input", None),
        ({"input": "x" * (MAX_CHARACTERS + 1)}, 400, "input", None),
        ({"input": "***"}, 400, "input", None),
        ({"voice": "bob"}, 400, "voice", "unknown_voice"),
        ({"voice": 3}, 400, "voice", None),
        ({"response_format": "midi"}, 400, "response_format", None),
        ({"speed": 0.2}, 400, "speed", None),
        ({"speed": 4.1}, 400, "speed", None),
        ({"speed": "fast"}, 400, "speed", None),
        ({"language": "no language"}, 400, "language", None),
        ({"language": "xx"}, 400, "language", None),
        ({"instructions": "Whisper."}, 400, "instructions", "instructions_unsupported"),
        ({"stream_format": "webrtc"}, 400, "stream_format", None),
        ({"pitch": 2}, 400, "pitch", None),
        ({"model": "nobody"}, 404, "model", "model_not_found"),
    ],
)
@pytest.mark.parametrize("stream_format", ["audio", "sse"])
async def test_what_is_refused_names_the_field(
    fields: dict[str, Any], status: int, param: str, code: str | None, stream_format: str
) -> None:
    voice = quick_voice()
    async with served(ScriptedEngine(), voice) as server:
        answer = await server.http.post(SPEECH, json=PCM | {"stream_format": stream_format} | fields)
    error = check_error(answer, status)
    assert (error["param"], error["code"]) == (param, code)
    assert voice.said == []


async def test_without_a_voice() -> None:
    async with served(ScriptedEngine()) as server:
        assert check_error(await server.http.post(SPEECH, json=PCM), 400)["code"] == "no_voice"


async def test_a_busy_voice_refuses() -> None:
    gate = anyio.Event()
    async with served(ScriptedEngine(), quick_voice(gate=gate), limits=LIMITS) as server:
        make_slow(server)
        async with anyio.create_task_group() as group:
            group.start_soon(_post, server)
            await _speaking(server)
            answer = await server.http.post(SPEECH, json=PCM)
            error = check_error(answer, 429)
            assert (error["code"], error["param"]) == ("voice_busy", None)
            assert int(answer.headers["retry-after"]) >= 1
            with pytest.raises(openai.RateLimitError):
                await server.sdk.audio.speech.create(**ASK)
            gate.set()


async def _post(server: Served) -> None:
    assert (await server.http.post(SPEECH, json=PCM)).status_code == 200


async def _speaking(server: Served) -> None:
    assert server.voice is not None
    with anyio.fail_after(5):
        while not server.voice.active:  # noqa: ASYNC110 - the client sees nothing of it
            await anyio.sleep(0.002)


async def test_a_voice_that_says_nothing_is_an_http_error() -> None:
    async with served(ScriptedEngine(), quick_voice(fail_on="")) as server:
        for stream_format in ("audio", "sse"):
            answer = await server.http.post(SPEECH, json=PCM | {"stream_format": stream_format})
            assert check_error(answer, 500)["code"] == "voice_failed"


async def test_a_file_with_a_gap_has_no_end() -> None:
    """A client that reads to the end must not take it for the whole text."""
    async with served(ScriptedEngine(), quick_voice(fail_on="second")) as server:
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            await server.http.post(SPEECH, json=PCM)
        with pytest.raises(openai.APIConnectionError):
            await server.sdk.audio.speech.create(**PCM)


async def test_events_with_a_gap_end_with_an_error() -> None:
    async with served(ScriptedEngine(), quick_voice(fail_on="second")) as server:
        answer = await server.http.post(SPEECH, json=PCM | {"stream_format": "sse"})
    *deltas, last = events_of(answer.text)
    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    assert last["error"]["code"] == "voice_failed"


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
async def test_leaving_stops_the_voice(stream_format: str) -> None:
    voice = quick_voice(gate=anyio.Event(), gate_after=2)
    async with served(ScriptedEngine(), voice) as server:
        body = PCM | {"stream_format": stream_format}
        async with server.http.stream("POST", SPEECH, json=body) as answer:
            await anext(answer.aiter_bytes())
        assert await server.idle_after() < STOP_SECONDS
    assert voice.stopped


async def test_a_listener_who_does_not_read_stops_the_voice_until_he_leaves() -> None:
    voice = ScriptedVoice(seconds_per_char=2.0, chunk_seconds=1.0)
    async with served(ScriptedEngine(), voice) as server:
        async with server.http.stream("POST", SPEECH, json=PCM | {"input": TEXT * 20}) as answer:
            assert answer.status_code == 200
            before = -1
            while before != len(voice.said):  # until back-pressure reaches the voice
                before = len(voice.said)
                await anyio.sleep(0.1)
            assert len(voice.said) < 20
        assert await server.idle_after() < STOP_SECONDS


async def test_a_long_text_is_spoken_whole() -> None:
    voice = ScriptedVoice(seconds_per_char=0.0005, chunk_seconds=1.0)
    text = " ".join(f"This is sentence number {number} of a long text." for number in range(300))
    async with served(ScriptedEngine(), voice) as server:
        answer = await server.http.post(SPEECH, json=PCM | {"input": text})
    assert answer.status_code == 200
    assert len(voice.said) < 300, "planned, not line by line"
    assert " ".join(voice.said).count("sentence number") == 300


@pytest.mark.parametrize(
    "unsaid",
    ["*" * 10_000, "\U0001f600" * 5000, "---\n" * 3000, "```\n" + "x" * 4000 + "\n```\n"],
    ids=["stars", "emoji", "rules", "code"],
)
async def test_much_that_nobody_says_does_not_keep_the_rest_waiting(unsaid: str) -> None:
    voice = quick_voice()
    async with served(ScriptedEngine(), voice) as server:
        answer = await server.http.post(SPEECH, json=PCM | {"input": f"{unsaid} Hello."})
    assert answer.status_code == 200
    assert voice.said[-1].endswith("Hello.")
