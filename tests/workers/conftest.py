"""A Redis for each test."""

from collections.abc import Iterator

import pytest

from tests import redis_server as servers


@pytest.fixture
def redis_server() -> Iterator[servers.RedisServer]:
    with servers.redis_server() as server:
        yield server
