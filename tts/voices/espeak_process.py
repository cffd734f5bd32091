"""The parent's end of the espeak child process: starts it, numbers the requests, hands out the replies.

Knows frames and processes, no languages. One process serves every answer; it is started when first needed and again
when it has died.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import math
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
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
_PATIENCE = 3.0
"""Seconds without a word from a child that has something to say, after which it hangs: a word takes it milliseconds.
Less than a speaker's patience, so that the unit finds a new child when it is spoken again."""
_STARTING = 30.0
"""The same for its first word, before which it loads."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """What a child has done since it started."""

    spoken: int
    """Units spoken to their end."""
    cancelled: int
    """Units that were stopped, or never begun."""
    samples: int
    """Samples made."""


class _Child(asyncio.SubprocessProtocol):
    """One run of the program. Replies go to whoever waits for their number; the others are dropped."""

    def __init__(self, patience: float) -> None:
        self._decoder = FrameDecoder()
        self._replies: dict[int, MemoryObjectSendStream[Frame]] = {}
        self._unfinished: set[int] = set()
        self._patience, self._wait = patience, _STARTING
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
        self._wait = self._patience
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

    def forget(self, number: int, *, cancel: bool) -> None:
        """Want no more replies to a request, and, with `cancel`, no more work for it."""
        self._replies.pop(number).close()
        if cancel and self.alive:
            self._write(Frame(Kind.CANCEL, number))

    def _write(self, frame: Frame) -> None:
        assert self._transport is not None
        cast(asyncio.WriteTransport, self._transport.get_pipe_transport(_STDIN)).write(frame.pack())

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
        if self.alive and self._unfinished:
            self._timer = asyncio.get_running_loop().call_later(self._wait / 2, self._watch_on)

    def _watch_on(self) -> None:
        """The second half: if this process itself was held up, it reads now what has come meanwhile."""
        self._timer = asyncio.get_running_loop().call_later(self._wait / 2, self._kill)

    def _kill(self) -> None:
        """End a child that hangs. Whoever waits for it hears that it has ended, and the next request starts another."""
        assert self._transport is not None
        _log.error("The espeak process %d hangs; it is replaced.", self.pid)
        self.alive = False
        self._timer = None
        self._transport.kill()


class EspeakProcess:
    """eSpeak NG in a process of its own, shared by any number of voices and answers."""

    def __init__(self, patience: float = _PATIENCE) -> None:
        """A child that has something to say and is silent for `patience` seconds is killed and replaced."""
        self._patience = patience
        self._child: _Child | None = None
        self._starting = asyncio.Lock()
        self._closed = False
        self._users: set[object] = set()

    def join(self, user: object) -> None:
        """Keep the process for `user` until it leaves."""
        self._users.add(user)

    async def leave(self, user: object) -> None:
        """End the process when nobody uses it any more. A second call does nothing."""
        self._users.discard(user)
        if not self._users:
            await self.close()

    @property
    def pid(self) -> int | None:
        """The child's process id, None before the first start."""
        return self._child.pid if self._child else None

    async def start(self) -> None:
        """Start the child, if it does not run, and wait until it answers."""
        await self.status()

    async def speak(self, text: str, voices: list[str], rate: int) -> AsyncGenerator[bytes, None]:
        """PCM at 22,050 Hz as it is made. `voices` are espeak names to try in order, `rate` is words per minute.

        Audio waits in memory until it is taken. Closing the generator stops the child inside its synthesis.

        Raises:
            VoiceError: no such voice, or the process ended.
        """
        payload = json.dumps({"text": text, "voices": voices, "rate": rate}).encode()
        async with aclosing(self._replies(Kind.SAY, payload)) as replies:
            async for frame in replies:
                if frame.kind is Kind.FAILED:
                    raise VoiceError(frame.payload.decode())
                if frame.kind is Kind.AUDIO:
                    yield frame.payload

    async def status(self) -> ProcessStatus:
        """Ask the child, once it has dealt with all that was asked before.

        Raises:
            VoiceError: the process ended.
        """
        async with aclosing(self._replies(Kind.STATUS)) as replies:
            frame = await anext(replies)
            return ProcessStatus(**json.loads(frame.payload))

    async def close(self) -> None:
        """End the child; what is in flight raises VoiceError, and so does what is asked afterwards."""
        self._closed = True
        async with self._starting:
            if self._child:
                await self._child.end()

    async def _replies(self, kind: Kind, payload: bytes = b"") -> AsyncGenerator[Frame, None]:
        child = await self._running()
        number, replies = child.ask(kind, payload)
        last = False
        try:
            async for frame in replies:
                last = frame.kind.is_last
                yield frame
                if last:
                    return
            raise VoiceError("The espeak process ended before it had spoken.")
        finally:
            child.forget(number, cancel=not last)
            replies.close()

    async def _running(self) -> _Child:
        async with self._starting:
            if self._closed:
                raise VoiceError("The espeak process was closed.")
            if self._child is None or not self._child.alive:
                await self._restart()
            assert self._child is not None
            return self._child

    async def _restart(self) -> None:
        if self._child:
            await self._child.end()
        program = (sys.executable, "-m", "tts.voices.espeak_child")
        try:
            # From the folder that holds this package: the child finds it there without being installed.
            _, self._child = await asyncio.get_running_loop().subprocess_exec(
                lambda: _Child(self._patience), *program, cwd=_PACKAGE_ROOT, stderr=None
            )
        except OSError as error:
            raise VoiceError(f"The espeak process does not start: {error}") from error
