"""Real workers for tests, each a process that a test may kill or stop."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http.client import HTTPConnection
from typing import Any

import anyio
import anyio.to_thread
from prometheus_client.parser import text_string_to_metric_families

from tests.ola_process import running
from tests.workers.voices import VARIABLE

SCRIPTED = "tests.workers.voices:scripted"


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
