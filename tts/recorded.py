"""Voices that somebody lent: a recording of how they speak, kept where every worker finds it, and imitated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tts.voice import Voice


@dataclass(frozen=True, slots=True)
class Recorded:
    """A voice to imitate.

    Args:
        name: a key in a table; never a path.
        recording: a WAV file, mono, 16-bit, at least 16 kHz, at most 30 s.
        transcript: what is said in it, word by word.
        consent: the statement by which its owner allows that the voice is imitated.
        lang: BCP-47 tag of the recording, None if unknown.
        created: seconds since 1970.
    """

    name: str
    recording: bytes
    transcript: str
    consent: str
    lang: str | None
    created: float


class Registry(Protocol):
    """The recorded voices, as every process of a deployment sees them. A change is seen by the next call."""

    async def names(self) -> list[str]:
        """Of all of them, in alphabetical order."""
        ...

    async def get(self, name: str) -> Recorded | None:
        """The voice of this name, None if there is none."""
        ...

    async def add(self, recorded: Recorded) -> bool:
        """Keep it; False, and nothing changes, if the name is taken."""
        ...

    async def delete(self, name: str) -> bool:
        """Forget it and its recording; False if there is none of this name."""
        ...


class Imitator(Protocol):
    """A way of speaking that can imitate a recording."""

    def imitate(self, recorded: Recorded) -> Voice:
        """A voice that sounds like the recording, named like it. What it costs is paid by its first unit."""
        ...
