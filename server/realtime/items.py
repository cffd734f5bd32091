"""The items of a conversation: who said, showed, called or returned what. Frozen; knows no wire and no engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.api import CHUNK_SECONDS, SAMPLE_RATE, Image, Sound, Video
from tts.timeline import Timeline
from tts.voice import WIRE_RATE

Samples = npt.NDArray[np.int16]
Status = Literal["in_progress", "completed", "incomplete"]
Role = Literal["system", "user", "assistant"]

SAMPLES_PER_MS = WIRE_RATE // 1000
"""Of speech that goes out."""
_CHUNK = CHUNK_SECONDS * SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Words:
    """Text, written by anybody."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What the user said: int16 `[samples]` at SAMPLE_RATE, mono."""

    samples: Samples
    transcript: str | None = None
    """The words, once they are written down; the model hears the sound."""
    digests: tuple[str, ...] = ()
    """Of the chunks; left out, they are made here."""

    def __post_init__(self) -> None:
        if not self.digests:
            object.__setattr__(self, "digests", tuple(digest_of(chunk) for chunk in chunks_of(self.samples)))

    def sounds(self) -> Iterator[Sound]:
        """As the model takes it: chunk by chunk, so that finished ones can be known to it before the turn ends."""
        for chunk, digest in zip(chunks_of(self.samples), self.digests, strict=True):
            yield sound_of(chunk, digest)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A picture of the user's."""

    url: str
    """As it was given: a data URI, or an address where the server fetches."""
    image: Image | None = None
    """None: not decoded yet."""


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """Frames that were shown while the user spoke."""

    video: Video
    count: int
    """How many were shown, before they were sampled."""


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """What the assistant said aloud, as far as it was made; after a cut, as far as it was heard."""

    transcript: str
    timeline: Timeline = field(default_factory=Timeline)
    """Where its words are, in samples from the beginning of this part."""
    samples: int = 0
    """At WIRE_RATE; what was sent, although less of it may have been heard."""
    whole: bool = True
    """Whether the transcript was said to its end."""

    def cut(self, audio_end_ms: int) -> Spoken:
        """As far as it was heard.

        Raises:
            ValueError: it is not that long.
        """
        if not 0 <= audio_end_ms <= -(-self.samples // SAMPLES_PER_MS):
            raise ValueError(f"{audio_end_ms} ms of {self.samples} samples")
        # Of what ends within the last millisecond nothing is cut: clients round.
        if self.whole and audio_end_ms >= self.samples // SAMPLES_PER_MS:
            return self
        samples = min(audio_end_ms * SAMPLES_PER_MS, self.samples)
        return replace(self, transcript=self.timeline.heard(samples), samples=samples)


Part = Words | Heard | Seen | Watched | Spoken


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """What somebody said."""

    id: str
    role: Role
    content: tuple[Part, ...] = ()
    status: Status = "completed"


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """The assistant calls a function of the client's."""

    id: str
    call_id: str
    name: str
    arguments: str
    """JSON as the model wrote it."""
    status: Status = "completed"


@dataclass(frozen=True, slots=True)
class FunctionCallOutput:
    """What the function returned."""

    id: str
    call_id: str
    output: str
    status: Status = "completed"


Item = Message | FunctionCall | FunctionCallOutput


def chunks_of(samples: Samples) -> list[Samples]:
    """Pieces of CHUNK_SECONDS, the last one shorter; none of no samples."""
    return [samples[start : start + _CHUNK] for start in range(0, len(samples), _CHUNK)]


def digest_of(chunk: Samples) -> str:
    """By which the engine's caches know it: equal samples, equal digest."""
    return sha256(b"speech:" + np.ascontiguousarray(chunk, "<i2").tobytes()).hexdigest()


def sound_of(chunk: Samples, digest: str = "") -> Sound:
    """A chunk as the engine takes it."""
    return Sound(np.multiply(chunk, 1 / 32768, dtype=np.float32), digest or digest_of(chunk))


def with_part(message: Message, index: int, part: Part) -> Message:
    """The message with another part in this place."""
    return replace(message, content=(*message.content[:index], part, *message.content[index + 1 :]))


def media_bytes(item: Item) -> int:
    """What the media of an item hold in memory."""
    return sum(map(_part_bytes, item.content)) if isinstance(item, Message) else 0


def _part_bytes(part: Part) -> int:
    match part:
        case Heard():
            return part.samples.nbytes
        case Seen():
            return len(part.url) + (0 if part.image is None else part.image.pixels.nbytes)
        case Watched():
            return part.video.frames.nbytes
    return 0
