"""A real Redis of a test's own: a server process that a test may stop and start again, and nothing left of it."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest
from redis.asyncio import Redis

from tts.workers import keys


class RedisServer:
    """Debian's redis-server, keeping what it is told in `folder` as docs/workers.md says it should."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        """On a socket in `folder`, or on `port` of this machine. It is not started yet."""
        path = folder / "redis.sock"
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._listening = ["--port", str(port), "--bind", "127.0.0.1", "--unixsocket", str(path)]
        self.url = f"redis://127.0.0.1:{port}" if port else f"unix://{path}"

    def start(self) -> None:
        """Return when it answers."""
        command = ["redis-server", *self._listening]
        command += ["--dir", str(self._folder), "--save", "", "--appendonly", "yes", "--appendfsync", "everysec"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0)
        assert self._process.stdout is not None
        lines = iter(self._process.stdout.readline, "")
        if not any("eady to accept connections" in line for line in lines):
            raise RuntimeError("redis-server does not start")

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(number)
        self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def forget(self) -> None:
        """Lose what was kept, while it is stopped: as a Redis without `appendonly` does."""
        shutil.rmtree(self._folder / "appendonlydir")

    async def ask(self, *command: str) -> Any:
        async with Redis.from_url(self.url, protocol=2) as redis:
            return await redis.execute_command(*command)  # type: ignore[no-untyped-call]

    async def keys(self) -> set[str]:
        """Of units: their sound, and queues that hold jobs."""
        async with Redis.from_url(self.url, protocol=2) as redis:
            found = {key.decode() async for key in redis.scan_iter("ola:tts:*")}
            return {key for key in found if "sound" in key or ("work" in key and await redis.xlen(key))}

    async def until_forgotten(self, seconds: float = 2.0) -> None:
        """Wait until nothing of any unit is left; TimeoutError if something stays."""
        with anyio.fail_after(seconds):
            while await self.keys():  # noqa: ASYNC110
                await anyio.sleep(0.005)

    async def until_begun(self, attempt: int = 1, seconds: float = 20.0) -> int:
        """Wait until a worker has begun with some unit, as the how many-th; its process id."""
        with anyio.fail_after(seconds):
            async with Redis.from_url(self.url, protocol=2) as redis:
                while (worker := await _who_has_begun(redis, attempt)) is None:  # noqa: ASYNC110
                    await anyio.sleep(0.005)
        return int(worker.split("-")[-2])


async def _who_has_begun(redis: Any, attempt: int) -> str | None:
    async for sound in redis.scan_iter("ola:tts:sound:*"):
        for _, fields in await redis.xrange(sound):
            if fields[b"kind"] == b"begun" and int(fields[b"attempt"]) == attempt:
                async for work in redis.scan_iter("ola:tts:work:*"):
                    for pending in await redis.xpending_range(work, keys.GROUP, "-", "+", 100):
                        if pending["times_delivered"] == attempt:
                            return str(pending["consumer"].decode())
    return None


@contextmanager
def redis_server(*, tcp: bool = False) -> Iterator[RedisServer]:
    """One that runs while the block does, with nothing in it: on a socket, or with `tcp` on a free port. Tests without
    `redis-server` on the path are skipped."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    # Not pytest's folder: the path of a socket has to be short.
    with TemporaryDirectory(prefix="ola") as folder:
        server = RedisServer(Path(folder), _free_port() if tcp else 0)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
