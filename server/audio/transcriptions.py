"""POST /v1/audio/transcriptions and /v1/audio/translations: a recording in, its words out, by the model itself.

A recording is decoded as it is heard, cut where nobody speaks, and put to the model stretch by stretch.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from anyio import CapacityLimiter, WouldBlock
from fastapi import FastAPI
from pydantic_core import to_json
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from engine.api import SAMPLE_RATE, Listening, listening_prompt
from server.access.places import place_of
from server.audio.listening import Heard, listening
from server.audio.segments import Segment, Segmenter
from server.audio.transcript import Logprob, Transcript, srt, token_usage, verbose, vtt
from server.audio.transcription_form import (
    LANGUAGES,
    LISTENING_MODELS,
    Asked,
    AskedTranscription,
    form_docs,
)
from server.closing import closing
from server.errors import RequestError
from server.forms import form_values, read_form
from server.media.errors import naming
from server.media.recording import sound_blocks
from server.model_names import check_model
from server.observing.timing import Timing, timing_of
from server.parts import Parts
from server.replies import Emit, EventStream, WholeAnswer, event
from tts.scripts import script_language

_MAX_FIELDS_BYTES = 65_536
"""Of a form, beside the file."""

MOST_RECORDINGS = 16
"""Recordings that are heard at a time; each has a decoder process, which waits while the model listens."""

_PLAIN = "text/plain; charset=utf-8"
_MEDIA_TYPES = {"json": "application/json", "verbose_json": "application/json", "vtt": "text/vtt; charset=utf-8"}


def add_transcriptions(app: FastAPI, parts: Parts) -> None:
    """Add both routes."""
    places = CapacityLimiter(MOST_RECORDINGS)

    @app.post("/v1/audio/transcriptions", response_model=None, openapi_extra=form_docs(AskedTranscription))
    async def transcriptions(request: Request) -> Response:
        """The words of a recording, in the language in which they are spoken."""
        return await _respond(request, parts, places, AskedTranscription, "transcribe")

    @app.post("/v1/audio/translations", response_model=None, openapi_extra=form_docs(Asked))
    async def translations(request: Request) -> Response:
        """The words of a recording, in English."""
        return await _respond(request, parts, places, Asked, "translate")


async def _respond(
    request: Request, parts: Parts, places: CapacityLimiter, fields: type[Asked], task: Listening
) -> Response:
    if "audio" not in parts.engine.modalities:
        raise RequestError("This model does not hear.", param="file")
    if not places.available_tokens:  # before all of it is sent
        raise _too_many()
    timing = timing_of(request)
    timing.lap("admission")
    form = await read_form(request, parts.settings.max_attachment_bytes + _MAX_FIELDS_BYTES, place_of(request))
    timing.read()
    try:
        file, values = form_values(form, "file")
        asked = fields.model_validate(values)
        await check_model(asked.model, parts.engine, LISTENING_MODELS)
    except BaseException:
        await form.close()
        raise
    recording = _Recording(parts, places, file, asked, task, timing)
    parts.metrics.media_bytes.labels("recording").inc(file.size or 0)
    if isinstance(asked, AskedTranscription) and asked.stream:
        return EventStream(recording.stream)
    return WholeAnswer(recording.answer, _MEDIA_TYPES.get(asked.response_format, _PLAIN))


class _Recording:
    """One upload while it is heard. The file is closed at the end of `answer` or `stream`."""

    def __init__(
        self,
        parts: Parts,
        places: CapacityLimiter,
        file: UploadFile,
        asked: Asked,
        task: Listening,
        timing: Timing,
    ) -> None:
        self._parts, self._places, self._file, self._asked, self._task = parts, places, file, asked, task
        self._timing = timing
        self._transcript = Transcript()

    async def answer(self) -> bytes:
        """The transcript in the form asked for. Cancelling it stops the model and the decoder."""
        async with self._heard() as heard:
            async for segment, chunk in heard:
                self._transcript.add(segment, chunk)
        self._timing.lap("answer")
        return self._formed()

    async def stream(self, emit: Emit) -> None:
        """Words as events while the rest is being heard. Cancelling it stops the model and the decoder."""
        logprobs: list[Logprob] = []
        timing, first_event = self._timing, self._parts.metrics.first_event
        async with self._heard() as heard:
            async for segment, chunk in heard:
                delta, scores = self._transcript.add(segment, chunk)
                logprobs += scores
                if delta:
                    if "first_token" not in timing.phases:
                        timing.lap("first_token")
                        first_event.labels(timing.route).observe(timing.waited)
                    await emit(event({"type": "transcript.text.delta", "delta": delta} | self._scored(logprobs)))
                    logprobs.clear()
        await emit(event({"type": "transcript.text.done"} | self._json()))

    @asynccontextmanager
    async def _heard(self) -> AsyncGenerator[Heard, None]:
        asked, language = self._asked, self._language
        fields: dict[str, Any] = {"temperature": asked.temperature, "stream_options": {"include_usage": True}}
        if asked.model is not None and not LISTENING_MODELS.fullmatch(asked.model):
            fields["model"] = asked.model
        if self._wants_scores or asked.response_format == "verbose_json":
            fields |= {"logprobs": True, "return_token_ids": True}
        prompt = listening_prompt(self._task, LANGUAGES[language] if language else None, asked.prompt)
        try:
            async with (
                self._place(),
                closing(self._segments()) as segments,
                listening(self._parts.engine, fields, prompt, segments) as heard,
            ):
                yield heard
        finally:
            self._file.file.close()  # not by an await, which being cancelled would end

    @asynccontextmanager
    async def _place(self) -> AsyncGenerator[None, None]:
        """Raises RequestError (503): too many recordings are being heard."""
        try:
            self._places.acquire_on_behalf_of_nowait(self)
        except WouldBlock:
            raise _too_many() from None
        try:
            yield
        finally:
            self._places.release_on_behalf_of(self)

    async def _segments(self) -> AsyncGenerator[Segment, None]:
        segmenter = Segmenter()
        with naming("file"):
            async with closing(sound_blocks(self._file.file)) as blocks:
                async for block in blocks:
                    self._transcript.seconds += len(block) / SAMPLE_RATE
                    for segment in segmenter.feed(block):
                        yield segment
        for segment in segmenter.flush():
            yield segment

    @property
    def _language(self) -> str | None:
        return self._asked.language if isinstance(self._asked, AskedTranscription) else None

    @property
    def _wants_scores(self) -> bool:
        return isinstance(self._asked, AskedTranscription) and "logprobs" in self._asked.include

    def _scored(self, logprobs: list[Logprob]) -> dict[str, Any]:
        return {"logprobs": logprobs} if self._wants_scores else {}

    def _formed(self) -> bytes:
        transcript = self._transcript
        match self._asked.response_format:
            case "json":
                return to_json(self._json())
            case "verbose_json":
                return to_json(verbose(transcript, self._task, self._spoken(), self._asked.temperature))
            case "srt":
                return srt(transcript).encode()
            case "vtt":
                return vtt(transcript).encode()
            case "text":
                return f"{transcript.text}\n".encode()

    def _json(self) -> dict[str, Any]:
        scores = [score for line in self._transcript.lines for score in line.logprobs]
        return {"text": self._transcript.text, "usage": token_usage(self._transcript)} | self._scored(scores)

    def _spoken(self) -> str:
        """The language's English name; if nobody said it, as far as the script of the words tells."""
        code = "en" if self._task == "translate" else self._language or script_language(self._transcript.text)
        return LANGUAGES[code].lower() if code else "unknown"


def _too_many() -> RequestError:
    message, wait = "Too many recordings are being heard. Try again later.", {"Retry-After": "5"}
    return RequestError(message, status=503, code="server_busy", headers=wait)
