"""Two scripted servers with one real Redis behind a real nginx, each of which can be stopped and started again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.deploy import scripted_server
from tests.deploy.nginx import nginx
from tests.deploy.ports import free_ports
from tests.ola_process import running
from tests.redis_server import RedisServer, redis_server


class Replica:
    """One server, on a port that stays its own."""

    def __init__(self, port: int, redis: RedisServer) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._port, self._redis = port, redis
        self._stack = ExitStack()

    def start(self) -> None:
        """Return when it listens."""
        command = [scripted_server.__name__, str(self._port)]
        self.process, _ = self._stack.enter_context(
            running(command, scripted_server.READY, {"OLA_REDIS_URL": self._redis.url})
        )

    def stop(self) -> int:
        """As a service manager does. Returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self._stack.close()
        return status

    def close(self) -> None:
        self._stack.close()


@dataclass(frozen=True, slots=True)
class Fleet:
    """`url` is nginx's."""

    url: str
    replicas: tuple[Replica, Replica]
    redis: RedisServer


@contextmanager
def fleet() -> Iterator[Fleet]:
    """It runs while the block does."""
    ports = free_ports(2)
    with (
        redis_server() as redis,
        nginx({"server-1:8000": ports[0], "server-2:8000": ports[1]}) as url,
        ExitStack() as stack,
    ):
        replicas = tuple(Replica(port, redis) for port in ports)
        for replica in replicas:
            stack.callback(replica.close)
        with ThreadPoolExecutor() as both:
            list(both.map(Replica.start, replicas))
        yield Fleet(url, (replicas[0], replicas[1]), redis)
