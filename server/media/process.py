"""Runs one child process for its output. Knows nothing of what it computes; makes sure that none is left behind."""

from __future__ import annotations

import logging
import subprocess
import tempfile
from collections.abc import Callable
from typing import IO, TypeVar

from anyio import CancelScope, fail_after, to_thread

from server.media.errors import too_large

_LOGGED_BYTES = 2000

_log = logging.getLogger(__name__)

T = TypeVar("T")


class ChildError(Exception):
    """The child ended with a status other than 0. What it wrote to its error output is in the log."""


async def output_of(command: list[str], read: Callable[[IO[bytes]], T], seconds: float) -> T:
    """Run `command` and return what `read`, called in a thread, makes of its standard output. `read` must read to the
    end. Cancelling kills the process at once; it never outlives this call.

    Raises:
        ChildError: it exited with another status than 0.
        MediaError: it took longer than `seconds` (413).
    """
    with tempfile.TemporaryFile() as complaints:
        process = start(command, complaints)
        try:
            with fail_after(seconds):
                return await to_thread.run_sync(_finish, process, read, abandon_on_cancel=True)
        except TimeoutError:
            raise too_large(f"decoding took longer than {seconds:g} s.") from None
        finally:
            process.kill()
            with CancelScope(shield=True):
                await to_thread.run_sync(reap, process, complaints)


def start(command: list[str], complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    """A child without input, whose output is a pipe."""
    # A file, not a pipe, for the complaints: nobody has to read it for the child to go on.
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints)


def _finish(process: subprocess.Popen[bytes], read: Callable[[IO[bytes]], T]) -> T:
    assert process.stdout is not None
    result = read(process.stdout)
    if status := process.wait():
        raise ChildError(status)
    return result


def reap(process: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
    """Wait for a child that ends, close its output, and log what it wrote to `complaints`."""
    assert process.stdout is not None
    status = process.wait()
    process.stdout.close()
    complaints.seek(0)
    if text := complaints.read(_LOGGED_BYTES):
        level = logging.WARNING if status else logging.INFO
        _log.log(level, "child ended with status %d: %s", status, text.decode(errors="replace"))
