"""The Responses API in vLLM's form: a request on its way in, events on their way out. Nothing here starts anything."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json
from vllm.entrypoints.openai.responses.protocol import ResponsesRequest

from engine.api import Attachment
from engine.attachments import with_parts
from engine.fields import read_body

FAILURE = "event: error\n"
"""How an event begins that reports a failure after the answer has begun."""

log = logging.getLogger(__name__)


def responses_body(request: Mapping[str, Any]) -> tuple[ResponsesRequest, Mapping[str, Attachment]]:
    """The request in vLLM's form, and the attachments that it names.

    Messages among its input items are chat messages. vLLM makes such of all that it reads, but its way loses parts of
    an assistant's message and the names that its caches need: it reads stand-ins and gets the messages afterwards.

    Raises:
        EngineError: a field has the wrong form or is unknown.
    """
    given = request["input"]
    items = given if isinstance(given, list) else []
    stand_ins = [_stand_in(item) for item in items] if items else given
    body = read_body(ResponsesRequest, dict(request) | {"input": stand_ins})
    messages, table = with_parts(items)
    if items:
        body.input = [
            message if "role" in item else read for message, item, read in zip(messages, items, body.input, strict=True)
        ]
    return body, table


def _stand_in(item: dict[str, Any]) -> dict[str, Any]:
    return {"role": item["role"], "content": "-"} if "role" in item else item


async def as_events(stream: AsyncGenerator[BaseModel, None]) -> AsyncGenerator[str, None]:
    """vLLM's events as server-sent ones. A failure ends them with an `error` event. Closing it closes `stream`."""
    number = 0
    try:
        async with aclosing(stream):
            async for entry in stream:
                yield _event(_corrected(entry.model_dump(mode="json", by_alias=True)))
                number += 1
    except Exception:
        log.exception("the engine failed a response")
        failure = {"code": "server_error", "message": "The engine failed this request.", "param": None}
        yield _event({"type": "error", "sequence_number": number} | failure)


def _corrected(event: dict[str, Any]) -> dict[str, Any]:
    """vLLM calls the last event completed even if the response is not."""
    response = event.get("response")
    if response is None:
        return event
    if event["type"] == "response.completed" and response["status"] == "incomplete":
        event["type"] = "response.incomplete"
    return event | {"response": complete(response)}


def complete(response: dict[str, Any]) -> dict[str, Any]:
    """A response object with what OpenAI's has and vLLM leaves out."""
    return {"error": None, "store": False} | response


def _event(event: dict[str, Any]) -> str:
    return f"event: {event['type']}\ndata: {to_json(event).decode()}\n\n"
