"""A Redis for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.workers.processes import RedisServer


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    # Not pytest's folder: the path of a socket has to be short.
    with TemporaryDirectory(prefix="ola") as folder:
        server = RedisServer(Path(folder))
        server.start()
        yield server
        server.stop()
