"""Starts the two servers that are compared, each as its user would: ours, and the one that vLLM brings."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

HOST = "127.0.0.1"

# The same for both: little memory, no word that is not about trouble. vLLM pins both engines to the same cores, which
# is fair as long as only one of them has work.
ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
}

LAST_LINES = 40
"""Of what a server said, when something goes wrong."""

READY = "Application startup complete"
"""What uvicorn says, in vLLM's server; ours says how to ask it."""


class StartError(Exception):
    """The server ended before it was ready; what it said is on standard error."""


@dataclass(frozen=True, slots=True)
class Server:
    """One that answers. Its process speaks HTTP; its engine works in children of it."""

    port: int
    process: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def chat(self) -> str:
        return f"{self.url}/v1/chat/completions"

    @property
    def speech(self) -> str:
        return f"{self.url}/v1/audio/speech"

    def cpu(self) -> float:
        """Seconds of processor time that its front process has taken, without the engine behind it."""
        return cpu_of([self.process])

    def with_children(self) -> list[int]:
        """Its processes, of a server without an engine."""
        return [self.process, *map(int, Path(f"/proc/{self.process}/task/{self.process}/children").read_text().split())]


def cpu_of(processes: Sequence[int]) -> float:
    """Seconds of processor time that they have taken."""
    stats = [Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split() for process in processes]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")


@contextmanager
def ours(model: str, options: Sequence[str]) -> Iterator[Server]:
    """`ola serve`, until the block is left."""
    with started("server.cli", "serve", "--model", model, *options, ready="curl http://") as server:
        yield server


@contextmanager
def stock(model: str, options: Sequence[str]) -> Iterator[Server]:
    """vLLM's own server, until the block is left. As a module: the `vllm` command needs a package of that name, and
    the build for processors has another."""
    quiet = "--disable-uvicorn-access-log"
    module = "vllm.entrypoints.openai.api_server"
    with started(module, "--host", HOST, quiet, "--model", model, *options, ready=READY) as server:
        yield server


@contextmanager
def started(*command: str, ready: str) -> Iterator[Server]:
    """A Python module that serves, once it has printed `ready`."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", *command, "--port", str(port)],
        env=os.environ | ENVIRONMENT,
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        text=True,
        # Not a session: Linux shares processors among sessions, and a busy engine in another one than the load's keeps
        # the load waiting for a tenth of a second at a time.
        process_group=0,
    )
    assert process.stdout is not None
    printed: list[str] = []
    reader = Thread(target=printed.extend, args=(process.stdout,), daemon=True)
    try:
        for line in process.stdout:
            printed.append(line)
            if ready in line:
                # Read on, so that the server never waits for a full pipe.
                reader.start()
                yield Server(port, process.pid)
                return
        raise StartError(f"{command[0]} did not start")
    except Exception:
        sys.stderr.writelines(printed[-LAST_LINES:])
        raise
    finally:
        stop(process)
        if reader.ident:
            reader.join()
        process.stdout.close()


def stop(process: subprocess.Popen[str]) -> None:
    """End the server as a user does, and after half a minute all that is left of it."""
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(30)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
