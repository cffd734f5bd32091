"""Voices of one worker that is a child process of this one. Knows no voice in particular.

The worker is started again when it dies, and when it hangs.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from weakref import WeakKeyDictionary

import anyio

from tts.background import background
from tts.recorded import Recorded
from tts.voice import WIRE_RATE, Voice, VoiceError
from tts.voices.child import Child, ChildProcess, Patience
from tts.voices.frames import Kind
from tts.workers.job import Job, Offer, packed_recording
from tts.workers.keys import GONE_SECONDS

_AGAIN_SECONDS = 1.0
"""Between two starts, so that a worker that cannot live does not keep the machine busy."""

_log = logging.getLogger(__name__)


class ChildVoice:
    """One voice of the child. Implements `tts.voice.Voice`."""

    sample_rate = WIRE_RATE

    def __init__(
        self, fleet: ChildFleet, name: str, languages: tuple[str, ...], recorded: Recorded | None = None
    ) -> None:
        self.name, self.languages, self.slots = name, languages, fleet.slots
        self.place = self._fleet = fleet
        self._recorded = recorded

    async def start(self) -> None:
        """Raises VoiceError if the child does not run."""
        await self._fleet.offer()

    async def synthesize(
        self, text: str, *, lang: str | None = None, speed: float = 1.0, seed: int = 0
    ) -> AsyncGenerator[bytes, None]:
        """See `tts.voice.Voice`."""
        created = self._recorded.created if self._recorded else None
        job = Job("", self.name, text, lang, speed, seed, created)
        async with aclosing(self._fleet.speak(job, self._recorded)) as chunks:
            async for pcm in chunks:
                yield pcm

    async def close(self) -> None:
        """The child is not this voice's to end."""


class ChildFleet:
    """The worker. Made by `child_fleet`. Implements `tts.recorded.Imitator`."""

    def __init__(self, process: ChildProcess, slots: int) -> None:
        self._process, self.slots = process, slots
        self._voices: list[Voice] = []
        self._told: WeakKeyDictionary[Child, dict[str, float]] = WeakKeyDictionary()

    @property
    def pid(self) -> int | None:
        """Of the present child."""
        return self._process.pid

    def voices(self) -> list[Voice]:
        """Those that the child offers."""
        return list(self._voices)

    def imitate(self, recorded: Recorded) -> Voice:
        """See `tts.recorded.Imitator`. The recording is sent to the child before its first unit."""
        return ChildVoice(self, recorded.name, (recorded.lang,) if recorded.lang else (), recorded)

    async def offer(self) -> Offer:
        """Ask the child; waits until its voices are loaded. Raises VoiceError if it ends instead."""
        async with aclosing(self._process.replies(Kind.STATUS)) as replies:
            return Offer.unpack((await anext(replies)).payload)

    async def start(self) -> None:
        """Start the child and learn its voices. Raises VoiceError if it ends instead."""
        offer = await self.offer()
        self._voices = [ChildVoice(self, name, languages) for name, languages in offer.voices]

    async def speak(self, job: Job, recorded: Recorded | None) -> AsyncGenerator[bytes, None]:
        """PCM at `WIRE_RATE` as it is made. Closing the generator stops the child's work on it.

        Raises:
            VoiceError: the voice failed, or the child died or was found hanging.
        """

        def prepare(child: Child) -> None:
            if recorded is not None:
                self._tell(child, recorded)

        async with aclosing(self._process.replies(Kind.SAY, job.pack(), prepare)) as replies:
            async for frame in replies:
                if frame.kind is Kind.FAILED:
                    raise VoiceError(frame.payload.decode())
                if frame.kind is Kind.AUDIO:
                    yield frame.payload

    def _tell(self, child: Child, recorded: Recorded) -> None:
        told = self._told.setdefault(child, {})
        if told.get(recorded.name) != recorded.created:
            child.tell(Kind.RECORDED, packed_recording(recorded))
        told.pop(recorded.name, None)
        told[recorded.name] = recorded.created
        while len(told) > _KEPT:
            del told[next(iter(told))]

    async def keep_running(self) -> None:
        """Start the child again whenever it has ended, so that the next unit need not wait for its voices."""
        while True:
            try:
                await (await self._process.running()).ended()
                _log.warning("the voice process ended; it is started again")
            except VoiceError as error:
                _log.warning("%s", error)
            await anyio.sleep(_AGAIN_SECONDS)


_KEPT = 32
"""Recordings that a child surely still has, for it forgets those that came before more than 64 others."""


@asynccontextmanager
async def child_fleet(*options: str, slots: int = 1) -> AsyncGenerator[ChildFleet, None]:
    """A worker as a child process while the block runs; `options` are those of `ola tts-worker`, such as `--voice`.

    `Speaker(fleet.voices(), ...)`; `fleet` itself is an `Imitator`. `slots` is how many units it speaks at a time.

    Raises:
        VoiceError: it ended instead of loading its voices; it said why on standard error.
    """
    process = ChildProcess("voice", Patience(GONE_SECONDS, None), "tts.workers.cli", *options, "--slots", str(slots))
    fleet = ChildFleet(process, slots)
    try:
        await fleet.start()
        async with background() as group:
            group.start_soon(fleet.keep_running, name="voice process")
            yield fleet
    finally:
        await process.close()
