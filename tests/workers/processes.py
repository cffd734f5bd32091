"""A real Redis and real workers for tests, each a process that a test may kill, stop or start again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from tests.ola_process import running
from tests.workers.voices import VARIABLE
from tts.workers import keys

SCRIPTED = "tests.workers.voices:scripted"


class RedisServer:
    """Debian's redis-server on a socket of its own, keeping what it is told as docs/workers.md says it should."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self.url = f"unix://{folder / 'redis.sock'}"

    def start(self) -> None:
        """Return when it answers."""
        command = ["redis-server", "--port", "0", "--unixsocket", str(self._folder / "redis.sock")]
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


@asynccontextmanager
async def worker(
    url: str, *options: str, voice: str = SCRIPTED, **script: Any
) -> AsyncGenerator[subprocess.Popen[str], None]:
    """A worker from when it is ready, of the scripted voice if no other; its process, which may be killed meanwhile."""
    command = ["tts.workers.cli", "--voice", voice, "--redis", url, *options]
    context = running(command, r"ready: ", {VARIABLE: json.dumps(script)})
    process, _ = await anyio.to_thread.run_sync(context.__enter__)
    try:
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
            await anyio.to_thread.run_sync(context.__exit__, None, None, None)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def figures(port: int) -> dict[str, float]:
    """What a worker counts, by name. Waits for it without the event loop, which it does not need."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
