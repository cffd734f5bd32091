"""A real Redis and real workers for tests, each a process that a test may kill, stop or start again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from tests.ola_process import running
from tests.workers.voices import VARIABLE
from tts.workers import keys

SCRIPTED = "tests.workers.voices:scripted"


class RedisServer:
    """Debian's redis-server on a socket of its own, keeping what it is told as docs/workers.md says it should."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options or ("--appendonly", "yes", "--appendfsync", "always")
        self._process: subprocess.Popen[str] | None = None
        self.url = f"unix://{folder / 'redis.sock'}"

    def start(self) -> None:
        """Return when it answers."""
        command = ["redis-server", "--port", "0", "--unixsocket", str(self._folder / "redis.sock")]
        command += ["--dir", str(self._folder), "--save", "", *self._options]
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

    async def until_begun(self, attempt: int = 1) -> Begun:
        """Wait until a worker has begun with some unit."""
        async with Redis.from_url(self.url, protocol=2) as redis:
            while True:
                async for sound in redis.scan_iter("ola:tts:sound:*"):
                    for _, fields in await redis.xrange(sound):
                        if fields[b"kind"] == b"begun" and int(fields[b"attempt"]) == attempt:
                            work = await anext(redis.scan_iter("ola:tts:work:*"))
                            (pending,) = await redis.xpending_range(work, keys.GROUP, "-", "+", 1)
                            return Begun(pending["consumer"].decode(), sound.decode())
                await anyio.sleep(0.005)


class Begun:
    """Who has a unit."""

    def __init__(self, worker: str, sound: str) -> None:
        self.pid = int(worker.split("-")[-2])
        self.sound = sound


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


async def figures(port: int) -> dict[str, float]:
    """What a worker counts, by name."""
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"http://127.0.0.1:{port}/metrics")).raise_for_status().text
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
