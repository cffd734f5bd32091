"""The shapes of an answer, as ASGI responses that stop all work behind them when the client disconnects."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from server.closing import unless_gone
from server.errors import describe

logger = logging.getLogger(__name__)

Emit = Callable[[bytes], Awaitable[None]]
"""Sends bytes, of events one complete event; waits while the client is slower than the answer. One call at a time."""

DONE = b"data: [DONE]\n\n"


def event(data: dict[str, Any]) -> bytes:
    """One server-sent event holding `data` as JSON."""
    return b"data: " + to_json(data) + b"\n\n"


class ByteStream(Response):
    """A body that `produce(emit)` pushes.

    Headers leave with the first bytes: whatever `produce` raises before them is still an HTTP error. What it raises
    later ends the connection without the body's end, so that the client notices. Closing the connection cancels
    `produce`.
    """

    def __init__(self, produce: Callable[[Emit], Awaitable[None]], media_type: str) -> None:
        self.status_code, self.background, self.media_type = 200, None, media_type
        self.produce = produce
        # Proxies that buffer would turn the stream back into one late answer.
        self.init_headers({"cache-control": "no-cache", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await unless_gone(receive, partial(self._run, _Wire(send, start)))

    async def _run(self, wire: _Wire) -> None:
        await self.produce(wire.emit)
        await wire.end()


class EventStream(ByteStream):
    """Server-sent events pushed by `produce(emit)`. Later failures are logged and end it with an event holding an
    `error`; the rest is as in `ByteStream`."""

    def __init__(self, produce: Callable[[Emit], Awaitable[None]]) -> None:
        super().__init__(produce, "text/event-stream")

    async def _run(self, wire: _Wire) -> None:
        try:
            await self.produce(wire.emit)
        except Exception as error:
            if not wire.started:
                raise
            logger.exception("An answer broke off")
            await wire.emit(event(describe(error).body))
            await wire.emit(DONE)
        await wire.end()


class _Wire:
    """The sending half of one connection: headers first, then events."""

    def __init__(self, send: Send, start: Message) -> None:
        self.started = False
        self._send, self._start = send, start

    async def emit(self, data: bytes) -> None:
        if not self.started:
            self.started = True
            await self._send(self._start)
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        assert self.started, "a stream without any event"
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


class WholeAnswer(Response):
    """A body that `answer()` works out: an object, sent as JSON, or bytes of `media_type`. Closing the connection
    cancels `answer`; nothing is sent then."""

    def __init__(
        self, answer: Callable[[], Awaitable[dict[str, Any] | bytes]], media_type: str = "application/json"
    ) -> None:
        self.status_code, self.background, self.media_type = 200, None, media_type
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await unless_gone(receive, partial(self._run, scope, receive, send))

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self.answer()
        body = answer if isinstance(answer, bytes) else to_json(answer)
        await Response(body, media_type=self.media_type)(scope, receive, send)
