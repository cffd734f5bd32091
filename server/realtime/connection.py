"""One WebSocket of the Realtime API: a reader that hands events to the session, a writer that sends what comes of them.

Neither waits for the engine or for a voice. A client that does not read stops its own sound first and is then dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Protocol, TypeGuard

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect

from server.access.limits.allowance import LimitError
from server.errors import FieldError, RequestError
from server.media.errors import MediaError
from server.patient_websocket import WAITING
from server.realtime.durable.store import TakenOverError
from server.realtime.events import ClientEvent, EventError, InputAudioAppend, client_event
from server.realtime.outbox import Outbox, emit_error
from server.realtime.patience import Patience
from server.stopping import Stopping

logger = logging.getLogger(__name__)

LONGEST_SECONDS = 3600.0
"""Of a connection, as OpenAI has it; a session may be resumed on another."""
IDLE_SECONDS = 900.0
"""Without an event from the client, after which it is taken to be gone."""
SEND_SECONDS = 20.0
"""For a client to take one event."""
_CLOSE_SECONDS = 1.0
_TOGETHER = 25
"""Appends that are handled as one: about a second, after which others are to be heard too."""


class Core(Protocol):
    """What a connection needs of a session."""

    async def handle(self, event: ClientEvent) -> None:
        """Raises RequestError, FieldError, MediaError: the event is refused, and nothing has changed."""
        ...

    async def quiet(self) -> None:
        """Return when nobody speaks, neither the user nor the server. Cancelling it changes nothing."""
        ...


class _ClosedError(Exception):
    """The connection ends for a reason that the client is told."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        """`status` is of RFC 6455, 7.4.1. Without a message the reason is all that is said: nobody reads."""
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class Connection:
    """Serves one client until it leaves, or one of the bounds above ends it."""

    def __init__(self, websocket: WebSocket, outbox: Outbox, stopping: Stopping) -> None:
        """The WebSocket has been accepted."""
        self._websocket, self._outbox, self._stopping = websocket, outbox, stopping
        self._idle, self._sending = Patience(IDLE_SECONDS), Patience(SEND_SECONDS)

    async def run(self, session: AbstractAsyncContextManager[Core]) -> None:
        """Serve. Cancelling it ends the session and everything that it has begun.

        Raises:
            WebSocketDisconnect: in a group; the client left.
        """
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._write, name="writer")
                group.start_soon(self._drop_if_behind, name="slow reader")
                group.start_soon(self._drop_if_stuck, name="stuck reader")
                group.start_soon(self._drop_if_idle, name="idle client")
                async with session as core:
                    group.start_soon(self._hand_over, core, name="restart")
                    with anyio.move_on_after(LONGEST_SECONDS):
                        await self._read(core)
                    raise _ClosedError(1001, "session_expired", "The session has lasted as long as it may.")
        except* TakenOverError:
            await self._close(_ClosedError(1008, "session_taken_over", "Another connection has resumed this session."))
        except* _ClosedError as errors:
            await self._close(_first(errors))

    async def _read(self, session: Core) -> None:
        """Sound that waits already is handled as one: a server that is late hears at once what it has missed, for less
        than it costs in pieces, and is in time again."""
        while True:
            event, sound = await self._event(), list[bytes]()
            while _may_join(event) and len(sound) < _TOGETHER and self._more_waits():
                sound.append(event.audio)
                event = await self._event()
            if sound and _may_join(event):
                sound.append(event.audio)
                event = None
            if sound:
                await self._take(InputAudioAppend(audio=b"".join(sound)), session)
            if event is not None:
                await self._take(event, session)

    async def _event(self) -> ClientEvent | None:
        """What the client says next. None: it is no event, of which the client was told."""
        self._idle.begin()
        message = await self._message()
        self._idle.end()
        try:
            if not isinstance(message, LimitError):
                return client_event(message)
            emit_error(self._outbox.emit, message)
        except EventError as error:
            emit_error(self._outbox.emit, error)
        return None

    def _more_waits(self) -> bool:
        waiting: Callable[[], bool] | None = self._websocket.get("extensions", {}).get(WAITING)
        return waiting is not None and waiting()

    async def _take(self, event: ClientEvent, session: Core) -> None:
        try:
            await session.handle(event)
        except (RequestError, FieldError, MediaError) as error:
            emit_error(self._outbox.emit, error, event.event_id)

    async def _message(self) -> str | LimitError | None:
        """What the client says; None stands for a binary message, an error for one that was too much."""
        try:
            message = await self._websocket.receive()
        except LimitError as error:
            return error
        except RequestError as error:  # the key is not valid any more
            raise _ClosedError(1008, error.code or "refused", error.message) from error
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1006))
        text: str | None = message.get("text")
        return text

    async def _write(self) -> None:
        async for event in self._outbox.events():
            self._sending.begin()
            await self._websocket.send_text(event)
            self._sending.end()

    async def _drop_if_behind(self) -> None:
        await self._outbox.overrun.wait()
        raise _ClosedError(1008, "client_too_slow")

    async def _drop_if_stuck(self) -> None:
        await self._sending.out()
        raise _ClosedError(1008, "client_too_slow")

    async def _drop_if_idle(self) -> None:
        await self._idle.out()
        raise _ClosedError(1001, "session_idle_timeout", "Nothing came from the client for too long.")

    async def _hand_over(self, session: Core) -> None:
        """The session is kept before the client is told: it may be back, elsewhere, at once."""
        await self._stopping.hand_over(session.quiet)
        raise _ClosedError(1012, "server_restarting", "The server stops. Resume the session on a new connection.")

    async def _close(self, why: _ClosedError) -> None:
        with suppress(RuntimeError), anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            if why.message:
                last = Outbox()
                emit_error(last.emit, RequestError(why.message, code=why.code))
                for event in (*self._outbox.taken(), *last.taken()):
                    await self._websocket.send_text(event)
            await self._websocket.close(why.status, why.code)


def _may_join(event: ClientEvent | None) -> TypeGuard[InputAudioAppend]:
    """Whether it is sound, whose client gave it no name to be told of in an error."""
    return isinstance(event, InputAudioAppend) and event.event_id is None


def _first(errors: ExceptionGroup[_ClosedError]) -> _ClosedError:
    """Several tasks may have seen the same end."""
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error
