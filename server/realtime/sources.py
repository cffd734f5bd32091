"""Where the chunks of a reply come from: the engine, a text that stands already, or the one after the other."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from itertools import islice
from typing import Any

from engine.api import Engine
from server.chunks import Chunk, parse
from server.closing import closing

Chunks = AsyncGenerator[Chunk, None]
"""Chunks of one streamed chat completion. Closing it aborts the request behind it at once."""


async def asked(engine: Engine, request: dict[str, Any]) -> Chunks:
    """The engine's answer to `request`, with its usage.

    Raises:
        EngineError: before the first chunk; later failures are a chunk that holds an `error`.
    """
    async with closing(engine.stream_chat(request | {"stream_options": {"include_usage": True}})) as events:
        async for event in events:
            if (chunk := parse(event)) is not None:
                yield chunk


async def saying(text: str) -> Chunks:
    """A text that no engine is needed for: a sentence while a tool runs, or what was not heard of a whole answer."""
    yield _chunk({"content": text}, None)
    yield _chunk({}, "stop")


async def continued(rest: str, engine: Engine, request: dict[str, Any]) -> Chunks:
    """An answer that was cut off goes on: the `rest` of it that was not heard, then what the engine adds to it.

    The last of the messages in `request` is the answer as far as it was written, `rest` included. Raises as `asked`.
    """
    yield _chunk({"content": rest}, None)
    going_on = request | {"continue_final_message": True, "add_generation_prompt": False}
    async with closing(asked(engine, going_on)) as chunks:
        async for chunk in chunks:
            yield chunk


def unheard(text: str, heard: str) -> str:
    """What follows in `text` on its beginning that was heard, as `tts.timeline` gives it: white space may differ."""
    ink = len("".join(heard.split()))
    if not ink:
        return text
    last = next(islice(re.finditer(r"\S", text), ink - 1, None), None)
    return text[last.end() :] if last else ""


def _chunk(delta: dict[str, Any], finish_reason: str | None) -> Chunk:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}
