"""Speech and transcripts end to end: official SDK, real server, the demo model that really hears, a real voice."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from math import sqrt
from random import Random
from typing import Any

import av
import numpy as np
import pytest
from openai import BadRequestError, OpenAI
from openai.types.audio import (
    Transcription,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
    TranscriptionVerbose,
)
from websockets.sync.client import connect

from tests.demo import sounds
from tests.demo.sentences import sentence
from tests.demo.words import word_errors
from tests.demo.world import TASKS

pytestmark = pytest.mark.engine

SENTENCES = 10
PAUSE = 0.9
"""Seconds between two of them."""


@pytest.fixture(scope="module")
def sdk(demo: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{demo}/v1", api_key="none", max_retries=0, timeout=120) as client:
        yield client


@pytest.fixture(scope="module")
def talk() -> tuple[list[str], list[float], bytes]:
    """Sentences, when each begins, and the recording of all of them."""
    if not sounds.can_speak():
        pytest.skip("espeak-ng is not on the path (Debian: apt-get install espeak-ng)")
    random, pause = Random(5), np.zeros(round(PAUSE * sounds.RATE))
    said = [sentence(random) for _ in range(SENTENCES)]
    parts = [np.concatenate((sounds.speech(random, text), pause)) for text in said]
    starts = np.cumsum([0, *map(len, parts)])[:-1] / sounds.RATE
    return said, [float(start) for start in starts], sounds.wav(np.concatenate(parts))


def check_words(said: str, heard: str) -> None:
    wrong, words = word_errors(said, heard)
    bar = TASKS["transcripts"].bar
    assert wrong <= words * bar + 2 * sqrt(words * bar), f"{said!r} became {heard!r}"


def test_a_recording_of_many_sentences(sdk: OpenAI, talk: tuple[list[str], list[float], bytes]) -> None:
    said, starts, recording = talk
    answer = sdk.audio.transcriptions.create(
        model="whisper-1", file=("talk.wav", recording), response_format="verbose_json"
    )
    TranscriptionVerbose.model_validate(answer.model_dump(), strict=True)
    check_words(" ".join(said), answer.text)
    assert answer.segments is not None
    assert len(answer.segments) == len(said)
    for segment, start in zip(answer.segments, starts, strict=True):
        assert start - 0.35 < segment.start < start + 0.5
        assert segment.start < segment.end
        assert segment.avg_logprob < 0
        assert segment.tokens
    assert answer.text == " ".join(segment.text for segment in answer.segments)


def test_events_are_the_same_words(sdk: OpenAI, talk: tuple[list[str], list[float], bytes]) -> None:
    whole = sdk.audio.transcriptions.create(model="ola-demo", file=talk[2], include=["logprobs"])
    Transcription.model_validate(whole.model_dump(), strict=True)
    *deltas, done = sdk.audio.transcriptions.create(model="ola-demo", file=talk[2], stream=True, include=["logprobs"])
    for delta in deltas:
        TranscriptionTextDeltaEvent.model_validate(delta.model_dump(), strict=True)
    TranscriptionTextDoneEvent.model_validate(done.model_dump(), strict=True)
    assert isinstance(done, TranscriptionTextDoneEvent)
    assert "".join(delta.delta for delta in deltas if delta.type == "transcript.text.delta") == done.text == whole.text
    assert done.usage is not None
    assert whole.usage is not None
    assert done.usage.model_dump() == whole.usage.model_dump()
    assert done.usage.output_tokens > len(talk[0])
    assert whole.logprobs


@pytest.mark.parametrize("response_format", ["text", "srt", "vtt"])
def test_forms_in_text(sdk: OpenAI, talk: tuple[list[str], list[float], bytes], response_format: Any) -> None:
    answer: Any = sdk.audio.transcriptions.create(model="ola-demo", file=talk[2], response_format=response_format)
    assert answer.count("-->") == (0 if response_format == "text" else SENTENCES)


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the SDK would drop the method
def test_a_translation_is_an_answer(sdk: OpenAI, talk: tuple[list[str], list[float], bytes]) -> None:
    """The demo model was not taught to translate, so only that there is one."""
    assert sdk.audio.translations.create(model="whisper-1", file=talk[2]).text


def test_what_is_no_recording(sdk: OpenAI) -> None:
    with pytest.raises(BadRequestError, match="file"):
        sdk.audio.transcriptions.create(model="whisper-1", file=b"no sound at all")


@pytest.mark.parametrize("file_format", ["mp3", "opus", "aac", "flac", "wav"])
def test_what_is_spoken_is_heard(sdk: OpenAI, file_format: Any) -> None:
    said = "Wednesday comes after Tuesday."
    with sdk.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="alloy", input=said, response_format=file_format
    ) as answer:
        spoken = answer.read()
    with av.open(io.BytesIO(spoken)) as file:
        seconds = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
    assert 1 < seconds < 5
    heard = sdk.audio.transcriptions.create(model="whisper-1", file=(f"speech.{file_format}", spoken))
    assert word_errors(said, heard.text)[0] <= 1, heard.text


def test_speech_in_events(sdk: OpenAI) -> None:
    with sdk.audio.speech.with_streaming_response.create(
        model="tts-1", voice="nova", input="Good morning.", response_format="pcm", stream_format="sse", speed=1.5
    ) as answer:
        events = [json.loads(line[6:]) for line in answer.iter_lines() if line]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    sound = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    usage = events[-1]["usage"]
    assert usage["output_tokens"] == pytest.approx(len(sound) / 48_000 * 20, abs=1)
    assert np.abs(np.frombuffer(sound, "<i2").astype(float)).max() > 2000


def test_text_in_speech_out(demo: str) -> None:
    sound = b""
    with connect(demo.replace("http", "ws") + "/v1/audio/speech/stream") as speech:
        for word in ("Good ", "morning. ", "How ", "are you?"):
            speech.send(json.dumps({"type": "input_text.append", "text": word}))
        speech.send(json.dumps({"type": "input_text.flush"}))
        for event in map(json.loads, speech):
            assert event["type"] != "error", event
            sound += base64.b64decode(event.get("audio", ""))
            if event["type"] == "speech.audio.done":
                break
    assert 1 < len(sound) / 48_000 < 6
