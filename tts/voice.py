"""What every voice is: text in, PCM out. Knows no voice in particular."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

WIRE_RATE = 24_000
"""Sample rate of all speech that leaves this package, in Hz: OpenAI's pcm16."""


class VoiceError(Exception):
    """A voice could not speak: its process died, or it does not know the text's language."""


class UnknownVoiceError(Exception):
    """No voice or alias has this name. `known` lists those that exist."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"Unknown voice {name!r}. Known voices: {', '.join(known)}.")
        self.name, self.known = name, known


class Voice(Protocol):
    """One way of speaking, in one place. Used by many answers at a time; those of one name are interchangeable.

    A voice may have an attribute `place`, any hashable object: voices with equal ones, such as those of one process,
    share its `slots`. Without it, a voice has its slots for itself. One that has `follows_instructions`, true, is an
    `InstructedVoice`.
    """

    name: str
    sample_rate: int
    """Hz of the PCM that `synthesize` yields."""
    languages: tuple[str, ...]
    """BCP-47 tags it can speak."""
    slots: int
    """Units it can speak at a time; more than these wait for their turn outside."""

    async def start(self) -> None:
        """Get ready, so that the first unit waits for nothing. Not required before `synthesize`; safe to call twice.

        Raises:
            VoiceError: it cannot speak.
        """
        ...

    def synthesize(
        self, text: str, *, lang: str | None = None, speed: float = 1.0, seed: int = 0
    ) -> AsyncGenerator[bytes, None]:
        """Speak one unit of text: signed 16-bit little-endian mono PCM, as it is made.

        `lang` None lets the voice choose by script. All units of an answer have one `seed`; the same seed and text give
        the same samples, wherever the voice runs. Closing the generator stops the synthesis.

        Raises:
            VoiceError: nothing more can be had of this unit.
        """
        ...

    async def close(self) -> None:
        """Release the voice's process and memory. Safe to call twice."""
        ...


class InstructedVoice(Voice, Protocol):
    """A voice that can be told in words how to speak."""

    follows_instructions: bool

    def synthesize(
        self, text: str, *, lang: str | None = None, speed: float = 1.0, seed: int = 0, instructions: str = ""
    ) -> AsyncGenerator[bytes, None]:
        """As a `Voice` does, and as `instructions` say: "softly"."""
        ...
