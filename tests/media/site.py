"""A TLS site on this machine that answers what a test tells it, and a fetcher that may go there and nowhere else."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from typing import Any

import anyio
import httpcore
import trustme
from anyio.abc import SocketAttribute
from anyio.streams.tls import TLSListener, TLSStream

from server.addresses import Address
from server.media.fetch import FetchLimits, UrlFetcher
from server.media.network import CheckedNetwork

NAME = "files.test"
HOME = ip_address("127.0.0.1")


class Names:
    """A resolver. Each name has a list of answers, one for each time that it is asked."""

    def __init__(self, answers: dict[str, list[list[str]]]) -> None:
        self._answers = {name: iter(lists) for name, lists in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> list[Address]:
        self.asked.append(host)
        if host not in self._answers:
            raise OSError(f"{host} is unknown to the inner name server")
        return [ip_address(address) for address in next(self._answers[host])]


class Dialler(httpcore.AsyncNetworkBackend):
    """Notes whom it should dial. Dials 127.0.0.1 only: everybody else turns out not to answer."""

    def __init__(self) -> None:
        self.dialled: list[str] = []
        self._real = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.dialled.append(host)
        if host != str(HOME):
            raise httpcore.ConnectError("nobody there")
        return await self._real.connect_tcp(host, port, timeout, local_address, socket_options)


class Site:
    """Answers every request with `answer`, then closes the connection; `holds`: or waits for the client to do so."""

    def __init__(self, answer: bytes, holds: bool) -> None:
        self.port = 0
        self.requests: list[str] = []
        self.server_names: list[str | None] = []
        self.asked, self.left = anyio.Event(), anyio.Event()
        """A request has come; a client that was held has gone."""
        self.names, self.dialler = Names({NAME: [[str(HOME)]]}), Dialler()
        self.answer, self._holds = answer, holds
        self.encrypts = True
        authority = trustme.CA()
        self.tls, self.trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
        authority.issue_cert(NAME).configure_cert(self.tls)
        authority.configure_trust(self.trust)
        self.tls.sni_callback = lambda _, name, __: self.server_names.append(name)

    def url(self, path: str = "/file", name: str = NAME) -> str:
        return f"https://{name}:{self.port}{path}"

    def fetcher(self, names: Names | None = None, tls: ssl.SSLContext | None = None, **limits: Any) -> UrlFetcher:
        network = CheckedNetwork(names or self.names, {HOME, ip_address("127.0.0.2")}.__contains__, self.dialler)
        defaults: dict[str, Any] = {"max_bytes": 1000, "ports": frozenset({self.port})}
        return UrlFetcher(FetchLimits(**defaults | limits), network, tls or self.trust)

    async def serve(self, stream: TLSStream) -> None:
        async with stream:
            request = b""
            while b"\r\n\r\n" not in request:
                request += await stream.receive()
            self.requests.append(request.decode())
            self.asked.set()
            await (stream if self.encrypts else stream.transport_stream).send(self.answer)
            if self._holds:
                with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                    await stream.receive()
                self.left.set()


@asynccontextmanager
async def site(answer: bytes = b"", *, holds: bool = False) -> AsyncGenerator[Site, None]:
    """Run a site while the block runs."""
    served = Site(answer, holds)
    listener = await anyio.create_tcp_listener(local_host=str(HOME))
    served.port = listener.extra(SocketAttribute.local_port)
    async with (
        TLSListener(listener, served.tls, standard_compatible=False) as encrypted,
        anyio.create_task_group() as group,
    ):
        group.start_soon(encrypted.serve, served.serve, name="site")
        yield served
        group.cancel_scope.cancel()


def reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """An answer whose length is stated, unless by `headers`."""
    lines = [f"HTTP/1.1 {status}", *(headers or [f"Content-Length: {len(body)}"]), "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(*pieces: bytes) -> bytes:
    """An answer of unknown length."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))
    return reply(body, "Transfer-Encoding: chunked")
