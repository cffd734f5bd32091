"""Checks every answer of a server against the types of OpenAI's Python SDK, which itself takes whatever comes.

Another endpoint is one more line in `ANSWERS`, and one in `EVENTS` if it streams.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
from openai.pagination import SyncPage
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, ConfigDict, TypeAdapter

ANSWERS: dict[str, Any] = {
    "/v1/chat/completions": ChatCompletion,
    "/v1/responses": Response,
    "/v1/models": SyncPage[Model],
    "/v1/models/": Model,
}
"""What a route answers whole; of those that end in a slash, whatever their paths end in."""
EVENTS: dict[str, Any] = {"/v1/chat/completions": ChatCompletionChunk, "/v1/responses": ResponseStreamEvent}
"""What each event of a route holds."""
WITHOUT_DONE = {"/v1/responses"}
"""Streams that their last event ends."""


class Error(BaseModel):
    model_config = ConfigDict(extra="forbid")

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    error: Error


class StrictTransport(httpx2.HTTPTransport):
    """Raises AssertionError or pydantic.ValidationError for an answer that is not exactly what the SDK declares."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = super().handle_request(request)
        body = response.read()
        check(request.url.path, response.status_code, response.headers["content-type"], body)
        return httpx2.Response(response.status_code, headers=response.headers, content=body, request=request)


def check(path: str, status: int, content_type: str, body: bytes) -> None:
    if status >= 400:
        assert content_type == "application/json"
        exactly(ErrorBody, body)
    elif content_type.startswith("text/event-stream"):
        events = list(data_of(body.decode()))
        assert (events[-1] == "[DONE]") is (path not in WITHOUT_DONE)
        for event in events[:-1] if events[-1] == "[DONE]" else events:
            exactly(EVENTS[path], event)
    else:
        exactly(ANSWERS.get(path) or ANSWERS[path[: path.rindex("/") + 1]], body)


def exactly(declared: Any, data: bytes | str) -> None:
    """No value is converted, and no field that is not optional is missing."""
    TypeAdapter(declared).validate_json(data, strict=True)


def data_of(stream: str) -> Iterator[str]:
    """The data of each event. Where an event has a name it is the `type` in its data."""
    for block in stream.removesuffix("\n\n").split("\n\n"):
        *names, data = block.split("\n")
        assert data.startswith("data: ")
        if names:
            assert names == [f"event: {json.loads(data.removeprefix('data: '))['type']}"]
        yield data.removeprefix("data: ")
