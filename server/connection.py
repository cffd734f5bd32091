"""One HTTP connection, whose patience with its client has an end: uvicorn itself waits for ever for a request's head,
and for a client that does not take its answer. Bodies are looked after in `server.access.intake`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 20.0
"""For a request's line and headers, and for what is left of a body that nobody wanted."""
HEAD_BYTES = 64 * 1024
"""For the same; httptools has no bound of its own."""
MESSAGE_BYTES = 21 * 2**20
"""Of one WebSocket message: the 15 MiB of sound that a Realtime client may send at a time, in base64."""
ANSWER_SECONDS = 60.0
"""For the client to take the next 48 KiB of its answer; until then the server makes no more."""


class PatientConnection(HttpToolsProtocol):
    """uvicorn's connection with three bounds. What is sent costs nothing more: the bounds are timers of rare events."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None
        self._in_head, self._head_bytes = False, 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._stop_answer_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        goes_on = self._in_head
        super().data_received(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:  # now a WebSocket
            return
        if self.cycle is None or self.cycle.response_complete:
            # Any byte has ended uvicorn's own timer for idle connections.
            self._wait_for_head()
        if self._in_head and goes_on:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.send_400_response("The headers are too large.")

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_head_timer()
        if not self.flow.write_paused:  # a request sent ahead is no sign that the answer before it is read
            self._stop_answer_timer()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        self._stop_answer_timer()
        super().resume_writing()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._wait_for_reader()

    def _wait_for_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _wait_for_reader(self) -> None:
        if self._answer_timer is None:
            self._answer_timer = self.loop.call_later(ANSWER_SECONDS, self._leave_unless_read)

    def _leave_unless_read(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_answer_timer(self) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None
