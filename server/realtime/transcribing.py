"""What a user has said, in words: the model's own hearing of one turn, beside the answer to it. Knows no session."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from anyio.lowlevel import checkpoint

from engine.api import SAMPLE_RATE, Engine, listening_prompt
from server.audio.listening import Heard, listening
from server.audio.segments import Segment, Segmenter
from server.audio.transcript import Logprob, Transcript, token_usage
from server.audio.transcription_form import LANGUAGES, LISTENING_MODELS
from server.closing import closing
from server.realtime.turn_sound import float_samples

_BLOCK = 10 * SAMPLE_RATE
"""Samples cut at a time: a turn of minutes all at once would hold up everybody else."""


@dataclass(frozen=True, slots=True)
class Delta:
    """The transcript goes on."""

    text: str
    logprobs: list[Logprob]
    """Of the tokens since the last delta; empty unless they were asked for."""


@dataclass(frozen=True, slots=True)
class Completed:
    """The whole transcript: what all deltas say together."""

    text: str
    logprobs: list[Logprob]
    usage: dict[str, Any]
    """As OpenAI's `UsageTranscriptTextUsageTokens`."""


Words = AsyncGenerator[Delta | Completed, None]


@asynccontextmanager
async def transcribing(
    engine: Engine,
    sound: npt.NDArray[np.int16],
    *,
    model: str | None = None,
    language: str | None = None,
    prompt: str = "",
    logprobs: bool = False,
) -> AsyncGenerator[Words, None]:
    """Give the words of one turn, `[samples]` at SAMPLE_RATE: `async with transcribing(...) as words`.

    `model` may be one of OpenAI's names for models that listen; `language` is a key of LANGUAGES; `prompt` the client's
    hint. Sound in which nobody speaks is not put to the model: its transcript is empty. Leaving the block aborts what
    the model does.

    Raises:
        EngineError: from the generator; deltas before it stand.
    """
    asked: dict[str, Any] = {"temperature": 0.0, "stream_options": {"include_usage": True}}
    if model is not None and not LISTENING_MODELS.fullmatch(model):
        asked["model"] = model
    if logprobs:
        asked["logprobs"] = True
    question = listening_prompt("transcribe", LANGUAGES[language] if language else None, prompt)
    async with (
        closing(_segments(sound)) as segments,
        listening(engine, asked, question, segments) as heard,
        closing(_words(heard)) as words,
    ):
        yield words


async def _segments(sound: npt.NDArray[np.int16]) -> AsyncGenerator[Segment, None]:
    segmenter = Segmenter()
    for at in range(0, len(sound), _BLOCK):
        await checkpoint()
        for segment in segmenter.feed(float_samples(sound[at : at + _BLOCK])):
            yield segment
    for segment in segmenter.flush():
        yield segment


async def _words(heard: Heard) -> Words:
    transcript, scores = Transcript(), list[Logprob]()
    async for segment, chunk in heard:
        delta, logprobs = transcript.add(segment, chunk)
        scores += logprobs
        if delta:
            yield Delta(delta, scores)
            scores = []
    all_scores = [score for line in transcript.lines for score in line.logprobs]
    yield Completed(transcript.text, all_scores, token_usage(transcript))
