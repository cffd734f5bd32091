"""The voices of one worker: its own, and the recorded ones that it imitates. Knows no transport."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from tts.recorded import Imitator, Recorded
from tts.voice import Voice, VoiceError
from tts.workers.job import Job, Offer

_KEPT = 32
"""Imitations that are kept although nobody speaks with them."""


class Recordings(Protocol):
    """What a worker needs of a `tts.recorded.Registry`."""

    async def get(self, name: str) -> Recorded | None:
        """The voice of this name, None if there is none."""
        ...


@dataclass(slots=True, eq=False)
class _Imitation:
    recorded: Recorded
    voice: Voice
    users: int = 0


class Repertoire:
    """Finds the voice for a job."""

    def __init__(
        self,
        label: str,
        voices: Sequence[Voice],
        imitator: Imitator | None = None,
        registry: Recordings | None = None,
    ) -> None:
        """Without an imitator or without a registry, recorded voices are not offered. An imitator may have `slots`,
        `start` and `close` as voices have.

        Raises:
            ValueError: there is nothing to offer.
        """
        self._voices = {voice.name: voice for voice in voices}
        self._imitator, self._registry = imitator, registry
        self._imitations: dict[str, _Imitation] = {}
        imitates = imitator is not None and registry is not None
        if not voices and not imitates:
            raise ValueError(f"{label} has no voice of its own, and no registry of voices to imitate was given.")
        self.offer = Offer(label, tuple((voice.name, tuple(voice.languages)) for voice in voices), imitates)
        self.slots = max([voice.slots for voice in voices] + [getattr(imitator, "slots", 1)])
        """Units at a time, if nobody says otherwise."""

    async def start(self) -> None:
        """Get every voice ready. Raises VoiceError if one cannot speak."""
        if start := getattr(self._imitator, "start", None):
            await start()
        for voice in self._voices.values():
            await voice.start()

    @asynccontextmanager
    async def voice(self, job: Job) -> AsyncGenerator[Voice, None]:
        """The voice for a job, kept while the block runs.

        Raises:
            VoiceError: there is no such voice here.
        """
        if job.recorded is None:
            if job.voice not in self._voices:
                raise VoiceError(f"This worker has no voice {job.voice!r}.")
            yield self._voices[job.voice]
            return
        imitation = await self._imitation(job.voice, job.recorded)
        imitation.users += 1
        try:
            yield imitation.voice
        finally:
            imitation.users -= 1
            await self._tidy()

    async def close(self) -> None:
        """Close every voice."""
        for voice in (*self._voices.values(), *(known.voice for known in self._imitations.values())):
            await voice.close()
        if close := getattr(self._imitator, "close", None):
            await close()

    async def _imitation(self, name: str, created: float) -> _Imitation:
        if self._imitator is None or self._registry is None:
            raise VoiceError("This worker imitates no recorded voices.")
        recorded = await self._registry.get(name)
        if recorded is None or recorded.created != created:
            raise VoiceError(f"There is no recorded voice {name!r} any more.")
        key = f"{created} {name}"
        known = self._imitations.pop(key, None) or _Imitation(recorded, self._imitator.imitate(recorded))
        self._imitations[key] = known  # as the newest
        return known

    async def _tidy(self) -> None:
        unused = [key for key, known in self._imitations.items() if not known.users]
        for key in unused[: max(0, len(self._imitations) - _KEPT)]:
            await self._imitations.pop(key).voice.close()
