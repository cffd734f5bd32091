"""POST /v1/audio/speech: text in, speech out while it is being made, as a file that grows or as server-sent events."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from math import ceil
from typing import Annotated, Any, Literal

from fastapi import FastAPI
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr
from starlette.requests import Request
from starlette.responses import Response

from server.access.limits.allowance import Allowance, allowance_of
from server.asking import Format, VoiceName
from server.audio.paced import PacedText
from server.body import read_object
from server.closing import closing
from server.errors import FieldError, RequestError
from server.model_names import check_model
from server.narrator import Narrator
from server.observing.timing import Timing, timing_of
from server.openapi import reads
from server.parts import Parts
from server.replies import ByteStream, Emit, EventStream, event
from tts.encoding import FORMATS
from tts.events import Begun, Ended, Skipped
from tts.pool import BusyError, Pool
from tts.scripts import base
from tts.voice import UnknownVoiceError, VoiceError

MAX_CHARACTERS = 100_000
"""Of one text: two hours of speech. OpenAI takes 4096."""

SPEECH_MODELS = re.compile(r"tts-1(-hd)?(-\d+)?|gpt-4o-mini-tts(-[\d-]+)?")
"""OpenAI's, which programs name that were written for it; the voice decides who speaks."""

_MAX_INSTRUCTIONS = 4096

_TOKENS_PER_SECOND = 20
"""What OpenAI's models have of sound; the voices here have no tokens of their own."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def _language(tag: str) -> str:
    if not _LANGUAGE.fullmatch(tag):
        raise ValueError("must be a BCP-47 tag, such as 'en' or 'zh-TW'")
    return tag


class Manner(BaseModel):
    """How to speak: what the route and the WebSocket have in common."""

    model_config = ConfigDict(extra="forbid")

    voice: VoiceName = "default"
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: float = Field(default=1.0, ge=0.25, le=4.0, strict=True)
    language: Annotated[StrictStr, AfterValidator(_language)] | None = None
    instructions: StrictStr = Field(default="", max_length=_MAX_INSTRUCTIONS)

    @property
    def format(self) -> Format:
        return "pcm16" if self.response_format == "pcm" else self.response_format


class SpeechRequest(Manner):
    """The body: OpenAI's fields, and `language`."""

    model: StrictStr | None = None
    input: StrictStr = Field(min_length=1, max_length=MAX_CHARACTERS)
    stream_format: Literal["audio", "sse"] = "audio"


_BINARY = {"schema": {"type": "string", "format": "binary"}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The sound in the format asked for, or events that hold it.",
        "content": {form.media_type: _BINARY for form in FORMATS.values()} | {"text/event-stream": {}},
    }
}


def add_speech(app: FastAPI, parts: Parts) -> None:
    """Add the route."""

    @app.post("/v1/audio/speech", response_model=None, responses=_ANSWERS, openapi_extra=reads(SpeechRequest))
    async def speech(request: Request) -> Response:
        """Speak a text: sound comes while the rest is still being made."""
        timing = timing_of(request)
        timing.lap("admission")
        body = await read_object(request, parts.settings.max_body_bytes)
        timing.read()
        asked = SpeechRequest.model_validate(body)
        await check_model(asked.model, parts.engine, SPEECH_MODELS)
        allowance = allowance_of(request)
        if asked.stream_format == "sse":
            return EventStream(partial(_send_events, parts, asked, allowance, timing))
        return ByteStream(partial(_send_file, parts, asked, allowance, timing), FORMATS[asked.format].media_type)


@asynccontextmanager
async def admitted(parts: Parts, manner: Manner, allowance: Allowance) -> AsyncGenerator[Narrator, None]:
    """A voice for one text, or a refusal before anything is begun.

    Raises:
        FieldError, RequestError, CannotImitateError, RegistryError: it cannot be spoken, or not now.
    """
    speaker = parts.needed_speaker()
    await allowance.check_speech()
    async with AsyncExitStack() as stack:
        try:
            place = await stack.enter_async_context(speaker.admit(manner.voice))
        except UnknownVoiceError as error:
            raise FieldError(error, "voice") from error
        except BusyError as error:
            raise FieldError(error, None) from error
        _check(manner, place.pool)
        yield Narrator(
            place,
            manner.format,
            parts.metrics,
            allowance=allowance,
            tracer=parts.tracer,
            speed=manner.speed,
            lang=manner.language,
            instructions=manner.instructions.strip(),
        )


def _check(manner: Manner, pool: Pool) -> None:
    """Refuse what this voice would ignore."""
    if manner.instructions.strip() and not pool.follows_instructions:
        message = "This voice follows no instructions; leave them out."
        raise RequestError(message, param="instructions", code="instructions_unsupported")
    known = {base(tag) for tag in pool.languages}
    if manner.language is not None and known and base(manner.language) not in known:
        spoken = ", ".join(sorted(known))
        raise RequestError(f"This voice speaks {spoken}, not {manner.language!r}.", param="language")


async def _speak(
    parts: Parts,
    asked: SpeechRequest,
    allowance: Allowance,
    timing: Timing,
    emit: Emit,
    packed: Callable[[bytes], bytes] = bytes,
) -> float:
    """Send the sound, in whatever it is to be packed. Returns its seconds.

    Raises:
        RequestError: nothing of the text can be said.
        VoiceError: some of it could not be said; the rest was sent.
    """
    sounded, text = False, PacedText(asked.input)
    text.end()

    async def send(data: bytes) -> None:
        nonlocal sounded
        if not sounded:
            sounded = True
            timing.lap("first_sound")
            parts.metrics.first_sound.labels(timing.route).observe(timing.waited)
        await emit(packed(data))

    async def note(event: Begun | Ended | Skipped) -> None:
        if isinstance(event, Begun):
            text.begun(event.text)

    async with admitted(parts, asked, allowance) as narrator, closing(text.pieces()) as pieces:
        timing.lap("voice")
        try:
            seconds = await narrator.narrate(pieces, send, note)
        except VoiceError:
            parts.metrics.voice_failures.inc()
            raise
    if not sounded:
        raise RequestError("There is nothing in the input that can be said.", param="input")
    return seconds


async def _send_file(parts: Parts, asked: SpeechRequest, allowance: Allowance, timing: Timing, emit: Emit) -> None:
    await _speak(parts, asked, allowance, timing, emit)


async def _send_events(parts: Parts, asked: SpeechRequest, allowance: Allowance, timing: Timing, emit: Emit) -> None:
    seconds = await _speak(parts, asked, allowance, timing, emit, delta)
    await emit(event({"type": "speech.audio.done", "usage": usage(len(asked.input), seconds)}))


def delta(sound: bytes) -> bytes:
    """The event that carries some sound."""
    return event({"type": "speech.audio.delta", "audio": b64encode(sound).decode()})


def usage(characters: int, seconds: float) -> dict[str, int]:
    """What one text took: its characters, and its sound in OpenAI's tokens of 50 ms."""
    sound = ceil(seconds * _TOKENS_PER_SECOND)
    return {"input_tokens": characters, "output_tokens": sound, "total_tokens": characters + sound}
