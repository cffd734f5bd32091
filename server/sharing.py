"""Several processes that take connections from one listening socket: whoever has the fewest takes the next. Left to
themselves, the one that wakes first would take all that wait, and a voice session stays where it began."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from types import FrameType
from typing import Any

import anyio
import uvicorn
from starlette.types import ASGIApp

from server.listening import Listening
from server.processes import Share
from server.stopping import Stopping

logger = logging.getLogger(__name__)

_COURTESY_SECONDS = 0.005
"""That a process leaves to one with fewer connections, which may be busy."""
_PAUSE_SECONDS = 1.0
"""After a connection could not be taken, for want of file descriptors for instance."""


class _Sharing(uvicorn.Server):
    """What lies between `Listening` and uvicorn: the way in."""

    share: Share

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        self._tell()
        for listener in sockets or ():
            listener.setblocking(False)
        self._accepting = [asyncio.create_task(self._accept(it), name="accept") for it in sockets or ()]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for task in self._accepting:
            task.cancel()
        await asyncio.wait(self._accepting)
        await super().shutdown(sockets)

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            await anyio.wait_readable(listener)
            self._tell()
            if self.share.loads[self.share.index] > min(self.share.loads):
                await anyio.sleep(_COURTESY_SECONDS)
            try:
                accepted, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                continue  # another process took it, or it is gone
            except OSError:
                logger.exception("A connection could not be taken")
                await anyio.sleep(_PAUSE_SECONDS)
                continue
            accepted.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, accepted)
            self._tell()

    def _protocol(self) -> asyncio.Protocol:
        kind: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = kind(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    def _tell(self) -> None:
        self.share.loads[self.share.index] = len(self.server_state.connections)


class SharedListening(Listening, _Sharing):
    """`Listening` in one of several processes."""

    def __init__(self, app: ASGIApp, stopping: Stopping, share: Share) -> None:
        super().__init__(app, stopping)
        self.share = share

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A terminal interrupts all of them; the one that began them tells them to end."""
        if sig != signal.SIGINT:
            super().handle_exit(sig, frame)
