"""Gets an attachment that a request names by URL, without letting the request reach into the server's own network.

Every address is checked and then that very address is dialled; each redirect starts again at the check.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import anyio
import h11
from anyio.abc import ByteStream

from server.addresses import Address, is_public
from server.media.errors import MediaError, too_large

logger = logging.getLogger(__name__)

_SECONDS = 30.0
"""For one attachment, redirects included."""
_REDIRECTS = 3
_PORTS = {"http": 80, "https": 443}
_KEPT = "/%:=&?~+!$,;'@()*[]-._"
"""Characters of a path or query that are sent as they are; all others are percent-encoded."""
_PIECE = 65536
"""Bytes read at a time."""


@dataclass(frozen=True, slots=True)
class UrlFetcher:
    """A `server.media.sources.Fetch`. `allowed` decides which addresses may be dialled."""

    max_bytes: int
    allowed: Callable[[Address], bool] = is_public
    seconds: float = _SECONDS
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    async def __call__(self, url: str) -> bytes:
        """The bytes behind `url`. Cancelling it closes the connection.

        Raises:
            MediaError: with a text that does not tell what the server's network looks like.
        """
        try:
            with anyio.fail_after(self.seconds):
                return await self._follow(url)
        except TimeoutError:
            raise MediaError("the URL took too long to fetch.") from None
        except (OSError, ValueError, anyio.BrokenResourceError, h11.ProtocolError) as error:
            logger.info("a URL could not be fetched: %r", error)
            raise MediaError("the URL could not be fetched.") from None

    async def _follow(self, url: str) -> bytes:
        for _ in range(_REDIRECTS + 1):
            answer = await self._get(urlsplit(url))
            if isinstance(answer, bytes):
                return answer
            url = urljoin(url, answer)
        raise MediaError("the URL redirects too often.")

    async def _get(self, url: SplitResult) -> bytes | str:
        """The body, or the URL that it redirects to."""
        if url.scheme not in _PORTS or not url.hostname or url.username is not None:
            raise MediaError("only plain http(s) URLs can be fetched.")
        port = url.port or _PORTS[url.scheme]
        address = await self._checked_address(url.hostname, port)
        async with await self._dial(address, port, url) as stream:
            return await _Exchange(stream, self.max_bytes).get(url)

    async def _checked_address(self, host: str, port: int) -> str:
        found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(sockaddr[0]) for *_, sockaddr in found]
        # One bad address spoils the name: a public name that also points inside is an attack, not a mistake.
        if not addresses or not all(self.allowed(ip_address(address)) for address in addresses):
            raise MediaError("the URL's address may not be fetched.")
        return addresses[0]

    async def _dial(self, address: str, port: int, url: SplitResult) -> ByteStream:
        if url.scheme == "http":
            return await anyio.connect_tcp(address, port)
        # The certificate must be the name's, though the address is dialled. Servers often skip TLS's closing message;
        # h11 notices a body that was cut.
        return await anyio.connect_tcp(
            address, port, tls=True, ssl_context=self.tls, tls_hostname=url.hostname, tls_standard_compatible=False
        )


class _Exchange:
    """One GET over one connection."""

    def __init__(self, stream: ByteStream, max_bytes: int) -> None:
        self._stream, self._max_bytes = stream, max_bytes
        self._http = h11.Connection(h11.CLIENT)

    async def get(self, url: SplitResult) -> bytes | str:
        await self._send_request(url)
        response = await self._next()
        while isinstance(response, h11.InformationalResponse):
            response = await self._next()
        assert isinstance(response, h11.Response)
        headers = {name: value.decode("latin-1") for name, value in response.headers}
        if response.status_code in (301, 302, 303, 307, 308) and b"location" in headers:
            return headers[b"location"]
        if response.status_code != 200 or headers.get(b"content-encoding", "identity") != "identity":
            raise MediaError(f"the URL was answered with status {response.status_code}.")
        return await self._body()

    async def _send_request(self, url: SplitResult) -> None:
        target = quote(url.path or "/", _KEPT) + (f"?{quote(url.query, _KEPT)}" if url.query else "")
        headers = {"host": url.netloc, "accept-encoding": "identity", "user-agent": "ola", "connection": "close"}
        for part in (h11.Request(method="GET", target=target, headers=list(headers.items())), h11.EndOfMessage()):
            await self._stream.send(self._http.send(part) or b"")

    async def _body(self) -> bytes:
        body = bytearray()
        while isinstance(data := await self._next(), h11.Data):
            body += data.data
            if len(body) > self._max_bytes:
                raise too_large(f"the attachment is larger than {self._max_bytes} bytes.")
        return bytes(body)

    async def _next(self) -> h11.Event:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            try:
                self._http.receive_data(await self._stream.receive(_PIECE))
            except anyio.EndOfStream:
                self._http.receive_data(b"")
        assert isinstance(event, h11.Event)
        return event
