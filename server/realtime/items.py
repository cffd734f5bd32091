"""The items of a conversation: who said, showed, called or returned what. Frozen; knows no wire and no engine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from engine.api import Image, Sound, Video
from server.realtime.turn_sound import Samples, digest_of, float_samples
from tts.timeline import Timeline
from tts.voice import WIRE_RATE

Status = Literal["in_progress", "completed", "incomplete"]
Role = Literal["system", "user", "assistant"]

SAMPLES_PER_MS = WIRE_RATE // 1000
"""Of speech that goes out."""


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
    digest: str = ""
    """Left out, it is made here."""

    def __post_init__(self) -> None:
        if not self.digest:
            object.__setattr__(self, "digest", digest_of(self.samples))

    @property
    def sound(self) -> Sound:
        """As the model takes it."""
        return Sound(float_samples(self.samples), self.digest)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A picture of the user's."""

    url: str
    """As it was given: a data URI, or an address where the server fetches."""
    image: Image | None = None
    """None: not decoded yet."""
    detail: str = "auto"
    """As it was asked for, and is told again; the model has one resolution rule."""


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
