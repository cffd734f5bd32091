"""A WebSocket client for a load: what it sends is made beforehand, and what comes is handed on with its time.

A client library's connection costs several times as much, and the load shares its machine with what it measures.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from time import perf_counter
from typing import Any, cast

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

Hear = Callable[[bytes, float], None]
"""Takes a message, and when it came, in seconds of `perf_counter`."""


class WireError(Exception):
    """The server refused or ended the connection."""


def framed(message: dict[str, Any]) -> bytes:
    """A message as bytes of the wire, to be sent on any connection any number of times."""
    return Frame(Opcode.TEXT, json.dumps(message).encode()).serialize(mask=True)


class Wire(asyncio.Protocol):
    """One connection."""

    def __init__(self, url: str, hear: Hear) -> None:
        self._protocol = ClientProtocol(parse_uri(url), max_size=None)
        self._hear = hear
        self._transport: asyncio.WriteTransport | None = None
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done with the handshake; a WireError if it was refused."""
        self.lost: str | None = None
        """Why the connection ended; None: it has not."""

    def send(self, frame: bytes) -> None:
        """Send what `framed` made. What a server does not take is kept in memory."""
        assert self._transport is not None
        self._transport.write(frame)

    def close(self) -> None:
        """Say goodbye, without waiting for the answer."""
        self.lost = self.lost or "closed by the client"
        if self._transport is not None and not self._transport.is_closing():
            if self._protocol.state is State.OPEN:
                self._protocol.send_close()
                self._flush()
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is none by type
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        now = perf_counter()
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                self._opened(event)
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                assert event.fin, "a message in parts"
                self._hear(bytes(event.data), now)
            elif isinstance(event, Frame) and event.opcode is Opcode.CLOSE:
                self.lost = self.lost or f"closed by the server: {self._protocol.close_rcvd}"
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = self.lost or f"lost: {error}"
        if not self.open.done():
            self.open.set_exception(WireError(self.lost))

    def _opened(self, answer: Response) -> None:
        if self._protocol.handshake_exc is None:
            self.open.set_result(None)
        else:
            said = bytes(answer.body or b"").decode(errors="replace")
            self.open.set_exception(WireError(f"refused: {answer.status_code} {said}"))

    def _flush(self) -> None:
        """Send what the protocol has to say: the handshake, answers to pings, goodbyes."""
        assert self._transport is not None
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)


async def connected(url: str, hear: Hear) -> Wire:
    """A connection to `url`, `ws://host:port/path`. Cancelling it leaves none.

    Raises:
        OSError, WireError: there is none.
    """
    address = parse_uri(url)
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(lambda: Wire(url, hear), address.host, address.port)
    try:
        await wire.open
    except BaseException:
        wire.close()
        raise
    return wire
