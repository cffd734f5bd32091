"""The client for the Redis that the settings name, opened alike for whatever servers share."""

from __future__ import annotations

from contextlib import AsyncExitStack

from redis.asyncio import Redis

from server.settings import Settings


def redis_client(settings: Settings, closing: AsyncExitStack, error: type[Exception]) -> Redis:
    """A client for OLA_REDIS_URL, closed with `closing`; it connects when it is asked something. Raises `error` if the
    URL is no address."""
    try:
        redis = Redis.from_url(settings.redis_url or "", protocol=2)  # replies as in every release of the library
    except ValueError as cause:
        raise error(f"OLA_REDIS_URL: {cause}") from cause
    closing.push_async_callback(redis.aclose)
    return redis
