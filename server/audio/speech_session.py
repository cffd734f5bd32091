"""What a client of the speech WebSocket may say, and what has been asked of it so far. No I/O, no voice."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, StrictStr, TypeAdapter, ValidationError

from server.audio.paced import PacedText
from server.audio.speech import MAX_CHARACTERS, Manner
from server.errors import FieldError, RequestError
from tts.voice import WIRE_RATE

_MAX_SPEECHES = 64


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid")

    event_id: StrictStr | None = None
    """The client's own; an error that the event causes repeats it."""


class Update(_Event):
    """Speak differently from the next speech on; fields that are left out stay as they are."""

    type: Literal["session.update"]
    session: dict[str, Any]


class Append(_Event):
    """Text that goes on, or that begins a speech."""

    type: Literal["input_text.append"]
    text: StrictStr


class Flush(_Event):
    """The speech ends here: all of it is said without waiting for more."""

    type: Literal["input_text.flush"]


class Cancel(_Event):
    """Say no more of anything that was sent."""

    type: Literal["input_text.cancel"]


ClientEvent = Update | Append | Flush | Cancel

_EVENT: TypeAdapter[ClientEvent] = TypeAdapter(Annotated[ClientEvent, Field(discriminator="type")])


def client_event(raw: str | None) -> ClientEvent:
    """What a message says. None stands for a binary one.

    Raises:
        RequestError, FieldError: it is no event.
    """
    if raw is None:
        raise RequestError("Messages are JSON in text frames.", code="invalid_json")
    try:
        return _EVENT.validate_json(raw)
    except ValidationError as error:
        # The first step names the event's type, which is no field.
        raise FieldError(error, ".".join(_steps(error)[1:]) or None) from error


def _steps(error: ValidationError) -> list[str]:
    """Where the first thing is that is wrong."""
    return [str(step) for step in error.errors()[0]["loc"]]


@dataclass(slots=True)
class Speech:
    """One text to say, in one manner."""

    manner: Manner
    id: str = field(default_factory=lambda: f"speech_{uuid4().hex}")
    text: PacedText = field(default_factory=PacedText)
    characters: int = 0
    over: bool = False
    """It ended before its text did; what still comes of that goes nowhere."""


class SpeechSession:
    """The speeches of one connection: one may be growing, those before it wait or are being said."""

    def __init__(self) -> None:
        self.id = f"sess_{uuid4().hex}"
        self.manner = Manner(response_format="pcm")
        self._growing: Speech | None = None
        self._speeches: deque[Speech] = deque()  # from the one that is being said

    @property
    def config(self) -> dict[str, Any]:
        """The session as the client is told."""
        return {"id": self.id, "sample_rate": WIRE_RATE} | self.manner.model_dump()

    @property
    def busy(self) -> bool:
        """Whether anything is to be said, or may grow."""
        return bool(self._speeches)

    @property
    def waiting(self) -> int:
        """Characters that nobody has begun to say."""
        return sum(speech.text.waiting for speech in self._speeches)

    def update(self, fields: dict[str, Any]) -> None:
        """Raises FieldError: nothing changes."""
        try:
            self.manner = Manner.model_validate(self.manner.model_dump() | fields)
        except ValidationError as error:
            raise FieldError(error, ".".join(("session", *_steps(error)))) from error

    def append(self, text: str) -> Speech | None:
        """Take text. Returns the speech that it begins, if it does.

        Raises:
            RequestError: too much is waiting to be said; this text is not taken.
        """
        if self.waiting + len(text) > MAX_CHARACTERS:
            message = f"More than {MAX_CHARACTERS} characters wait to be said. Send this again later."
            raise RequestError(message, param="text", code="too_much_text")
        begun = None
        if self._growing is None:
            if len(self._speeches) >= _MAX_SPEECHES:
                message = f"{_MAX_SPEECHES} speeches wait to be said. Send this again later."
                raise RequestError(message, param="text", code="too_much_text")
            begun = self._growing = Speech(self.manner)
            self._speeches.append(begun)
        if not self._growing.over:
            self._growing.text.append(text)
            self._growing.characters += len(text)
        return begun

    def flush(self) -> None:
        """Raises RequestError: there is no text to flush."""
        if self._growing is None:
            raise RequestError("There is no text to flush.", code="no_text")
        self._growing.text.end()
        self._growing = None

    def cancel(self) -> list[str]:
        """Forget all speeches, also one that grows. Returns their ids, in order."""
        ids = [speech.id for speech in self._speeches if not speech.over]
        for speech in self._speeches:
            speech.over = True
        self._speeches.clear()
        self._growing = None
        return ids

    def ended(self, speech: Speech) -> None:
        """A speech was said, or could not be."""
        speech.over = True
        if speech in self._speeches:
            self._speeches.remove(speech)
