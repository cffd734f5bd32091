"""A speech server for tests: OpenAI's `/v1/audio/speech` over any voice, which fails when a test says so."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import anyio
from starlette.types import Receive, Scope, Send

from tts.voice import Voice


class SpeechServerApp:
    """An ASGI app. It stops speaking when its client leaves."""

    def __init__(self, voice: Voice, *, key: str | None = None, piece: int = 4801) -> None:
        """`piece` is the size of what is sent at a time; an odd one cuts samples in two."""
        self._voice, self._key, self._piece = voice, key, piece
        self.asked: list[dict[str, Any]] = []
        self.clients: set[tuple[str, int]] = set()
        """Address of every connection that there was."""
        self.refuse: tuple[int, str, str] | None = None
        """Status, content type and body of every answer to come."""
        self.die_after: int | None = None
        """Bytes after which the connection is cut."""
        self.left = anyio.Event()
        """Set when a client left before its answer was whole."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        self.clients.add(scope["client"])
        body = await _body(receive)
        if self._key is not None and dict(scope["headers"]).get(b"authorization") != f"Bearer {self._key}".encode():
            await _answer(send, 401, "application/json", '{"error": {"message": "no such key"}}')
        elif self.refuse is not None:
            await _answer(send, *self.refuse)
        elif scope["path"] == "/v1/models":
            await _answer(send, 200, "application/json", '{"data": []}')
        else:
            assert (scope["method"], scope["path"]) == ("POST", "/v1/audio/speech")
            self.asked.append(json.loads(body))
            await self._race(receive, send)

    async def _race(self, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                self.left.set()
                group.cancel_scope.cancel()

            group.start_soon(watch)
            await self._speak(send)
            group.cancel_scope.cancel()

    async def _speak(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"audio/pcm")]})
        sent = 0
        async with aclosing(self._pieces(self.asked[-1])) as pieces:
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                sent += len(piece)
                if self.die_after is not None and sent >= self.die_after:
                    raise ConnectionAbortedError("scripted to die")  # uvicorn cuts the connection
        await send({"type": "http.response.body", "body": b""})

    async def _pieces(self, asked: dict[str, Any]) -> AsyncGenerator[bytes, None]:
        rest = b""
        async with aclosing(self._voice.synthesize(asked["input"], speed=asked.get("speed", 1.0))) as chunks:
            async for chunk in chunks:
                rest += chunk
                while len(rest) >= self._piece:
                    yield rest[: self._piece]
                    rest = rest[self._piece :]
        if rest:
            yield rest


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _answer(send: Send, status: int, kind: str, body: str) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind.encode())]})
    await send({"type": "http.response.body", "body": body.encode()})
