"""POST /v1/chat/completions: from the body to a stream or a whole answer, spoken or not."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from server.access.limits.allowance import Allowance, allowance_of
from server.asking import Speech, take_ours
from server.body import read_object
from server.closing import closing
from server.errors import RequestError
from server.history import recall
from server.message_fields import check_messages
from server.narrator import Narrator
from server.observing.timing import Timing, timing_of
from server.parts import Parts
from server.replies import Emit, EventStream, WholeAnswer
from server.spoken import stream_spoken
from server.unheeded import ChatUnheeded, take_unheeded


async def complete_chat(request: Request, parts: Parts) -> Response:
    """Answer one chat request. All work behind the response stops when the client disconnects."""
    timing, allowance = timing_of(request), allowance_of(request)
    timing.lap("admission")
    body = await read_object(request, parts.settings.max_body_bytes)
    timing.read()
    asked = take_ours(body)
    check_messages(body["messages"])
    take_unheeded(body, ChatUnheeded)
    if asked.stream:
        return EventStream(partial(_stream, parts, body, asked.speech, allowance, timing))
    return WholeAnswer(partial(_answer, parts, body, asked.speech, allowance, timing))


@asynccontextmanager
async def _narrator(parts: Parts, speech: Speech | None, allowance: Allowance) -> AsyncGenerator[Narrator | None, None]:
    """The voice of an answer that is to be spoken. Entered first: what would be refused begins nothing."""
    if speech is None:
        yield None
        return
    if parts.speaker is None:
        raise RequestError("This server has no voice, so it answers in text only.", param="modalities", code="no_voice")
    await allowance.check_speech()
    async with parts.speaker.admit(speech.voice) as place:
        yield Narrator(place, speech.format, parts.metrics, allowance=allowance, tracer=parts.tracer)


async def _prepare(parts: Parts, body: dict[str, Any], timing: Timing) -> None:
    """Fill the conversation in: the words of spoken answers, the pixels and samples of attachments."""
    timing.lap("voice")
    body["messages"] = await parts.attachments.decode(await recall(body["messages"], parts.store))
    timing.lap("decode")


async def _stream(
    parts: Parts, body: dict[str, Any], speech: Speech | None, allowance: Allowance, timing: Timing, emit: Emit
) -> None:
    async with _narrator(parts, speech, allowance) as narrator:
        await _prepare(parts, body, timing)
        async with closing(parts.engine.stream_chat(body)) as events:
            if speech is None or narrator is None:
                await pass_on(parts, events, timing, emit)
            else:
                await stream_spoken(parts, events, speech, narrator, timing, emit)


async def pass_on(parts: Parts, events: AsyncGenerator[str, None], timing: Timing, emit: Emit) -> None:
    """The engine's events as they are: this path must cost nothing next to the engine."""
    first = await anext(events)
    timing.lap("first_token")
    await emit(first.encode())
    parts.metrics.first_event.labels(timing.route).observe(timing.waited)
    async for event in events:
        await emit(event.encode())


async def _answer(
    parts: Parts, body: dict[str, Any], speech: Speech | None, allowance: Allowance, timing: Timing
) -> dict[str, Any]:
    async with _narrator(parts, speech, allowance) as narrator:
        await _prepare(parts, body, timing)
        completion = await parts.engine.chat(body)
        timing.lap("answer")
        if speech is not None and narrator is not None:
            await _add_audio(parts, completion["choices"][0]["message"], speech, narrator)
            timing.lap("speech")
    return completion


async def _add_audio(parts: Parts, message: dict[str, Any], speech: Speech, narrator: Narrator) -> None:
    text = message.get("content")
    if not text:
        return
    data = await narrator.record(text)
    expires_at = await parts.store.keep(speech.audio_id, text)
    message["content"] = text if speech.text_in_content else None
    message["audio"] = {
        "id": speech.audio_id,
        "data": b64encode(data).decode(),
        "expires_at": expires_at,
        "transcript": text,
    }
