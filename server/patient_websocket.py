"""One WebSocket that its client cannot keep open by not reading: uvicorn itself waits for ever until what was sent last
has been taken.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

WAITING = "ola.waiting"
"""Extension of the scope (ASGI): a function that says whether a message waits that `receive` would give at once."""
LAST_SECONDS = 15.0
"""For the client to take what was sent before the end. More than uvicorn's own 10 s for the closing handshake."""


class PatientWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket with one bound more."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._last_timer: asyncio.TimerHandle | None = None
        self._lost = False

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[WAITING] = lambda: not self.queue.empty()

    async def run_asgi(self) -> None:
        """Serve. Cancelling it leaves the connection to uvicorn."""
        await super().run_asgi()
        if not self._lost:
            self._last_timer = self.loop.call_later(LAST_SECONDS, self.transport.abort)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.disconnected = True  # what is sent from now on finds nobody; uvicorn would call it a mistake of the app

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self._last_timer is not None:
            self._last_timer.cancel()
        super().connection_lost(exc)
