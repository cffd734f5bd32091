"""`ola serve` from several processes: one engine, one address, and a gateway in each process."""

from __future__ import annotations

import signal
import socket
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import AbstractContextManager
from math import ceil
from multiprocessing.process import BaseProcess

from engine.shared import Connection, shared_engine
from server.processes import Share, together, until_one_ends
from server.settings import Settings
from tts.logs import set_up_logging

_LAST_SECONDS = 15.0
"""For a process to end after its last answer may have: what is cut off ends, sessions are written down."""


def serve_together(settings: Settings, arguments: Namespace, listener: socket.socket, count: int) -> None:
    """Serve until interrupted, or until one of the processes ends, which ends the others."""

    own = settings.model_copy(update={"max_requests": ceil(settings.max_requests / count)})

    def start(connections: Sequence[Connection]) -> AbstractContextManager[list[BaseProcess]]:
        given = [(own, arguments, listener, connection) for connection in connections]
        return together(gateway, given, settings.shutdown_seconds + _LAST_SECONDS)

    try:
        with shared_engine(arguments, count, start) as processes:
            ended = until_one_ends(processes)
    except KeyboardInterrupt:
        return
    except RuntimeError as error:
        sys.exit(f"ola serve: {error}")
    if ended.exitcode:
        sys.exit(f"ola serve: the process {ended.name} ended with {ended.exitcode}, and the others with it")


def gateway(
    share: Share, settings: Settings, arguments: Namespace, listener: socket.socket, connection: Connection
) -> None:
    """One of the processes."""
    from server.cli import serve_here

    set_up_logging(settings.log_format)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; who began this process tells it to end
    serve_here(settings, arguments, listener, share, connection)
