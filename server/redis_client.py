"""The client for the Redis that the settings name, opened alike for whatever servers share."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from server.settings import Settings

if TYPE_CHECKING:
    from redis.asyncio import Redis


def redis_client(settings: Settings, closing: AsyncExitStack, error: type[Exception]) -> Redis:
    """A client for OLA_REDIS_URL, closed with `closing`; it connects when it is asked something. Raises `error` if the
    URL is no address, or if the client is not installed."""
    try:
        from redis.asyncio import Redis
    except ImportError as cause:
        raise error("OLA_REDIS_URL needs Redis's client: pip install 'ola-serve[redis]'") from cause
    try:
        redis = Redis.from_url(settings.redis_url or "", protocol=2)  # replies as in every release of the library
    except ValueError as cause:
        raise error(f"OLA_REDIS_URL: {cause}") from cause
    closing.push_async_callback(redis.aclose)
    return redis
