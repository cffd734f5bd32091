"""An app behind a real uvicorn on a real port, in the test's own event loop so that tests can gate its parts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from server.connection import MESSAGE_BYTES, PatientConnection
from server.patient_websocket import PatientWebSocket


@asynccontextmanager
async def serving(app: ASGIApp, **options: Any) -> AsyncGenerator[str, None]:
    """Serve `app` while the block runs; gives the base URL, `http://127.0.0.1:port`. `options` are uvicorn's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # As uvloop does; connections inherit it. Otherwise every answer waits 40 ms for an acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(
            app,
            http=PatientConnection,
            log_config=None,
            ws=PatientWebSocket,
            ws_max_size=MESSAGE_BYTES,
            timeout_graceful_shutdown=1,
            **options,
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]), name="uvicorn")
        await server.listening.wait()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.stopping.set()
            await task


class _Server(uvicorn.Server):
    """uvicorn that tells when it listens, stops when told instead of at its next tick, and leaves signals to pytest."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening, self.stopping = asyncio.Event(), asyncio.Event()

    async def startup(self, *args: Any, **kwargs: Any) -> None:
        await super().startup(*args, **kwargs)
        self.listening.set()

    async def main_loop(self) -> None:
        await self.stopping.wait()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
