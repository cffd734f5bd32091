"""POST /v1/audio/transcriptions and /translations over a scripted model: forms, events, refusals, faults, leaving."""

from __future__ import annotations

import io
from typing import Any

import anyio
import numpy as np
import openai
import pytest
import soundfile
from openai.types.audio import (
    Transcription,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
    TranscriptionVerbose,
    Translation,
    TranslationVerbose,
)

from engine.api import SAMPLE_RATE, EngineError, Sound
from tests.scripted_engine import MODEL, ScriptedEngine
from tests.server.served import STOP_SECONDS, served
from tests.server.test_errors import check_error
from tests.server.test_segments import quiet, tone

pytestmark = pytest.mark.anyio

URL = "/v1/audio/transcriptions"
SAID = ["Hello ", "there."]


def recording(sentences: int = 1, file_format: str = "WAV") -> bytes:
    """So many sentences of a second, with pauses of a second."""
    stored = io.BytesIO()
    samples = np.concatenate([part for _ in range(sentences) for part in (quiet(1.0), tone(1.0))])
    soundfile.write(stored, samples, SAMPLE_RATE, format=file_format)
    return stored.getvalue()


def form(file: bytes | None = None, **fields: Any) -> dict[str, Any]:
    return {"data": fields, "files": {"file": ("speech.wav", file or recording(), "audio/wav")}}


@pytest.mark.parametrize("file_format", ["WAV", "FLAC", "OGG", "MP3"])
async def test_json_through_the_sdk(file_format: str) -> None:
    engine = ScriptedEngine(SAID)
    async with served(engine) as server:
        answer = await server.sdk.audio.transcriptions.create(
            model="whisper-1", file=("speech", recording(2, file_format)), language="de", prompt="Names: Ola."
        )
    Transcription.model_validate(answer.model_dump(), strict=True)
    assert answer.text == "Hello there. Hello there."
    assert answer.usage is not None
    usage = {"type": "tokens", "input_tokens": 6, "output_tokens": 4, "total_tokens": 10}
    assert answer.usage.model_dump(exclude_none=True) == usage
    asked = [request["messages"][0]["content"] for request in engine.requests]
    prompt = "Please give the ASR results of the given speech. The speech is in German.\nNames: Ola."
    assert [content[1]["text"] for content in asked] == [prompt] * 2
    assert all(isinstance(content[0], Sound) for content in asked)
    assert all(request["temperature"] == 0 and "model" not in request for request in engine.requests)


@pytest.mark.parametrize(
    ("response_format", "kind", "expected"),
    [
        ("text", "text/plain", "Hello there. Hello there.\n"),
        (
            "srt",
            "text/plain",
            "1\n00:00:00,700 --> 00:00:02,2{}0\nHello there.\n\n2\n00:00:02,700 --> 00:00:04,000\nHello there.\n\n",
        ),
        (
            "vtt",
            "text/vtt",
            "WEBVTT\n\n00:00:00.700 --> 00:00:02.2{}0\nHello there.\n\n00:00:02.700 --> 00:00:04.000\nHello there.\n\n",
        ),
    ],
)
async def test_forms_in_text(response_format: Any, kind: str, expected: str) -> None:
    async with served(ScriptedEngine(SAID)) as server:
        answer = await server.sdk.audio.transcriptions.with_raw_response.create(
            model=MODEL, file=recording(2), response_format=response_format
        )
        assert answer.headers["content-type"].startswith(kind)
        assert answer.text in [expected.format(digit) for digit in range(10)]


async def test_verbose_json_through_the_sdk() -> None:
    scores = {"content": [{"token": "Hi", "bytes": [72, 105], "logprob": -0.25, "top_logprobs": []}]}
    engine = ScriptedEngine([{"delta": {"content": "Hi"}, "logprobs": scores, "token_ids": [5]}])
    async with served(engine) as server:
        answer = await server.sdk.audio.transcriptions.create(
            model=MODEL, file=recording(), response_format="verbose_json", timestamp_granularities=["segment"]
        )
    TranscriptionVerbose.model_validate(answer.model_dump(), strict=True)
    assert engine.requests[0]["model"] == MODEL
    assert (answer.text, answer.language, answer.duration) == ("Hi", "unknown", 2.0)
    assert answer.segments is not None
    (segment,) = answer.segments
    assert (segment.text, segment.tokens, segment.avg_logprob) == ("Hi", [5], -0.25)
    assert 0.5 < segment.start < 1 < segment.end <= 2


async def test_events_through_the_sdk() -> None:
    scores = {"content": [{"token": "Hi", "bytes": [72, 105], "logprob": -0.25, "top_logprobs": []}]}
    engine = ScriptedEngine([{"delta": {"content": "Hi"}, "logprobs": scores}, " there."])
    async with served(engine) as server:
        stream = await server.sdk.audio.transcriptions.create(
            model=MODEL, file=recording(2), stream=True, include=["logprobs"]
        )
        *deltas, done = [event async for event in stream]
    for event in deltas:
        TranscriptionTextDeltaEvent.model_validate(event.model_dump(), strict=True)
    assert isinstance(done, TranscriptionTextDoneEvent)
    TranscriptionTextDoneEvent.model_validate(done.model_dump(), strict=True)
    grown = [event.delta for event in deltas if event.type == "transcript.text.delta"]
    assert grown == ["Hi", " there.", " Hi", " there."]
    assert done.text == "Hi there. Hi there."
    assert done.logprobs is not None
    assert [score.token for score in done.logprobs] == ["Hi", "Hi"]
    assert done.usage is not None
    assert done.usage.output_tokens == 4


async def test_words_come_while_the_rest_is_heard() -> None:
    engine = ScriptedEngine(SAID, gates={1: anyio.Event()})
    async with served(engine) as server:
        stream = await server.sdk.audio.transcriptions.create(model=MODEL, file=recording(2), stream=True)
        events = aiter(stream)
        with anyio.fail_after(5):
            first = await anext(events)
        assert first.model_dump(exclude_none=True) == {"type": "transcript.text.delta", "delta": "Hello"}
        engine.gates[1].set()
        assert [event async for event in events][-1].type == "transcript.text.done"


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the SDK would drop the method
async def test_translations_through_the_sdk() -> None:
    engine = ScriptedEngine(SAID)
    async with served(engine) as server:
        answer = await server.sdk.audio.translations.create(model="whisper-1", file=recording())
        Translation.model_validate(answer.model_dump(include={"text"}), strict=True)
        verbose = await server.sdk.audio.translations.create(
            model=MODEL, file=recording(), response_format="verbose_json"
        )
        TranslationVerbose.model_validate(verbose.model_dump(include={*TranslationVerbose.model_fields}), strict=True)
        assert (verbose.text, verbose.language) == ("Hello there.", "english")
        refused = await server.http.post("/v1/audio/translations", **form(language="de"))
        assert check_error(refused, 400)["param"] == "language"
    prompts = {request["messages"][0]["content"][1]["text"] for request in engine.requests}
    assert prompts == {"Please translate the given speech into English."}


async def test_silence_has_no_words() -> None:
    stored = io.BytesIO()
    soundfile.write(stored, quiet(3), SAMPLE_RATE, format="WAV")
    engine = ScriptedEngine(SAID)
    async with served(engine) as server:
        for fields in ({}, {"stream": "true"}, {"response_format": "verbose_json"}, {"response_format": "vtt"}):
            assert (await server.http.post(URL, **form(stored.getvalue(), **fields))).status_code == 200
    assert engine.requests == []


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"model": "nobody"}, 404, "model"),
        ({"language": "english"}, 400, "language"),
        ({"language": "xq"}, 400, "language"),
        ({"prompt": "x" * 4001}, 400, "prompt"),
        ({"response_format": "diarized_json"}, 400, "response_format"),
        ({"temperature": "1.1"}, 400, "temperature"),
        ({"temperature": "nan"}, 400, "temperature"),
        ({"temperature": "warm"}, 400, "temperature"),
        ({"stream": "perhaps"}, 400, "stream"),
        ({"stream": "true", "response_format": "srt"}, 400, "stream"),
        ({"stream": "true", "response_format": "verbose_json"}, 400, "stream"),
        ({"include[]": "logprobs", "response_format": "text"}, 400, "include"),
        ({"include[]": "item"}, 400, "include[0]"),
        ({"timestamp_granularities[]": "word", "response_format": "verbose_json"}, 400, "timestamp_granularities"),
        ({"timestamp_granularities[]": "segment"}, 400, "timestamp_granularities"),
        ({"timestamp_granularities[]": "letter"}, 400, "timestamp_granularities[0]"),
        ({"chunking_strategy": "server_vad"}, 400, "chunking_strategy"),
        ({"chunking_strategy[type]": "server_vad"}, 400, "chunking_strategy[type]"),
        ({"known_speaker_names[]": "anna"}, 400, "known_speaker_names"),
        ({"temperature": ["0", "1"]}, 400, "temperature"),
        ({"include": "logprobs", "include[]": "logprobs"}, 400, "include"),
        ({"include[]": "logprobs", "include": "logprobs"}, 400, "include"),
    ],
)
async def test_what_is_refused_names_the_field(fields: dict[str, Any], status: int, param: str) -> None:
    engine = ScriptedEngine(SAID)
    async with served(engine) as server:
        answer = await server.http.post(URL, **form(**fields))
        assert check_error(answer, status)["param"] == param
    assert engine.requests == []


@pytest.mark.parametrize(
    ("sent", "status", "param"),
    [
        ({"json": {"model": MODEL}}, 415, None),
        ({"data": {"model": MODEL}, "files": {"x": ("x", b"x")}}, 400, "x"),
        ({"files": {"model": (None, MODEL)}}, 400, "file"),
        ({"files": {"file": (None, "text")}}, 400, "file"),
        ({"files": {"file[]": ("a", b"a")}}, 400, "file"),
        ({"files": {"file[]": (None, "text")}}, 400, "file"),
        ({"files": [("file", ("a", b"a")), ("file", ("b", b"b"))]}, 400, None),
        ({"content": b"--x\r\nno form", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400, None),
        ({"content": b"", "headers": {"content-type": "multipart/form-data"}}, 400, None),
        (form(b"no sound at all"), 400, "file"),
        (form(recording()[:44]), 400, "file"),
        (form(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"), 400, "file"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_bodies_that_are_refused(sent: dict[str, Any], status: int, param: str | None, stream: bool) -> None:
    sent = sent | {"data": sent.get("data", {}) | {"stream": "true"}} if stream and "files" in sent else sent
    async with served(ScriptedEngine(SAID)) as server:
        assert check_error(await server.http.post(URL, **sent), status)["param"] == param


async def test_uploads_are_bounded_while_they_are_read() -> None:
    async with served(ScriptedEngine(SAID), max_attachment_bytes=100_000) as server:
        assert check_error(await server.http.post(URL, **form(bytes(200_000))), 413)

        async def endless() -> Any:
            head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            yield head
            for _ in range(100):
                yield bytes(10_000)

        headers = {"content-type": "multipart/form-data; boundary=x"}
        assert check_error(await server.http.post(URL, content=endless(), headers=headers), 413)


async def test_a_recording_larger_than_the_memory_for_bodies_lies_on_disk() -> None:
    pause = np.zeros(150 * SAMPLE_RATE, np.float32)
    stored = io.BytesIO()
    soundfile.write(stored, np.concatenate([tone(1.0), pause, tone(1.0)]), SAMPLE_RATE, format="WAV")
    bodies = 2**20
    assert len(stored.getvalue()) > 4 * bodies
    async with served(ScriptedEngine(SAID), max_body_bytes=bodies) as server:
        for _ in range(2):  # what the first one held is free again
            answer = await server.http.post(URL, **form(stored.getvalue()))
            assert answer.json()["text"] == "Hello there. Hello there."
        # What stays in memory is bounded all the same.
        assert check_error(await server.http.post(URL, **form(prompt="x" * 40_000)), 400)["code"] == "invalid_form"


async def test_a_model_that_does_not_hear() -> None:
    engine = ScriptedEngine(SAID)
    engine.modalities = frozenset()
    async with served(engine) as server:
        assert check_error(await server.http.post(URL, **form()), 400)["param"] == "file"


@pytest.mark.parametrize("stream", ["true", "false"])
async def test_a_refusal_of_the_engine_is_an_http_error(stream: str) -> None:
    engine = ScriptedEngine(SAID, refuse=EngineError("Too much.", status=429, type="rate_limit_error"))
    async with served(engine) as server:
        assert check_error(await server.http.post(URL, **form(recording(3), stream=stream)), 429)


async def test_an_engine_that_fails_later() -> None:
    async with served(ScriptedEngine(SAID, break_at=1)) as server:
        assert check_error(await server.http.post(URL, **form()), 500)
        stream = await server.sdk.audio.transcriptions.create(model=MODEL, file=recording(2), stream=True)
        heard = aiter(stream)
        assert (await anext(heard)).type == "transcript.text.delta"
        with pytest.raises(openai.APIError):
            await anext(heard)


async def test_a_long_recording_is_heard_a_few_segments_at_a_time() -> None:
    """Back-pressure reaches the decoder: nothing runs ahead of the segment whose words are awaited."""
    engine = ScriptedEngine(SAID, gates={1: anyio.Event()})
    async with served(engine) as server, anyio.create_task_group() as group:
        texts: list[str] = []

        async def ask() -> None:
            answer = await server.http.post(URL, **form(recording(20), response_format="text"))
            texts.append(answer.text)

        group.start_soon(ask)
        with anyio.fail_after(10):
            while await engine.running() < 4:  # noqa: ASYNC110 - the client sees nothing of it
                await anyio.sleep(0.005)
        await anyio.sleep(0.2)
        assert await engine.running() == len(engine.requests) == 4
        engine.gates[1].set()
    assert texts == [" ".join(["Hello there."] * 20) + "\n"]


async def test_so_many_recordings_and_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.audio.transcriptions.MOST_RECORDINGS", 1)
    engine = ScriptedEngine(SAID, gates={0: anyio.Event()})
    async with served(engine) as server:
        async with anyio.create_task_group() as group:

            async def ask() -> None:
                assert (await server.http.post(URL, **form())).status_code == 200

            group.start_soon(ask)
            await engine.started.wait()
            refused = await server.http.post(URL, **form(stream="true"))
            assert check_error(refused, 503)["code"] == "server_busy"
            assert int(refused.headers["retry-after"]) > 0
            engine.gates[0].set()
        assert (await server.http.post(URL, **form())).status_code == 200


@pytest.mark.parametrize("stream", ["true", "false"])
async def test_leaving_stops_model_and_decoder(stream: str) -> None:
    engine = ScriptedEngine(SAID, gates={0: anyio.Event()})
    async with served(engine) as server:
        async with anyio.create_task_group() as group:

            async def ask() -> None:
                await server.http.post(URL, **form(recording(20), stream=stream))

            group.start_soon(ask)
            await engine.started.wait()
            group.cancel_scope.cancel()
        assert await server.idle_after() < STOP_SECONDS
    assert engine.generated == 0


async def test_the_schema_names_every_field() -> None:
    async with served(ScriptedEngine(SAID)) as server:
        paths = (await server.http.get("/openapi.json")).json()["paths"]
    fields = paths[URL]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert fields["required"] == ["file"]
    assert {"file", "model", "language", "prompt", "stream", "include"} <= fields["properties"].keys()
