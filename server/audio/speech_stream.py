"""WebSocket /v1/audio/speech/stream: text in as it is written, speech out as it is made, any number of speeches.

Three tasks: one reads and never waits, one speaks, one sends replies. A client that does not read stops the one that
speaks, and with it the voice.
"""

from __future__ import annotations

import logging
import math
from base64 import b64encode
from time import perf_counter
from typing import Any

import anyio
from fastapi import FastAPI
from pydantic_core import to_json
from starlette.websockets import WebSocket, WebSocketDisconnect

from server.access.keys.shown import chosen_protocol
from server.access.limits.allowance import LimitError, allowance_of
from server.audio.speech import admitted, usage
from server.audio.speech_session import Append, Cancel, ClientEvent, Flush, Speech, SpeechSession, Update, client_event
from server.closing import closing
from server.errors import FieldError, RequestError, describe
from server.parts import Parts
from tts.events import Begun, Ended, Skipped
from tts.voice import VoiceError
from tts.wake import Wake

logger = logging.getLogger(__name__)

ROUTE = "/v1/audio/speech/stream"

_IDLE_SECONDS = 300.0
"""Without a message, with nothing to say and nothing sent, after which the connection is closed."""
_UNREAD_REPLIES = 100
"""After which a client is taken not to read at all."""


def add_speech_stream(app: FastAPI, parts: Parts, idle_seconds: float = _IDLE_SECONDS) -> None:
    """Add the route."""

    @app.websocket(ROUTE)
    async def speech_stream(websocket: WebSocket) -> None:
        parts.needed_speaker()
        await websocket.accept(chosen_protocol(websocket.scope))
        try:
            await _Connection(parts, websocket, idle_seconds).run()
        except* WebSocketDisconnect:
            pass


class _Connection:
    def __init__(self, parts: Parts, websocket: WebSocket, idle_seconds: float) -> None:
        self._parts, self._websocket, self._idle_seconds = parts, websocket, idle_seconds
        self._session = SpeechSession()
        self._to_say, self._said = anyio.create_memory_object_stream[Speech](math.inf)  # the session bounds them
        self._reply, self._replies = anyio.create_memory_object_stream[dict[str, Any]](_UNREAD_REPLIES)
        self._saying: anyio.CancelScope | None = None
        self._over = RequestError("Nothing was said for too long.", code="idle_timeout")
        """Why the session ends, unless the client ends it."""
        self._code, self._reason = 1000, ""
        self._cancelled: list[str] | None = None
        self._ended = Wake()
        self._sent = -math.inf

    async def run(self) -> None:
        """Serve until the client leaves or is idle. Cancelling it stops the voice.

        Raises:
            WebSocketDisconnect: in a group; the client left.
        """
        with self._to_say, self._said, self._reply, self._replies:
            async with anyio.create_task_group() as group:
                group.start_soon(self._send_replies, name="replies")
                group.start_soon(self._speak, name="speeches")
                group.start_soon(self._hand_over, group.cancel_scope, name="restart")
                self._answer({"type": "session.created", "session": self._session.config})
                await self._read()
                group.cancel_scope.cancel()
        await self._send(_error(self._over))
        await self._websocket.close(self._code, self._reason)

    async def _hand_over(self, connection: anyio.CancelScope) -> None:
        await self._parts.stopping.hand_over(self._quiet)
        self._over = RequestError("The server stops. Go on with a new connection.", code="server_restarting")
        self._code, self._reason = 1012, "server_restarting"
        connection.cancel()

    async def _quiet(self) -> None:
        while self._session.busy or self._saying is not None:
            await self._ended.wait()

    async def _read(self) -> None:
        """Take messages and never wait for anything else."""
        while (message := await self._next()) is not None:
            event_id = None
            try:
                event = client_event(message.get("text"))
                event_id = event.event_id
                self._take(event)
            except (RequestError, FieldError) as error:
                self._answer(_error(error, event_id=event_id))

    async def _next(self) -> Any:
        """The next message; None if nothing comes any more, or may."""
        since = anyio.current_time()
        while True:
            idle_at = max(since, self._sent) + self._idle_seconds
            with anyio.move_on_after(idle_at - anyio.current_time()):
                try:
                    message = await self._websocket.receive()
                except LimitError as error:  # in place of what was too much
                    self._answer(_error(error))
                    since = anyio.current_time()
                    continue
                except RequestError as error:
                    self._over = error
                    return None
                if message["type"] == "websocket.disconnect":
                    raise WebSocketDisconnect(message.get("code", 1006))
                return message
            if self._session.waiting:
                since = anyio.current_time()
            elif self._sent + self._idle_seconds <= anyio.current_time():
                return None

    def _take(self, event: ClientEvent) -> None:
        match event:
            case Update():
                self._session.update(event.session)
                self._answer({"type": "session.updated", "session": self._session.config})
            case Append():
                if (begun := self._session.append(event.text)) is not None:
                    self._to_say.send_nowait(begun)
            case Flush():
                self._session.flush()
            case Cancel():
                self._cancel()

    def _cancel(self) -> None:
        ids = self._session.cancel()
        if self._saying is None:
            self._answer({"type": "input_text.cancelled", "speech_ids": ids})
            self._ended.up()
        else:  # the one who speaks says so when he has stopped
            self._cancelled = (self._cancelled or []) + ids
            self._saying.cancel()

    def _answer(self, event: dict[str, Any]) -> None:
        try:
            self._reply.send_nowait(event)
        except anyio.WouldBlock:
            raise WebSocketDisconnect(1008, "replies are not read") from None

    async def _send_replies(self) -> None:
        async for event in self._replies:
            await self._send(event)

    async def _send(self, event: dict[str, Any]) -> None:
        await self._websocket.send_text(to_json(event).decode())
        self._sent = anyio.current_time()

    async def _speak(self) -> None:
        async for speech in self._said:
            if speech.over:
                continue
            with anyio.CancelScope() as self._saying:
                await self._say(speech)
            self._saying = None
            self._session.ended(speech)
            if self._cancelled is not None:
                ids, self._cancelled = self._cancelled, None
                await self._send({"type": "input_text.cancelled", "speech_ids": ids})
            self._ended.up()

    async def _say(self, speech: Speech) -> None:
        mark, begun = {"speech_id": speech.id}, [perf_counter()]

        async def send(data: bytes) -> None:
            if begun:
                self._parts.metrics.first_sound.labels(ROUTE).observe(perf_counter() - begun.pop())
            await self._send({"type": "speech.audio.delta", **mark, "audio": b64encode(data).decode()})

        async def note(event: Begun | Ended | Skipped) -> None:
            if isinstance(event, Begun):
                speech.text.begun(event.text)
                expected = {"text": event.text, "at": event.at, "expected": event.expected}
                await self._send({"type": "speech.unit.started", **mark, **expected})
            else:
                await self._send({"type": "speech.unit.done", **mark, "at": event.at})

        try:
            async with (
                admitted(self._parts, speech.manner, allowance_of(self._websocket)) as narrator,
                closing(speech.text.pieces()) as pieces,
            ):
                seconds = await narrator.narrate(pieces, send, note)
        except WebSocketDisconnect:
            raise
        except Exception as error:
            speech.over = True
            if isinstance(error, VoiceError):
                self._parts.metrics.voice_failures.inc()
            await self._send(_error(error, **mark))
        else:
            await self._send({"type": "speech.audio.done", **mark, "usage": usage(speech.characters, seconds)})


def _error(error: Exception, **about: Any) -> dict[str, Any]:
    failure = describe(error)
    if failure.status >= 500:
        logger.error("A speech failed", exc_info=error)
    return {"type": "error", **about} | failure.body
