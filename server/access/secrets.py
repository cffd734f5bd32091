"""Short-lived secrets that a page may hold, and where they are kept. Knows nothing of the request that asks for one."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict

from tts.reaching import reaching

if TYPE_CHECKING:
    from redis.asyncio import Redis

PREFIX = b"ek_"
MAX_KEPT = 10_000
"""Secrets that one process keeps; the oldest go first."""
_EXPIRY_DIGITS = 8


class SecretsError(Exception):
    """The secrets cannot be looked up or kept now."""


class ClientSecret(BaseModel):
    """What is kept of a secret, under its SHA-256."""

    model_config = ConfigDict(frozen=True)

    parent: str | None
    """SHA-256 of the key that asked for it; None: a server without keys."""
    expires_at: int
    session: dict[str, Any]


class Secrets(Protocol):
    """Where secrets are kept until they expire. Both methods raise SecretsError."""

    async def keep(self, digest: str, secret: ClientSecret) -> None:
        """Cancelled, it may be kept; nobody knows it."""
        ...

    async def find(self, digest: str) -> ClientSecret | None:
        """None if it is unknown or expired."""
        ...


def new_client_secret(expires_at: int) -> str:
    """Its end is in it, so that an expired one can be called that without having been remembered."""
    return f"ek_{expires_at:0{_EXPIRY_DIGITS}x}{token_hex(24)}"


def is_expired(secret: bytes, now: float) -> bool:
    """Whether this was a secret once, as far as anybody can see. Opens nothing."""
    digits = secret.removeprefix(PREFIX)[:_EXPIRY_DIGITS]
    try:
        return int(digits, 16) <= now
    except ValueError:
        return False


class MemorySecrets:
    """`Secrets` of one process."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._kept: OrderedDict[str, ClientSecret] = OrderedDict()

    async def keep(self, digest: str, secret: ClientSecret) -> None:
        for known in [known for known, kept in self._kept.items() if kept.expires_at <= self._now()]:
            del self._kept[known]
        if len(self._kept) >= MAX_KEPT:
            self._kept.popitem(last=False)
        self._kept[digest] = secret

    async def find(self, digest: str) -> ClientSecret | None:
        secret = self._kept.get(digest)
        return secret if secret is not None and secret.expires_at > self._now() else None


class RedisSecrets:
    """`Secrets` that all processes of a deployment know: `ola:secret:<sha256>`, gone when it expires."""

    def __init__(self, redis: Redis) -> None:
        """`redis` stays the caller's to close."""
        self._redis: Any = redis  # its methods are typed as awaitable or not

    async def keep(self, digest: str, secret: ClientSecret) -> None:
        with reaching(SecretsError):
            await self._redis.set(_key(digest), secret.model_dump_json(), exat=secret.expires_at)

    async def find(self, digest: str) -> ClientSecret | None:
        with reaching(SecretsError):
            kept = await self._redis.get(_key(digest))
            return None if kept is None else ClientSecret.model_validate_json(kept)


def _key(digest: str) -> str:
    return f"ola:secret:{digest}"
