"""One thread in which any number of jobs take turns, a step at a time; their results come out on an event loop.

Knows no model. What runs here has the thread, and with it torch's global state, to itself.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager, nullcontext

from tts.voice import VoiceError

_WAITING = 2
"""Results of a job that may wait to be taken; then it is given no more turns until one is."""

Steps = Generator[bytes | None, None, None]


class _Job:
    """One job. The thread steps it; the event loop takes what it made."""

    def __init__(self, begin: Callable[[], Steps], loop: asyncio.AbstractEventLoop) -> None:
        self.begin = begin
        self.steps: Steps | None = None
        self.made: deque[bytes] = deque()  # both ends are one operation each, so no lock
        self.error: Exception | None = None
        self.over = False
        self.unwanted = False
        self._loop, self._news = loop, asyncio.Event()

    def step(self) -> bool:
        """In the thread: go on to the next result or None. False: it is over."""
        try:
            if self.steps is None:
                self.steps = self.begin()
            if self.unwanted:
                self.steps.close()
                self.over = True
            elif result := next(self.steps):
                self.made.append(result)
                self.tell()
        except StopIteration:
            self.over = True
        except Exception as error:  # of any kind: it is raised again where somebody waits
            self.error, self.over = error, True
        return not self.over

    def tell(self) -> None:
        """Wake whoever waits for a result."""
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # the loop was closed
            self.unwanted = True

    async def take(self) -> bytes | None:
        """The next result, None at the end."""
        while not self.made and not self.over:
            self._news.clear()
            if not self.made and not self.over:  # the thread may have been quicker than the line before
                await self._news.wait()
        if self.made:
            return self.made.popleft()
        if isinstance(self.error, VoiceError):
            raise self.error
        if self.error is not None:
            raise VoiceError(f"CosyVoice failed: {type(self.error).__name__}: {self.error}") from self.error
        return None


class Turns:
    """The thread. It ends with `close`, or with the process."""

    def __init__(self, name: str, around: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
        """All steps run inside `around`."""
        self._around = around
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def jobs(self) -> int:
        """Jobs that are not over, stopped ones included whose turn has not come."""
        return len(self._jobs)

    async def results(self, begin: Callable[[], Steps]) -> AsyncGenerator[bytes, None]:
        """What the job that `begin` makes yields. Closing it stops the job at its next turn, without waiting for that.

        Raises:
            VoiceError: the job raised something, or the thread was closed.
        """
        job = _Job(begin, asyncio.get_running_loop())
        with self._changed:
            if self._closed:
                raise VoiceError("CosyVoice was closed.")
            self._jobs.append(job)
            self._changed.notify()
        try:
            while (result := await job.take()) is not None:
                with self._changed:
                    self._changed.notify()
                yield result
        finally:
            with self._changed:
                job.unwanted = True
                self._changed.notify()

    def close(self) -> None:
        """End the thread after the step that it is in; jobs that were not over fail."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        with self._around():
            while (job := self._next()) is not None:
                if job.step():
                    continue
                with self._changed:
                    self._jobs.remove(job)
                job.tell()
                del job
        self._stop()

    def _next(self) -> _Job | None:
        """The job whose turn it is; None when there is to be none."""
        with self._changed:
            while not self._closed:
                for _ in range(len(self._jobs)):
                    job = self._jobs[0]
                    self._jobs.rotate(-1)
                    if job.unwanted or len(job.made) < _WAITING:
                        return job
                self._changed.wait()
            return None

    def _stop(self) -> None:
        for job in self._jobs:
            if not job.unwanted:
                job.error = VoiceError("CosyVoice was closed.")
            if job.steps is not None:
                job.steps.close()
            job.over = True
            job.tell()
        self._jobs.clear()
