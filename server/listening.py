"""uvicorn as we run it: patient with clients only so far, and stopped without losing a request."""

from __future__ import annotations

import asyncio
import logging
import socket
from math import ceil
from types import FrameType

import anyio
import uvicorn
from starlette.types import ASGIApp

from server.connection import MESSAGE_BYTES, PatientConnection
from server.door import shut
from server.patient_websocket import PatientWebSocket
from server.stopping import Stopping

logger = logging.getLogger(__name__)

_LAST_SECONDS = 5
"""For what is cut off to end: a session is written down, a connection closed."""


class HandedOver(PatientWebSocket):
    """Left to its route when the server stops: uvicorn would close it at once, in the middle of a word and before the
    session is kept."""

    def shutdown(self) -> None:
        """Told by uvicorn that the server stops."""


class Listening(uvicorn.Server):
    """A server that takes no new connections once it is told to stop, finishes what it has, and ends in time."""

    def __init__(self, app: ASGIApp, stopping: Stopping) -> None:
        """`app` was made with the same `stopping`."""
        super().__init__(
            uvicorn.Config(
                app,
                http=PatientConnection,
                log_config=None,  # its lines look like all others
                log_level="warning",
                access_log=False,
                lifespan="on",
                ws=HandedOver,
                ws_max_size=MESSAGE_BYTES,
                ws_per_message_deflate=False,  # speech does not get much smaller, only later
            )
        )
        self._stopping = stopping
        self._loop: asyncio.AbstractEventLoop

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer until told to stop. Cancelling it leaves connections to the event loop's end."""
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal ends the server in peace, the second at once, and a third one leaves it no time at all.

        None is raised again afterwards, as uvicorn would: whoever serves ends its other parts in peace as well.
        """
        again, self.should_exit = self.should_exit, True
        self.force_exit = again and self._stopping.over
        if again:
            self._loop.call_soon_threadsafe(self._stopping.end)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn when it is told to stop."""
        stopping, open_now = self._stopping, len(self.server_state.connections)
        logger.info("Stopping; %d connections have %g s. A second signal ends them now", open_now, stopping.seconds)
        stopping.tell()
        async with anyio.create_task_group() as group:
            group.start_soon(stopping.end_in_time, name="end")
            await stopping.notice()
            await shut(sockets or ())
            stopping.finish()
            self.config.timeout_graceful_shutdown = ceil(stopping.seconds - stopping.notice_seconds) + _LAST_SECONDS
            await super().shutdown(sockets)
            group.cancel_scope.cancel()
