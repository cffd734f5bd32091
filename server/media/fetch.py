"""Gets attachments by URL: which URLs, how much of them, and for how long. `network` decides what is dialled."""

from __future__ import annotations

import logging
import re
import ssl
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import quote, urlsplit

import anyio
import httpcore

from server.addresses import is_public
from server.media.errors import MediaError
from server.media.file import too_many_bytes
from server.media.network import CheckedNetwork
from server.media.sources import Feed

_LONGEST_URL = 8192
_PORTS = {"https": 443, "http": 80}
_CONTROL_OR_BACKSLASH = re.compile(r"[\x00-\x1f\x7f\\]")
"""Parsers drop the first silently, and some take the second for a slash."""
_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*|[0-9a-f:.]*:[0-9a-f:.]*")
"""A name or IPv4 address in any spelling, or an IPv6 address."""
_KEPT = "/%:=&?~+!$,;'@()*[]-._"
"""Characters of a path or query that are sent as they are; all others are percent-encoded."""
_CONNECTIONS = 32
"""Open at a time, over all requests; a further fetch waits for one within its time."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What a fetch may cost, and where it may go."""

    max_bytes: int
    ports: frozenset[int] = frozenset({443})
    """Other ports of public hosts are hardly ever media, but often something that is only firewalled from elsewhere."""
    hosts: frozenset[str] = frozenset()
    """If there are any, these alone, by https or http: `name`, or `name:port` where the port is not the usual one."""
    connect_seconds: float = 5
    """For each address that is tried, and again for TLS."""
    read_seconds: float = 10
    """Between two pieces of an answer."""
    seconds: float = 60
    """From the look-up to the last byte, and one more for every `bytes_per_second` that have come."""
    bytes_per_second: int = 2**20


class UrlFetcher:
    """A `server.media.sources.Fetch`. No proxy, no redirect, no compression, and no connection outlives its fetch."""

    def __init__(
        self,
        limits: FetchLimits,
        network: httpcore.AsyncNetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`network` defaults to public addresses only, or to all if there is a list of hosts; `tls` to the system's
        certificate authorities."""
        self._limits = limits
        allowed = (lambda _: True) if limits.hosts else is_public
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or ssl.create_default_context(),
            max_connections=_CONNECTIONS,
            max_keepalive_connections=0,
            network_backend=network or CheckedNetwork(allowed=allowed),
        )

    async def __call__(self, url: str, feed: Feed) -> None:
        """Feed the bytes behind `url`, piece by piece. Cancelling it closes the connection.

        Raises:
            MediaError: with a fixed text, the same for a name that is unknown, forbidden or silent.
        """
        target = _parse(url, self._limits)
        try:
            with anyio.fail_after(self._limits.seconds) as patience:
                await self._get(target, feed, patience)
        except (TimeoutError, httpcore.TimeoutException) as error:
            _log.info("fetching from %s: %r", _authority(target), error)
            raise MediaError("the URL took too long to fetch.") from error
        except (OSError, httpcore.NetworkError, httpcore.ProtocolError) as error:
            _log.info("fetching from %s: %r", _authority(target), error)
            raise MediaError("the URL could not be fetched.") from error

    async def close(self) -> None:
        """Close all connections. Fetches under way fail."""
        await self._pool.aclose()

    async def _get(self, url: httpcore.URL, feed: Feed, patience: anyio.CancelScope) -> None:
        limits, size = self._limits, 0
        headers = [("Host", _authority(url)), ("User-Agent", "ola-serve"), ("Accept-Encoding", "identity")]
        timeout = {"connect": limits.connect_seconds, "read": limits.read_seconds, "write": limits.read_seconds}
        async with self._pool.stream("GET", url, headers=headers, extensions={"timeout": timeout}) as response:
            _check(response, limits.max_bytes)
            async for piece in response.aiter_stream():
                size += len(piece)
                if size > limits.max_bytes:
                    raise too_many_bytes(limits.max_bytes)
                patience.deadline += len(piece) / limits.bytes_per_second
                await feed(piece)


def _parse(url: str, limits: FetchLimits) -> httpcore.URL:
    """The one place where a URL is taken apart: everything after it works on the parts."""
    if len(url) > _LONGEST_URL or _CONTROL_OR_BACKSLASH.search(url):
        _refuse()
    try:
        parts = urlsplit(url)
        port = parts.port if parts.port is not None else _PORTS.get(parts.scheme, 0)
        path = quote(parts.path or "/", _KEPT) + (f"?{quote(parts.query, _KEPT)}" if parts.query else "")
    except ValueError:
        _refuse()
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or "@" in parts.netloc or not port or not _HOST.fullmatch(host):
        _refuse()
    target = httpcore.URL(scheme=parts.scheme, host=host, port=port, target=path)
    if limits.hosts:
        if _authority(target) not in limits.hosts:
            raise MediaError("this server does not fetch from that host.")
    elif parts.scheme != "https" or port not in limits.ports:
        _refuse()
    return target


def _refuse() -> NoReturn:
    raise MediaError("only URLs of the form 'https://host/path' can be fetched, with no user name and no unusual port.")


def _authority(url: httpcore.URL) -> str:
    """What the Host header says (RFC 9110 section 7.2)."""
    host = f"[{url.host.decode()}]" if b":" in url.host else url.host.decode()
    return host if url.port == _PORTS[url.scheme.decode()] else f"{host}:{url.port}"


def _check(response: httpcore.Response, max_bytes: int) -> None:
    headers = [(name.lower(), value.strip().lower()) for name, value in response.headers]
    if 300 <= response.status < 400:
        raise MediaError("the URL redirects; attach the address that it leads to.")
    if response.status != 200:
        raise MediaError(f"the URL was answered with status {response.status}.")
    if any(name == b"content-encoding" and value != b"identity" for name, value in headers):
        raise MediaError("the URL was answered with a compressed body.")
    if any(name == b"content-length" and int(value) > max_bytes for name, value in headers):
        raise too_many_bytes(max_bytes)
