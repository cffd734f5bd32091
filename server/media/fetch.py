"""Gets attachments by https URL: which URLs, how much of them, and for how long. `network` decides what is dialled."""

from __future__ import annotations

import logging
import re
import ssl
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import quote, urlsplit

import anyio
import httpcore

from server.media.errors import MediaError, too_large
from server.media.network import CheckedNetwork

_LONGEST_URL = 8192
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
    connect_seconds: float = 5
    """For each address that is tried, and again for TLS."""
    read_seconds: float = 10
    """Between two pieces of an answer."""
    seconds: float = 60
    """From the look-up to the last byte."""


class UrlFetcher:
    """A `server.media.sources.Fetch`. No proxy, no redirect, no compression, and no connection outlives its fetch."""

    def __init__(
        self,
        limits: FetchLimits,
        network: httpcore.AsyncNetworkBackend | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`network` defaults to public addresses only, `tls` to the system's certificate authorities."""
        self._limits = limits
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or ssl.create_default_context(),
            max_connections=_CONNECTIONS,
            max_keepalive_connections=0,
            network_backend=network or CheckedNetwork(),
        )

    async def __call__(self, url: str) -> bytes:
        """The bytes behind `url`. Cancelling it closes the connection.

        Raises:
            MediaError: with a fixed text, the same for a name that is unknown, forbidden or silent.
        """
        target = _parse(url, self._limits.ports)
        try:
            with anyio.fail_after(self._limits.seconds):
                return await self._get(target)
        except (TimeoutError, httpcore.TimeoutException) as error:
            _log.info("fetching from %s: %r", _authority(target), error)
            raise MediaError("the URL took too long to fetch.") from error
        except (OSError, httpcore.NetworkError, httpcore.ProtocolError) as error:
            _log.info("fetching from %s: %r", _authority(target), error)
            raise MediaError("the URL could not be fetched.") from error

    async def close(self) -> None:
        """Close all connections. Fetches under way fail."""
        await self._pool.aclose()

    async def _get(self, url: httpcore.URL) -> bytes:
        limits, body = self._limits, bytearray()
        headers = [("Host", _authority(url)), ("User-Agent", "ola-serve"), ("Accept-Encoding", "identity")]
        timeout = {"connect": limits.connect_seconds, "read": limits.read_seconds, "write": limits.read_seconds}
        async with self._pool.stream("GET", url, headers=headers, extensions={"timeout": timeout}) as response:
            _check(response, limits.max_bytes)
            async for piece in response.aiter_stream():
                body += piece
                if len(body) > limits.max_bytes:
                    raise _too_many_bytes(limits.max_bytes)
        return bytes(body)


def _parse(url: str, ports: frozenset[int]) -> httpcore.URL:
    """The one place where a URL is taken apart: everything after it works on the parts."""
    if len(url) > _LONGEST_URL or _CONTROL_OR_BACKSLASH.search(url):
        _refuse()
    try:
        parts = urlsplit(url)
        port = 443 if parts.port is None else parts.port
        target = quote(parts.path or "/", _KEPT) + (f"?{quote(parts.query, _KEPT)}" if parts.query else "")
    except ValueError:
        _refuse()
    host = parts.hostname or ""
    if parts.scheme != "https" or "@" in parts.netloc or port not in ports or not _HOST.fullmatch(host):
        _refuse()
    return httpcore.URL(scheme="https", host=host, port=port, target=target)


def _refuse() -> NoReturn:
    raise MediaError("only URLs of the form 'https://host/path' can be fetched, with no user name and no unusual port.")


def _authority(url: httpcore.URL) -> str:
    """What the Host header says (RFC 9110 section 7.2)."""
    host = f"[{url.host.decode()}]" if b":" in url.host else url.host.decode()
    return host if url.port == 443 else f"{host}:{url.port}"


def _check(response: httpcore.Response, max_bytes: int) -> None:
    headers = [(name.lower(), value.strip().lower()) for name, value in response.headers]
    if 300 <= response.status < 400:
        raise MediaError("the URL redirects; attach the address that it leads to.")
    if response.status != 200:
        raise MediaError(f"the URL was answered with status {response.status}.")
    if any(name == b"content-encoding" and value != b"identity" for name, value in headers):
        raise MediaError("the URL was answered with a compressed body.")
    if any(name == b"content-length" and int(value) > max_bytes for name, value in headers):
        raise _too_many_bytes(max_bytes)


def _too_many_bytes(max_bytes: int) -> MediaError:
    return too_large(f"the attachment is larger than {max_bytes} bytes.")
