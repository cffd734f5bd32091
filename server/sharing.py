"""uvicorn's server where several processes take connections from one listening socket: whoever has the fewest takes the
next. Left to themselves, the process that wakes first takes all that wait, and a session stays where it began."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import anyio
import uvicorn

from server.processes import Share

logger = logging.getLogger(__name__)

_COURTESY_SECONDS = 0.005
"""That a process leaves to one with fewer connections, which may be busy."""
_PAUSE_SECONDS = 1.0
"""After a connection could not be taken, for want of file descriptors for instance."""


class SharingServer(uvicorn.Server):
    """One of them."""

    def __init__(self, config: uvicorn.Config, share: Share) -> None:
        super().__init__(config)
        self._share = share
        self._accepting: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections from `sockets`. Cancelling it leaves that to `shutdown`."""
        await super().startup([])
        self._tell()
        for listener in sockets or ():
            listener.setblocking(False)
            self._accepting.append(asyncio.create_task(self._accept(listener), name="accept"))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's. Cancelling it cuts short what is being answered."""
        for task in self._accepting:
            task.cancel()
        await asyncio.wait(self._accepting)
        await super().shutdown(sockets)

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            await anyio.wait_readable(listener)
            self._tell()
            if self._share.loads[self._share.index] > min(self._share.loads):
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
        self._share.loads[self._share.index] = len(self.server_state.connections)
