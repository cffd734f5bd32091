"""What gateway and worker say to each other: who can speak what, and what is to be spoken. Knows no transport."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from tts.recorded import Recorded

_VERSION = 1
"""Of these messages. Workers of another version offer something else, and so never get a job of this one."""


@dataclass(frozen=True, slots=True)
class Job:
    """One unit to speak."""

    unit: str
    """Names this unit alone."""
    voice: str
    text: str
    lang: str | None
    speed: float
    seed: int
    recorded: float | None = None
    """When the recorded voice of this name was added; None: it is one of the worker's own."""
    traceparent: str | None = None
    """The span of the gateway that this unit belongs to (W3C Trace Context)."""

    def pack(self) -> bytes:
        fields = asdict(self)
        if self.traceparent is None:
            del fields["traceparent"]  # workers of an earlier release do not know it
        return json.dumps(fields).encode()

    @classmethod
    def unpack(cls, data: bytes) -> Job:
        """Raises ValueError or TypeError for what `pack` did not make."""
        return cls(**json.loads(data))


@dataclass(frozen=True, slots=True)
class Offer:
    """What a worker can speak. Those who offer the same are interchangeable."""

    label: str
    """What makes the sound, for example `espeak`."""
    voices: tuple[tuple[str, tuple[str, ...]], ...]
    """Names, each with its languages (BCP-47)."""
    imitates: bool
    """It speaks with recorded voices too."""

    @property
    def queue(self) -> str:
        """A name for all workers with this offer: 16 hex digits."""
        return sha256(self.pack()).hexdigest()[:16]

    def has(self, voice: str) -> bool:
        """Whether a voice of this name is among its own."""
        return any(name == voice for name, _ in self.voices)

    def pack(self) -> bytes:
        return json.dumps({"version": _VERSION} | asdict(self), sort_keys=True).encode()

    @classmethod
    def unpack(cls, data: bytes) -> Offer:
        """Raises ValueError, KeyError or TypeError for what `pack` did not make."""
        fields: dict[str, Any] = json.loads(data)
        voices = tuple((name, tuple(languages)) for name, languages in fields["voices"])
        return cls(fields["label"], voices, fields["imitates"])


def packed_recording(recorded: Recorded) -> bytes:
    """A recorded voice with its recording, for a worker that has no registry."""
    return json.dumps(asdict(recorded) | {"recording": b64encode(recorded.recording).decode()}).encode()


def unpacked_recording(data: bytes) -> Recorded:
    fields: dict[str, Any] = json.loads(data)
    return Recorded(**fields | {"recording": b64decode(fields["recording"])})
