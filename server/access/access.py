"""Who may use a server and how much: the keys, the counts and the secrets lent to browsers, as the settings say."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from server.access.keys.files import FileKeys
from server.access.keys.key import Keys, KeysError, KeyStore
from server.access.limits.ledger import Ledger
from server.access.limits.memory import MemoryLedger
from server.access.secrets import MemorySecrets, Secrets
from server.redis_client import redis_client
from server.settings import Settings


@dataclass(frozen=True, slots=True)
class Access:
    """What the gate asks."""

    keys: Keys | None = None
    """None: everybody may use the server."""
    ledger: Ledger = field(default_factory=MemoryLedger)
    secrets: Secrets = field(default_factory=MemorySecrets)


@asynccontextmanager
async def opened_access(settings: Settings) -> AsyncGenerator[Access, None]:
    """What the settings ask for; in Redis, what processes must share, if there is one.

    Raises:
        KeysError: the keys cannot be read.
    """
    async with AsyncExitStack() as closing:
        store = open_keys(settings, closing)
        if store is not None:
            await store.records()  # what is wrong is known now
        if settings.redis_url is None:
            yield Access(store)
            return
        from server.access.limits.shared import RedisLedger
        from server.access.secrets import RedisSecrets

        redis = redis_client(settings, closing, KeysError)
        yield Access(store, RedisLedger(redis), RedisSecrets(redis))


def open_keys(settings: Settings, closing: AsyncExitStack) -> KeyStore | None:
    """The store that OLA_KEYS names, closed with `closing`. Raises KeysError."""
    match settings.keys:
        case None | "none":
            return None
        case "redis":
            from server.access.keys.hashes import RedisKeys

            return RedisKeys(redis_client(settings, closing, KeysError))
    return FileKeys(Path(settings.keys).expanduser())
