"""The gateway's end of a decoder process: starts it, hands it a file, maps what comes back, and kills it if need be.

Trusts nothing that comes back but its size, which it checks; `server.media.child` is the other end.
"""

from __future__ import annotations

import fcntl
import json
import logging
import math
import mmap
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import numpy as np

import server
from server.media.errors import MediaError, too_large
from server.media.job import Array, Job

PACKAGE_ROOT = Path(server.__file__).parent.parent
"""From here a child finds this package without its being installed."""
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
"""All that a child gets of it."""
_LONGEST_MESSAGE = 8192
_MOST_ARRAYS = 2
_DTYPES = ("uint8", "float32")
_COPIED = 2**20
"""Bytes below which a result is copied: each mapping holds a file open, and thousands of small pictures may be kept."""
_MOST_JOBS = 200
"""After so many a process is replaced: whatever it leaks, or whoever has got into it, is gone then."""
_OUT_OF_MEANS = (-signal.SIGXCPU, -signal.SIGKILL)
"""Killed by its limit, or by the kernel for want of memory."""

_log = logging.getLogger(__name__)

Grant = Callable[[int], None]
"""Agrees to so many bytes of results by returning. Raises MediaError if they are too many."""


class Decoder:
    """One decoder process. It loads while nobody waits for it yet; the first job waits for the rest of that."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setblocking(False)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "server.media.child", str(theirs.fileno())],
                cwd=PACKAGE_ROOT,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._ready = False
        self._jobs = 0
        self.usable = True
        """Whether it can take another job."""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    async def decode(self, file: int, job: Job, seconds: float, grant: Grant) -> list[Array]:
        """What `file` holds: arrays in memory shared with nobody else. Afterwards, if the process was not told the
        end of the job, as when this is cancelled, it is not `usable`.

        Raises:
            MediaError: the file is refused, or takes longer than `seconds` (413), or `grant` has refused.
        """
        self.usable = False
        try:
            with anyio.fail_after(seconds):
                return await self._ask(file, job, grant)
        except TimeoutError:
            raise too_large(f"decoding took longer than {seconds:g} s.") from None

    async def close(self) -> None:
        """Kill the process, and wait until it is gone. Also when cancelled."""
        self.usable = False
        self._process.kill()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._process.wait)
        self._socket.close()

    async def _ask(self, file: int, job: Job, grant: Grant) -> list[Array]:
        if not self._ready:
            hidden, _ = await self._receive(file, job)
            self._ready = True
            _tell_once_whether(hidden["ready"])
        self._jobs += 1
        try:
            socket.send_fds(self._socket, [job.pack()], [file])
        except BrokenPipeError:
            raise await self._death(file, job) from None
        granted = 0
        while "needs" in (answer := await self._receive(file, job))[0]:
            granted += self._granted(int(answer[0]["needs"]), grant)
        reply, files = answer
        self.usable = self._jobs < _MOST_JOBS
        try:
            if "why" in reply:
                _log.warning("%s of %d bytes: %s", job.kind, os.fstat(file).st_size, reply["log"])
                raise MediaError(reply["why"], status=reply["status"])
            arrays = [_mapped(result, *spec) for result, spec in zip(files, reply["arrays"], strict=True)]
            if sum(array.nbytes for array in arrays) != granted:
                raise RuntimeError("a decoder process gives less or more than it asked for")
            return arrays
        finally:
            for result in files:
                os.close(result)

    def _granted(self, needs: int, grant: Grant) -> int:
        try:
            grant(needs)
        except MediaError:
            self._socket.send(b"no")
            self.usable = self._jobs < _MOST_JOBS
            raise
        self._socket.send(b"go")
        return needs

    async def _receive(self, file: int, job: Job) -> tuple[dict[str, Any], list[int]]:
        await anyio.wait_readable(self._socket)
        try:
            message, files, *_ = socket.recv_fds(self._socket, _LONGEST_MESSAGE, _MOST_ARRAYS)
        except ConnectionResetError:  # it died without reading all that was written
            message, files = b"", []
        if not message:
            raise await self._death(file, job)
        reply: dict[str, Any] = json.loads(message)
        return reply, files

    async def _death(self, file: int, job: Job) -> Exception:
        status = await anyio.to_thread.run_sync(self._process.wait)
        if not self._ready:
            return RuntimeError(f"a decoder process did not start: status {status}")
        _log.warning("%s of %d bytes: the decoder ended with status %d", job.kind, os.fstat(file).st_size, status)
        if status in _OUT_OF_MEANS:
            return too_large("decoding takes too much time or memory.")
        return MediaError("the attachment is damaged or of an unknown format.")


def _mapped(file: int, dtype: str, *shape: int) -> Array:
    """A result as an array that can be written to without the process that made it seeing that."""
    if dtype not in _DTYPES or any(side <= 0 for side in shape):
        raise RuntimeError("a decoder process gives what was not asked for")
    size = math.prod(shape) * np.dtype(dtype).itemsize
    # Nobody may cut it short any more: reading past its end would be the end of this process.
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    if os.fstat(file).st_size != size:
        raise RuntimeError("a decoder process gives less or more than it says")
    mapped = np.ndarray(shape, dtype, buffer=mmap.mmap(file, size, access=mmap.ACCESS_COPY))
    # A view of the copy: what holds the bytes is the base of every array made of them, as it is of the mapping.
    return mapped.copy()[...] if size < _COPIED else mapped


@cache
def _tell_once_whether(hidden: bool) -> None:
    if not hidden:
        _log.warning("Decoders can reach files and the network: the kernel lets no process shut itself in here.")
