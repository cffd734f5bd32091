"""`ola serve` as a user starts it: a process of its own, on a free port, until the test is done."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

ADDRESS = re.compile(r"curl (http://\S+)/v1/chat/completions")

# Small memory and one thread a process: several engines and a busy test share two cores.
ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


class StartError(Exception):
    """The server ended before it was ready; holds what it printed."""


@contextmanager
def ola_serve(model: Path, *options: str, **settings: str) -> Iterator[str]:
    """A running server's address, `http://host:port`. `settings` are OLA_... variables.

    Raises:
        StartError: it stopped instead of starting.
    """
    command = [sys.executable, "-m", "server.cli", "serve", "--model", str(model), "--port", "0", *options]
    environment = os.environ | ENVIRONMENT | {f"OLA_{name.upper()}": value for name, value in settings.items()}
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
    )
    assert process.stderr is not None
    printed: list[str] = []
    reader = Thread(target=printed.extend, args=(process.stderr,), daemon=True)
    try:
        for line in process.stderr:
            printed.append(line)
            if match := ADDRESS.search(line):
                reader.start()  # reads on, so that the server never waits for a full pipe
                yield match[1]
                return
        raise StartError("".join(printed))
    finally:
        stop(process)
        if reader.ident:
            reader.join()
        process.stderr.close()


def stop(process: subprocess.Popen[str]) -> None:
    """End the server as a user does, and whatever of its group is left after half a minute."""
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(30)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
