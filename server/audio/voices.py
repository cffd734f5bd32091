"""GET, POST and DELETE /v1/audio/voices: which voices there are, and recorded ones that come and go."""

from __future__ import annotations

import base64
from functools import partial
from time import time
from typing import Any

from anyio import to_thread
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, StrictStr
from starlette.requests import Request

from server.body import read_object
from server.errors import RequestError
from server.forms import form_values, is_form, read_form
from server.parts import Parts
from tts.lending import MAX_BYTES, lent
from tts.recorded import Recorded
from tts.speaker import Offered
from tts.voice import UnknownVoiceError

_MAX_BODY = MAX_BYTES * 4 // 3 + 65_536
"""A recording in base64, and the words beside it."""


_VOICE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name", "audio_sample", "transcript", "consent"],
    "properties": {key: {"type": "string"} for key in ("name", "audio_sample", "transcript", "consent", "language")},
}
_VOICE_DOCS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A form with the recording as a file, or JSON with the recording in base64; see docs/api.md.",
        "content": {
            "multipart/form-data": {"schema": _VOICE_SCHEMA},
            "application/json": {"schema": _VOICE_SCHEMA},
        },
    }
}


class _Lending(BaseModel):
    """OpenAI's fields, with the transcript that imitation needs; `consent` is the statement itself."""

    model_config = ConfigDict(extra="forbid")

    name: StrictStr
    audio_sample: bytes
    transcript: StrictStr
    consent: StrictStr
    language: StrictStr | None = None


def add_voices(app: FastAPI, parts: Parts) -> None:
    """Add the routes of the voices."""

    @app.get("/v1/audio/voices")
    async def voices() -> dict[str, Any]:
        """The voices that an answer may have."""
        return await list_voices(parts)

    @app.post("/v1/audio/voices", openapi_extra=_VOICE_DOCS)
    async def new_voice(request: Request) -> dict[str, Any]:
        """Keep a recorded voice, with its owner's consent."""
        return await add_voice(request, parts)

    @app.delete("/v1/audio/voices/{name}")
    async def no_voice(name: str) -> dict[str, Any]:
        """Delete a recorded voice and its recording."""
        return await delete_voice(name, parts)


async def list_voices(parts: Parts) -> dict[str, Any]:
    """Every name that `voice` may be. Raises RegistryError (503) if the recorded ones cannot be read."""
    offered = [] if parts.speaker is None else await parts.speaker.offered()
    return {"object": "list", "data": [_described(voice) for voice in offered]}


async def add_voice(request: Request, parts: Parts) -> dict[str, Any]:
    """Keep a recorded voice. Cancelling it keeps the voice or does not.

    Raises:
        RequestError, LendingError, TakenNameError, CannotImitateError, RegistryError: it is not kept.
    """
    speaker = parts.needed_speaker()
    fields = await (_form(request) if is_form(request) else _json(request))
    asked = _Lending.model_validate(fields)
    make = partial(lent, asked.name, asked.audio_sample, asked.transcript, asked.consent, asked.language)
    recorded = await to_thread.run_sync(partial(make, created=time()))
    await speaker.add(recorded)
    return _added(recorded)


async def delete_voice(name: str, parts: Parts) -> dict[str, Any]:
    """Delete a recorded voice and its recording.

    Raises:
        RequestError, FixedVoiceError, RegistryError: nothing was deleted.
    """
    try:
        await parts.needed_speaker().delete(name)
    except UnknownVoiceError as error:
        raise RequestError(str(error), status=404, param="name", code="unknown_voice") from error
    return {"object": "audio.voice.deleted", "id": name, "name": name, "deleted": True}


def _described(voice: Offered) -> dict[str, Any]:
    languages = list(voice.languages)
    return {"object": "audio.voice", "id": voice.name, "name": voice.name, "kind": voice.kind, "languages": languages}


def _added(recorded: Recorded) -> dict[str, Any]:
    offered = Offered(recorded.name, "recorded", (recorded.lang,) if recorded.lang else ())
    return _described(offered) | {"created_at": int(recorded.created)}


async def _json(request: Request) -> dict[str, Any]:
    """The recording in base64, with or without a data URI's head."""
    fields = await read_object(request, _MAX_BODY)
    sample = fields.get("audio_sample")
    if isinstance(sample, str):
        try:
            encoded = sample.partition(",")[2] if sample.startswith("data:") else sample
            fields["audio_sample"] = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise RequestError("audio_sample is not valid base64.", param="audio_sample") from error
    return fields


async def _form(request: Request) -> dict[str, Any]:
    """The recording as a file, everything else as text."""
    form = await read_form(request, _MAX_BODY)
    try:
        file, fields = form_values(form, "audio_sample")
        return fields | {"audio_sample": await file.read()}
    finally:
        await form.close()
