"""A worker whose jobs come through one pipe and whose sound leaves by another. Knows no voice in particular.

It ends with its parent, because then the pipe does.
"""

from __future__ import annotations

import os
from contextlib import aclosing

import anyio
from anyio.abc import TaskGroup

from tts.recorded import Recorded
from tts.voice import VoiceError
from tts.voices import pipes
from tts.voices.frames import Frame, FrameDecoder, Kind
from tts.workers.figures import Figures
from tts.workers.job import Job, unpacked_recording
from tts.workers.repertoire import Repertoire
from tts.workers.speaking import spoken

ALIVE_SECONDS = 1.0


class SentRecordings:
    """The recorded voices that the parent has sent. Implements what a worker needs of `tts.recorded.Registry`."""

    kept = 64

    def __init__(self) -> None:
        self._sent: dict[str, Recorded] = {}

    def take(self, recorded: Recorded) -> None:
        """Keep it, instead of one of the same name; the oldest goes when there are too many."""
        self._sent.pop(recorded.name, None)
        self._sent[recorded.name] = recorded
        while len(self._sent) > self.kept:
            del self._sent[next(iter(self._sent))]

    async def get(self, name: str) -> Recorded | None:
        return self._sent.get(name)


class ChildWorker:
    """Speaks what its parent asks for."""

    def __init__(
        self, repertoire: Repertoire, recordings: SentRecordings, slots: int, figures: Figures, source: int, sink: int
    ) -> None:
        """`recordings` are where `repertoire` looks for recorded voices; `source` and `sink` are file descriptors."""
        self._repertoire, self._recordings, self._figures = repertoire, recordings, figures
        self._slots, self._free = slots, anyio.Semaphore(slots)
        self._source, self._sink = source, sink
        self._scopes: dict[int, anyio.CancelScope] = {}
        self._gone = anyio.Event()
        self._stopping = anyio.Event()

    @property
    def healthy(self) -> bool:
        """It answers, so it is."""
        return True

    async def start(self) -> None:
        """The parent asks when it wants to know."""

    async def run(self, stopping: anyio.Event, drain_seconds: float) -> None:
        """Answer until the parent closes the pipe or `stopping` is set; then finish what is in hand, in
        `drain_seconds` at most."""
        self._stopping = stopping
        async with anyio.create_task_group() as background, anyio.create_task_group() as units:
            background.start_soon(self._keep_alive, name="alive")
            background.start_soon(self._read, units, name="requests")
            background.start_soon(self._end_with_parent, background, name="parent")
            await stopping.wait()
            with anyio.move_on_after(drain_seconds):
                for _ in range(self._slots):
                    await self._free.acquire()
            background.cancel_scope.cancel()

    async def _read(self, units: TaskGroup) -> None:
        decoder = FrameDecoder()
        while True:
            await anyio.wait_readable(self._source)
            if not (data := os.read(self._source, 65_536)):
                self._gone.set()
                return
            for frame in decoder.feed(data):
                self._take(frame, units)

    def _take(self, frame: Frame, units: TaskGroup) -> None:
        match frame.kind:
            case Kind.SAY:
                self._scopes[frame.number] = anyio.CancelScope()
                units.start_soon(self._say, frame, name="unit")
            case Kind.CANCEL:
                if scope := self._scopes.get(frame.number):
                    scope.cancel()
            case Kind.RECORDED:
                self._recordings.take(unpacked_recording(frame.payload))
            case Kind.STATUS:
                self._send(Kind.STATUS, frame.number, self._repertoire.offer.pack())

    async def _say(self, frame: Frame) -> None:
        scope = self._scopes[frame.number]
        try:
            with scope:
                async with self._free:
                    await self._speak(frame.number, Job.unpack(frame.payload))
        finally:
            del self._scopes[frame.number]
        if scope.cancelled_caught:
            self._send(Kind.DONE, frame.number)  # the parent waits for the end of what it has stopped, too

    async def _speak(self, number: int, job: Job) -> None:
        try:
            if self._stopping.is_set():
                raise VoiceError("The worker is ending.")
            async with aclosing(spoken(job, self._repertoire, self._figures)) as chunks:
                async for pcm in chunks:
                    self._send(Kind.AUDIO, number, pcm)
        except VoiceError as error:
            self._send(Kind.FAILED, number, str(error).encode())
        else:
            self._send(Kind.DONE, number)

    def _send(self, kind: Kind, number: int, payload: bytes = b"") -> None:
        """Waits in the event loop if it has to: the parent reads all the time, whoever listens there."""
        try:
            pipes.send(self._sink, Frame(kind, number, payload))
        except OSError:
            self._gone.set()

    async def _keep_alive(self) -> None:
        while True:
            self._send(Kind.ALIVE, 0)
            await anyio.sleep(ALIVE_SECONDS)

    async def _end_with_parent(self, background: TaskGroup) -> None:
        await self._gone.wait()
        background.cancel_scope.cancel()
