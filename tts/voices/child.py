"""A program that speaks, as a child process: starts it, numbers the requests, hands out the replies.

Knows frames and processes, no voice. One process serves every answer; it is started when first needed and again when
it has died or hangs.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import sys
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

import tts
from tts.voice import VoiceError
from tts.voices.frames import Frame, FrameDecoder, Kind

_PACKAGE_ROOT = Path(tts.__file__).parent.parent
_STDIN, _STDOUT = 0, 1

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds without a word from a child that has something to say, after which it hangs and is killed."""

    word: float
    """Less than a speaker's patience, so that the unit finds a new child when it is spoken again."""
    first_word: float | None
    """The same before its first word, while it loads; None: any time."""


class Child(asyncio.SubprocessProtocol):
    """One run of the program. Replies go to whoever waits for their number; the others are dropped."""

    def __init__(self, name: str, patience: Patience) -> None:
        self._decoder = FrameDecoder()
        self._replies: dict[int, MemoryObjectSendStream[Frame]] = {}
        self._unfinished: set[int] = set()
        self._name, self._patience, self._wait = name, patience, patience.first_word
        self._timer: asyncio.TimerHandle | None = None
        self._numbers = itertools.count(1)
        self._transport: asyncio.SubprocessTransport | None = None
        self._ended = asyncio.Event()
        self.alive = True

    @property
    def pid(self) -> int:
        assert self._transport is not None
        return self._transport.get_pid()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._wait = self._patience.word
        for frame in self._decoder.feed(data):
            if frame.kind.is_last:
                self._unfinished.discard(frame.number)
            if reply := self._replies.get(frame.number):
                reply.send_nowait(frame)
        self._watch()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.alive = False
        self._watch()
        if fd == _STDOUT:  # all that the process said has been handed out
            for reply in self._replies.values():
                reply.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()

    def ask(self, kind: Kind, payload: bytes) -> tuple[int, MemoryObjectReceiveStream[Frame]]:
        """Send a request; its replies come through the stream, which ends early if the process does."""
        number = next(self._numbers)
        # Without a bound, so that one slow listener delays no other: the text bounds what comes.
        self._replies[number], replies = anyio.create_memory_object_stream[Frame](math.inf)
        self._unfinished.add(number)
        if self._timer is None:
            self._watch()
        self._write(Frame(kind, number, payload))
        return number, replies

    def tell(self, kind: Kind, payload: bytes) -> None:
        """Send what has no reply. It arrives before whatever is asked afterwards."""
        if self.alive:
            self._write(Frame(kind, 0, payload))

    def forget(self, number: int, *, cancel: bool) -> None:
        """Want no more replies to a request, and, with `cancel`, no more work for it."""
        self._replies.pop(number).close()
        if cancel and self.alive:
            self._write(Frame(Kind.CANCEL, number))

    def _write(self, frame: Frame) -> None:
        assert self._transport is not None
        cast(asyncio.WriteTransport, self._transport.get_pipe_transport(_STDIN)).write(frame.pack())

    async def ended(self) -> None:
        """Wait until the process is gone."""
        await self._ended.wait()

    async def end(self) -> None:
        """Kill the process and wait until it is gone."""
        assert self._transport is not None
        self.alive = False
        self._watch()
        self._transport.close()
        await self._ended.wait()

    def _watch(self) -> None:
        """Be patient from now on, as long as there is something to wait for."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self.alive and self._unfinished and self._wait is not None:
            self._timer = asyncio.get_running_loop().call_later(self._wait / 2, self._watch_on, self._wait / 2)

    def _watch_on(self, seconds: float) -> None:
        """The second half: if this process itself was held up, it reads now what has come meanwhile."""
        self._timer = asyncio.get_running_loop().call_later(seconds, self._kill)

    def _kill(self) -> None:
        """End a child that hangs. Whoever waits for it hears that it has ended, and the next request starts another."""
        assert self._transport is not None
        _log.error("The %s process %d hangs; it is replaced.", self._name, self.pid)
        self.alive = False
        self._timer = None
        self._transport.kill()


class ChildProcess:
    """The program, whichever run of it is the present one."""

    def __init__(self, name: str, patience: Patience, module: str, *arguments: str) -> None:
        """`name` stands in messages; `python -m module arguments` is run."""
        self._name, self._patience = name, patience
        self._program = (sys.executable, "-m", module, *arguments)
        self._child: Child | None = None
        self._starting = asyncio.Lock()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The child's process id, None before the first start."""
        return self._child.pid if self._child else None

    async def running(self) -> Child:
        """The present run, started if there is none.

        Raises:
            VoiceError: closed, or it does not start.
        """
        async with self._starting:
            if self._closed:
                raise VoiceError(f"The {self._name} process was closed.")
            if self._child is None or not self._child.alive:
                await self._restart()
            assert self._child is not None
            return self._child

    async def replies(
        self, kind: Kind, payload: bytes = b"", prepare: Callable[[Child], None] = lambda _: None
    ) -> AsyncGenerator[Frame, None]:
        """Send a request; what the child answers. Closing the generator tells it to stop.

        Audio waits in memory until it is taken. `prepare` may tell the child something first.

        Raises:
            VoiceError: the process ended before its last answer.
        """
        child = await self.running()
        prepare(child)
        number, replies = child.ask(kind, payload)
        last = False
        try:
            async for frame in replies:
                last = frame.kind.is_last
                yield frame
                if last:
                    return
            raise VoiceError(f"The {self._name} process ended before it had spoken.")
        finally:
            child.forget(number, cancel=not last)
            replies.close()

    async def close(self) -> None:
        """End the child; what is in flight raises VoiceError, and so does what is asked afterwards."""
        self._closed = True
        async with self._starting:
            if self._child:
                await self._child.end()

    async def _restart(self) -> None:
        if self._child:
            await self._child.end()
        try:
            # From the folder that holds this package: the child finds it there without being installed.
            _, self._child = await asyncio.get_running_loop().subprocess_exec(
                lambda: Child(self._name, self._patience), *self._program, cwd=_PACKAGE_ROOT, stderr=None
            )
        except OSError as error:
            raise VoiceError(f"The {self._name} process does not start: {error}") from error
