"""POST /v1/responses: OpenAI's Responses API over the same engine, in text. Nothing is stored."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, StrictBool, model_validator

from server.body import read_object
from server.chat import pass_on
from server.closing import closing
from server.errors import RequestError
from server.items import as_messages
from server.media.errors import MediaError
from server.observing.timing import Timing, timing_of
from server.openapi import answers, reads
from server.parts import Parts
from server.replies import Emit, EventStream, WholeAnswer
from server.schemas import ResponseObject, ResponsesBody
from server.unheeded import ResponsesUnheeded, take_unheeded


class _Tool(BaseModel):
    type: Literal["function", "custom"]  # what a client runs itself


class _TextOptions(BaseModel):
    verbosity: Literal["medium"] | None = None


class _Fields(BaseModel):
    """Fields whose values this route looks at before the engine does."""

    input: Any
    stream: StrictBool | None = None
    tools: list[_Tool] | None = None
    text: _TextOptions | None = None
    include: list[Literal["message.output_text.logprobs"]] | None = None
    top_logprobs: Any = None

    @model_validator(mode="after")
    def _fit_together(self) -> _Fields:
        items = self.input if isinstance(self.input, list) else []
        if (
            not self.input
            or not isinstance(self.input, str | list)
            or not all(isinstance(item, dict) for item in items)
        ):
            raise RequestError("input must be a text or a list of items, and not empty.", param="input")
        if self.top_logprobs and not self.include:
            message = 'top_logprobs needs include: ["message.output_text.logprobs"].'
            raise RequestError(message, param="top_logprobs")
        return self


def add_responses(app: FastAPI, parts: Parts) -> None:
    @app.post(
        "/v1/responses",
        response_model=None,
        openapi_extra=reads(ResponsesBody),
        responses=answers(ResponseObject),
    )
    async def responses(request: Request) -> Response:
        """Answer a conversation in text: whole or as server-sent events."""
        return await respond(request, parts)


async def respond(request: Request, parts: Parts) -> Response:
    """Answer one request. All work behind the response stops when the client disconnects."""
    timing = timing_of(request)
    timing.lap("admission")
    body = await read_object(request, parts.settings.max_body_bytes)
    timing.read()
    fields = _Fields.model_validate(body)
    take_unheeded(body, ResponsesUnheeded, keep={"metadata"})
    if not isinstance(fields.input, str):
        body["input"] = as_messages(fields.input)
    if fields.stream:
        return EventStream(partial(_stream, parts, body, timing))
    return WholeAnswer(partial(_answer, parts, body, timing))


async def _prepare(parts: Parts, body: dict[str, Any]) -> None:
    items = body["input"]
    if isinstance(items, str):
        return
    try:
        body["input"] = await parts.attachments.decode(items)
    except MediaError as error:
        if error.param is not None:  # items stand where messages would
            error.param = f"input{error.param.removeprefix('messages')}"
        raise


async def _stream(parts: Parts, body: dict[str, Any], timing: Timing, emit: Emit) -> None:
    await _prepare(parts, body)
    timing.lap("decode")
    async with closing(parts.engine.stream_response(body)) as events:
        await pass_on(parts, events, timing, emit)


async def _answer(parts: Parts, body: dict[str, Any], timing: Timing) -> dict[str, Any]:
    await _prepare(parts, body)
    timing.lap("decode")
    answer = await parts.engine.respond(body)
    timing.lap("answer")
    return answer
