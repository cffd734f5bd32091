"""Servers as a user starts them: processes of their own, on a free port, until the test is done."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

# Small memory and one thread a process: several engines and a busy test share two cores.
ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}


class StartError(Exception):
    """The server ended before it was ready; holds what it printed."""


@contextmanager
def ola_serve(model: Path | str, *options: str, environment: dict[str, str] | None = None) -> Iterator[str]:
    """A running server's address, `http://host:port`.

    Raises:
        StartError: it stopped instead of starting.
    """
    with ola_process(model, *options, environment=environment) as (_, address):
        yield address


@contextmanager
def ola_process(
    model: Path | str, *options: str, environment: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running server's process, the leader of its group, and its address. Raises like `ola_serve`."""
    command = ["server.cli", "serve", "--model", str(model), "--port", "0", *options]
    with running(command, r"curl (http://\S+)/v1/chat/completions", environment or {}) as (process, ready):
        yield process, ready[1]


@contextmanager
def stock_vllm(model: Path, *options: str, environment: dict[str, str] | None = None) -> Iterator[str]:
    """A stock vLLM server's address, with nothing of ours but the plugins that installing this package registers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["vllm.entrypoints.openai.api_server", "--model", str(model), "--port", str(port), *options]
    with running(command, "Application startup complete", environment or {}):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def running(
    command: list[str], ready: str, variables: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[str], re.Match[str]]]:
    """A Python module as a process, once a line of its stderr matches `ready`."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env=os.environ | ENVIRONMENT | variables,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        # Not a session of its own: the scheduler would then share the machine with it as with a stranger.
        process_group=0,
    )
    assert process.stderr is not None
    printed: list[str] = []
    reader = Thread(target=printed.extend, args=(process.stderr,), daemon=True)
    try:
        for line in process.stderr:
            printed.append(line)
            if match := re.search(ready, line):
                reader.start()  # reads on, so that the server never waits for a full pipe
                yield process, match
                return
        raise StartError("".join(printed))
    finally:
        stop(process)
        if reader.ident:
            reader.join()
        process.stderr.close()


def stop(process: subprocess.Popen[str]) -> None:
    """End the server as a service manager does, and whatever of its group is left after half a minute."""
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(30)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
