"""Several processes that serve one address: begun together, ended together.

One event loop uses one core. Knows neither what they serve nor how they share it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from multiprocessing.process import BaseProcess
from threading import Thread
from time import monotonic
from typing import Any

import anyio.to_thread

_NOT_YET = 2**31 - 1
"""Connections of a process that takes none yet: more than anybody's."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a process knows of those beside it."""

    index: int
    """Of this one, from 0."""
    loads: MutableSequence[int]
    """Connections of each."""
    ready: Any
    """A barrier that all of them wait at until each is ready."""

    @property
    def first(self) -> bool:
        """Whether it speaks for all."""
        return self.index == 0

    async def all_ready(self) -> None:
        """Return when each of them waits here. Cancelling it leaves that to the end of the process."""
        await anyio.to_thread.run_sync(self.ready.wait, abandon_on_cancel=True)


@contextmanager
def together(
    serve: Callable[..., None], given: Sequence[Sequence[Any]], end_seconds: float
) -> Iterator[list[BaseProcess]]:
    """A process for each of `given`, which runs `serve(share, *given)`; both have to be picklable. Leaving the block
    tells them to end, and kills those that have not after `end_seconds` or that a second signal to this process is for.
    They end by themselves when this process is gone."""
    context = get_context("spawn")
    loads, ready = context.RawArray("i", [_NOT_YET] * len(given)), context.Barrier(len(given))
    processes: list[BaseProcess] = []
    try:
        for index, arguments in enumerate(given):
            share = Share(index, loads, ready)
            process = context.Process(target=_begin, args=(serve, share, *arguments), name=f"gateway {index}")
            process.start()
            processes.append(process)
        yield processes
    finally:
        _end(processes, end_seconds)


def until_one_ends(processes: Sequence[BaseProcess]) -> BaseProcess:
    """Wait for it: without one of them the others are no deployment."""
    ended = connection.wait([process.sentinel for process in processes])
    first = next(process for process in processes if process.sentinel in ended)
    first.join()  # its exit code is known a moment later
    return first


def _begin(serve: Callable[..., None], share: Share, *arguments: Any) -> None:
    Thread(target=_end_with_parent, name="parent", daemon=True).start()
    serve(share, *arguments)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


def _end(processes: Sequence[BaseProcess], seconds: float) -> None:
    try:
        for process in processes:
            process.terminate()
        deadline = monotonic() + seconds
        for process in processes:
            process.join(max(0.0, deadline - monotonic()))
    finally:
        for process in processes:
            process.kill()
            process.join()
