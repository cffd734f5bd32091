"""What comes out of a speaker: sound, and what the sound is of. Positions are samples at the wire's rate, counted from
the beginning of the answer."""

from __future__ import annotations

from dataclasses import dataclass

from tts.voice import VoiceError


@dataclass(frozen=True, slots=True)
class Begun:
    """A unit's sound follows."""

    text: str
    """As shown."""
    at: int
    expected: int
    """About how many samples it takes."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Signed 16-bit little-endian mono PCM: speech, or the pause before the next unit."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The unit that begun last was said to its end."""

    at: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """The unit that begun last could not be said, or not to its end, on two workers. The answer goes on."""

    at: int
    error: VoiceError


Event = Begun | Sound | Ended | Skipped
"""Each unit is `Begun`, any number of `Sound`, and `Ended` or `Skipped`; `Sound` between units is their pause."""
