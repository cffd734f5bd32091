"""Who comes in: pages, keys, places and limits, looked at before a request is read. A streamed event pays nothing."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from server.access.access import Access
from server.access.intake import counted_body, counted_messages
from server.access.keys.key import Key, Keys, KeysError, digest_of
from server.access.keys.shown import no_key, shown_key
from server.access.limits.allowance import Allowance
from server.access.origins import Origins
from server.access.places import Place, Places
from server.access.secrets import PREFIX, is_expired
from server.errors import RequestError
from server.settings import Settings

OPEN = frozenset({"/", "/health", "/ready", "/docs", "/openapi.json"})
"""For everybody: probes, and what stands in the repository."""
PAGE = "/web/"
"""So does all that the page at / is made of."""
METRICS = "/metrics"
SESSIONS = frozenset({"/v1/realtime", "/v1/audio/speech/stream"})
"""What a client secret opens."""

_LARGEST_BODIES = 4
"""How many of the largest bodies allowed there is memory for, and disk for recordings; many more ordinary ones."""
_EXPOSED = [
    "x-request-id",
    "server-timing",
    "retry-after",
    *(f"x-ratelimit-{part}-requests" for part in ("limit", "remaining", "reset")),
]
"""Headers of an answer that a page may read."""


def add_gate(app: FastAPI, settings: Settings, access: Access) -> None:
    """Put the gate in front of all routes."""
    # Who says `none` may have given the server any name.
    origins = Origins(settings.origins, only_local_names=settings.keys is None)
    sizes = settings.max_body_bytes, settings.max_attachment_bytes
    places = Places(settings.max_requests, *(_LARGEST_BODIES * size for size in sizes))
    app.add_middleware(Gate, access=access, places=places, origins=origins)


def add_cors(app: FastAPI, settings: Settings) -> None:
    """Let pages of the listed origins read what they are answered, errors included; so this goes around everything."""
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=_EXPOSED,
        )


class Gate:
    """ASGI middleware. Leaves the request's `Allowance`, `Key` (or None) and `Place` in its state, by these names."""

    def __init__(self, app: ASGIApp, access: Access, places: Places, origins: Origins) -> None:
        self._app, self._access, self._places, self._origins = app, access, places, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"] in OPEN or scope["path"].startswith(PAGE):
            await self._app(scope, receive, send)
            return
        self._origins.check(scope, keyless=self._access.keys is None)
        key = None if self._access.keys is None else await self._let_in(scope, self._access.keys)
        if scope["path"] == METRICS:  # also while the server is busy
            await self._app(scope, receive, send)
            return
        with self._places.taken() as place:
            await self._serve(key, place, scope, receive, send)

    async def _serve(self, key: Key | None, place: Place, scope: Scope, receive: Receive, send: Send) -> None:
        allowance = Allowance() if key is None else Allowance(self._access.ledger, key.account, key.quota)
        talks = scope["type"] == "websocket"
        counted = (
            counted_messages(receive, allowance, partial(self._check_again, key))
            if talks
            else counted_body(receive, allowance, place)
        )
        async with allowance.entered("concurrent_sessions" if talks else "concurrent_requests"):
            state = scope["state"]
            state["allowance"], state["key"], state["place"] = allowance, key, place
            state["answer_headers"].extend(allowance.headers)
            await self._app(scope, counted, send)

    async def _let_in(self, scope: Scope, keys: Keys) -> Key:
        """Raises RequestError (401, 403)."""
        secret = shown_key(scope)
        if secret.startswith(PREFIX):
            return await self._let_page_in(secret, scope, keys)
        key = await keys.find(digest_of(secret))
        if key is None:
            raise no_key("This key is not valid.", shown=True)
        if key.scope == "metrics" and scope["path"] != METRICS:
            raise _forbidden("This key is for /metrics only.")
        return key

    async def _let_page_in(self, secret: bytes, scope: Scope, keys: Keys) -> Key:
        """The key that asked for this client secret, whose limits it shares."""
        kept = await self._access.secrets.find(digest_of(secret))
        if kept is None and is_expired(secret, time.time()):
            raise no_key("This client secret has expired.", "client_secret_expired", shown=True)
        key = None if kept is None or kept.parent is None else await keys.find(kept.parent)
        if key is None:
            raise no_key("This client secret is not valid.", shown=True)
        if scope["path"] not in SESSIONS:
            raise _forbidden("A client secret opens sessions only.")
        return key

    async def _check_again(self, key: Key | None) -> None:
        """Raises RequestError if the key was revoked meanwhile. A session outlives keys that cannot be looked up."""
        if key is None or self._access.keys is None:
            return
        with suppress(KeysError):
            if await self._access.keys.find(key.digest) is None:
                raise no_key("This key is not valid any more.", shown=True)


def _forbidden(message: str) -> RequestError:
    return RequestError(message, status=403, code="insufficient_permissions")
