"""A WebSocket over a blocking socket: Locust lets such a socket hold up its own greenlet only; nothing here knows.

One greenlet or thread sends, another one hears.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from threading import Lock
from time import perf_counter

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import Event, State
from websockets.uri import parse_uri

from loadtests.wire import WireError

_PIECE = 65536


class BlockingWire:
    """One connection to `url`, `ws://host:port/path`."""

    def __init__(self, url: str, seconds: float) -> None:
        """Connect. `seconds` is how long the server may say nothing, then and later.

        Raises:
            OSError, WireError: there is none.
        """
        address = parse_uri(url)
        self._protocol = ClientProtocol(address, max_size=None)
        self._sending = Lock()
        self._socket = socket.create_connection((address.host, address.port), seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._early: list[Event] = []
        self._closed = False
        try:
            self._open()
        except BaseException:
            self._socket.close()
            raise

    def send(self, frame: bytes) -> None:
        """Send what `loadtests.wire.framed` made. Raises OSError."""
        with self._sending:
            self._socket.sendall(frame)

    def messages(self) -> Iterator[tuple[bytes, float]]:
        """Each message and when it came, in seconds of `perf_counter`, until this end is closed.

        Raises:
            OSError, WireError: the server ended it, or says nothing any more.
        """
        while True:
            now = perf_counter()
            for event in self._events():
                assert isinstance(event, Frame)
                if event.opcode is Opcode.TEXT:
                    assert event.fin, "a message in parts"
                    yield bytes(event.data), now
                elif event.opcode is Opcode.CLOSE:
                    raise WireError(f"closed by the server: {self._protocol.close_rcvd}")
            self._flush()
            try:
                data = self._socket.recv(_PIECE)
            except OSError:
                if self._closed:
                    return
                raise
            if self._closed:
                return
            if not data:
                raise WireError("lost: the server hung up")
            self._protocol.receive_data(data)

    def close(self) -> None:
        """Say goodbye, without waiting for the answer. Whoever waits for messages waits no longer."""
        if self._closed:
            return
        self._closed = True
        # The server may be gone already.
        with suppress(OSError):
            if self._protocol.state is State.OPEN:
                self._protocol.send_close()
                self._flush()
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _open(self) -> None:
        """The handshake. What the server says right behind it is kept for `messages`."""
        self._protocol.send_request(self._protocol.connect())
        self._flush()
        while not (events := self._events()):
            data = self._socket.recv(_PIECE)
            if not data:
                raise WireError("lost during the handshake")
            self._protocol.receive_data(data)
        answer, *self._early = events
        if self._protocol.handshake_exc is not None:
            assert isinstance(answer, Response)
            said = bytes(answer.body or b"").decode(errors="replace")
            raise WireError(f"refused: {answer.status_code} {said}")

    def _events(self) -> list[Event]:
        events, self._early = [*self._early, *self._protocol.events_received()], []
        return events

    def _flush(self) -> None:
        """Send what the protocol has to say: the handshake, answers to pings, goodbyes."""
        with self._sending:
            for data in self._protocol.data_to_send():
                if data:
                    self._socket.sendall(data)
