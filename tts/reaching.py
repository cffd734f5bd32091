"""Asking Redis with an end to the waiting, its errors told as the asker's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

PATIENCE = 2.0
"""Seconds for which a request waits for Redis before it is refused."""


@contextmanager
def reaching(error: type[Exception], failure: str = "Redis", patience: float = PATIENCE) -> Iterator[None]:
    """Raises `error`, which begins with `failure`, if what is asked of Redis in the block fails or takes more than
    `patience` seconds."""
    from redis.exceptions import RedisError

    try:
        with anyio.fail_after(patience):
            yield
    except (RedisError, OSError, ValueError) as cause:  # the last one: what is kept is damaged
        raise error(f"{failure}: {type(cause).__name__}: {cause}") from cause
