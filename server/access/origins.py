"""Which pages of the web may use the server. Pure rules over headers, no I/O.

A browser tells which page a request is from (Origin), and which name it believes the server to have (Host). Without
keys both matter: any page that is open on this machine could talk to a server on its loopback, and a page whose own
name is suddenly resolved to 127.0.0.1 would even be taken for the same origin (DNS rebinding).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from server.errors import RequestError

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
ANY = "*"


@dataclass(frozen=True, slots=True)
class Origins:
    """What the operator allows."""

    listed: Sequence[str] = ()
    """Origins such as `https://app.example`; `*` is any. The server's own is always allowed."""
    only_local_names: bool = False
    """Whether the server answers to no name that could be somebody else's."""

    def check(self, scope: Scope, *, keyless: bool) -> None:
        """Raises RequestError (403) for a page that may not do this.

        With a key there is no need to look at requests: no browser adds one by itself, and CORS decides who may read.
        """
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if keyless and self.only_local_names and not self._is_local(host):
            message = "This server does not answer to that Host. List its origin in OLA_ORIGINS, or set OLA_KEYS."
            raise RequestError(message, status=403, code="host_not_allowed")
        changes = scope["type"] == "websocket" or (keyless and scope["method"] not in _SAFE)
        origin = headers.get("origin")
        if changes and origin is not None and not self._allows(origin.lower(), host):
            message = "Pages of that Origin may not use this server. OLA_ORIGINS lists those that may."
            raise RequestError(message, status=403, code="origin_not_allowed")

    def _allows(self, origin: str, host: str) -> bool:
        return ANY in self.listed or origin in self.listed or _netloc(origin) == host

    def _is_local(self, host: str) -> bool:
        """Whether no page elsewhere can have this name: an address needs no resolving, so nobody can rebind it."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if not name or name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            ip_address(name)
        except ValueError:
            return any(host == _netloc(listed) for listed in self.listed)
        return True


def _netloc(origin: str) -> str | None:
    """None if it is malformed."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
