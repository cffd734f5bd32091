"""The words of a turn: deltas that make the transcript, what is asked of the model, silence, failures, leaving."""

from __future__ import annotations

from typing import Any

import anyio
import numpy as np
import pytest
from openai.types.realtime.conversation_item_input_audio_transcription_completed_event import (
    ConversationItemInputAudioTranscriptionCompletedEvent as CompletedEvent,
)

from engine.api import CHUNK_SECONDS, SAMPLE_RATE, EngineError, Sound, listening_prompt
from server.realtime.transcribing import Completed, Delta, transcribing
from server.realtime.turn_sound import Samples
from tests.scripted_engine import ScriptedEngine

pytestmark = pytest.mark.anyio


def speech(seconds: float) -> Samples:
    """Syllables of 200 ms with dips between them."""
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.asarray(6000 * np.sin(1200 * at) * (0.05 + np.abs(np.sin(np.pi * at / 0.2))), np.int16)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


def turn(seconds: float = 2.0) -> Samples:
    return np.concatenate((silence(0.3), speech(seconds), silence(0.7)))


async def words(engine: ScriptedEngine, sound: Samples, **asked: Any) -> tuple[list[Delta], Completed]:
    async with transcribing(engine, sound, **asked) as heard:
        *deltas, end = [event async for event in heard]
    assert isinstance(end, Completed)
    return [delta for delta in deltas if isinstance(delta, Delta)], end


async def test_the_deltas_make_the_transcript() -> None:
    engine = ScriptedEngine([" The first", " word", ". "])
    deltas, end = await words(engine, turn())
    assert [delta.text for delta in deltas] == ["The first", " word", "."]
    assert end == Completed("The first word.", [], {"type": "tokens"} | tokens(1, 3))
    event = {"content_index": 0, "event_id": "e", "item_id": "i", "transcript": end.text, "usage": end.usage}
    kind = "conversation.item.input_audio_transcription.completed"
    assert CompletedEvent.model_validate(event | {"type": kind}, strict=True).usage.type == "tokens"


def tokens(requests: int, deltas: int) -> dict[str, int]:
    spent, made = 3 * requests, deltas * requests
    return {"input_tokens": spent, "output_tokens": made, "total_tokens": spent + made}


async def test_the_model_is_asked_for_the_words() -> None:
    engine = ScriptedEngine()
    await words(engine, turn(), model="ola-demo", language="de", prompt="Herr Mayr")
    (request,) = engine.requests
    sound, question = request["messages"][0]["content"]
    assert isinstance(sound, Sound)
    assert 2 <= len(sound.samples) / SAMPLE_RATE <= 3
    assert np.abs(sound.samples).max() == pytest.approx(6000 / 32768, rel=0.06)
    assert question["text"] == listening_prompt("transcribe", "German", "Herr Mayr")
    assert (request["model"], request["temperature"]) == ("ola-demo", 0.0)
    assert "logprobs" not in request


@pytest.mark.parametrize("model", ["gpt-4o-mini-transcribe", "whisper-1", None])
async def test_openais_names_stand_for_the_model_that_is_served(model: str | None) -> None:
    engine = ScriptedEngine()
    await words(engine, turn(), model=model)
    assert "model" not in engine.requests[0]


async def test_log_probabilities_come_with_their_words() -> None:
    scores = [{"token": token, "bytes": list(token.encode()), "logprob": -0.5} for token in ("Yes", " ", "no")]
    texts = ["Yes", " ", "no"]
    deltas = [
        {"delta": {"content": text}, "logprobs": {"content": [score | {"top_logprobs": []}]}}
        for text, score in zip(texts, scores, strict=True)
    ]
    engine = ScriptedEngine(deltas)
    heard, end = await words(engine, turn(), logprobs=True)
    assert engine.requests[0]["logprobs"] is True
    assert [(delta.text, delta.logprobs) for delta in heard] == [("Yes", scores[:1]), (" no", scores[1:])]
    assert end.logprobs == scores


async def test_a_long_turn_is_cut_and_stays_in_order() -> None:
    engine = ScriptedEngine(["Words."])
    _, end = await words(engine, turn(2.5 * CHUNK_SECONDS))
    count = len(engine.requests)
    assert count >= 3
    assert end.text == " ".join(["Words."] * count)
    assert end.usage == {"type": "tokens"} | tokens(count, 1)


@pytest.mark.parametrize("sound", [silence(0), silence(3), speech(0.03)])
async def test_sound_without_speech_is_not_put_to_the_model(sound: Samples) -> None:
    engine = ScriptedEngine()
    deltas, end = await words(engine, sound)
    assert (deltas, end.text, end.usage["total_tokens"]) == ([], "", 0)
    assert engine.requests == []


@pytest.mark.parametrize("script", [{"break_at": 1}, {"refuse": EngineError("No.", status=503)}])
async def test_a_failure_is_raised(script: dict[str, Any]) -> None:
    engine = ScriptedEngine(**script)
    with pytest.raises(EngineError):
        await words(engine, turn())
    assert not await engine.running()


async def test_leaving_aborts_what_the_model_does() -> None:
    engine = ScriptedEngine(gates={1: anyio.Event()})
    async with transcribing(engine, turn()) as heard:
        assert await anext(heard) == Delta("Hello", [])
        assert await engine.running()
    assert not await engine.running()


async def test_cancelling_aborts_what_the_model_does() -> None:
    engine = ScriptedEngine(gates={0: anyio.Event()})
    async with anyio.create_task_group() as group:
        group.start_soon(words, engine, turn())
        await engine.started.wait()
        group.cancel_scope.cancel()
    assert not await engine.running()
