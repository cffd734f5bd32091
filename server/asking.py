"""What a chat body asks of the gateway itself. All other fields belong to the engine and stay untouched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictStr, model_validator

from server.errors import RequestError
from server.store import new_audio_id

Format = Literal["wav", "mp3", "flac", "opus", "aac", "pcm16"]


def _voice_name(voice: object) -> object:
    """OpenAI writes a voice as its name or as `{"id": name}`."""
    return voice["id"] if isinstance(voice, dict) and voice.keys() == {"id"} else voice


VoiceName = Annotated[StrictStr, BeforeValidator(_voice_name)]


class _AudioOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    voice: VoiceName = "default"
    format: Format | None = None
    text_in_content: StrictBool = False


class ChatFields(BaseModel):
    """The fields that the gateway looks at before the engine does."""

    messages: list[dict[str, Any]] = Field(min_length=1)
    model: StrictStr | None = None
    stream: StrictBool | None = None
    modalities: list[str] | None = None
    audio: _AudioOptions | None = None
    n: Any = None

    @model_validator(mode="after")
    def _audio_is_asked_consistently(self) -> ChatFields:
        # As tuples sort: ("text",) or ("audio", "text"), whatever the order they came in.
        asked = ("text",) if self.modalities is None else tuple(sorted(self.modalities))
        if asked not in (("text",), ("audio", "text")):
            raise RequestError('modalities must be ["text"] or ["text", "audio"].', param="modalities")
        if self.audio is not None and not self.speaks:
            raise RequestError('audio needs modalities: ["text", "audio"].', param="audio")
        if self.speaks and self.n not in (None, 1):
            raise RequestError("A spoken answer has one choice: n must be 1.", param="n")
        return self

    @property
    def speaks(self) -> bool:
        return "audio" in (self.modalities or [])


@dataclass(frozen=True, slots=True)
class Speech:
    """How an answer is to be spoken."""

    voice: str
    format: Format
    text_in_content: bool
    """Whether `content` repeats the transcript (an extension of ours)."""
    audio_id: str = field(default_factory=new_audio_id)


@dataclass(frozen=True, slots=True)
class Asked:
    """The gateway's part of one chat request."""

    stream: bool
    speech: Speech | None


def take_ours(body: dict[str, Any]) -> Asked:
    """Check the fields that are ours and take `modalities` and `audio` out of `body`.

    Raises:
        pydantic.ValidationError, RequestError: a field is wrong, with its name.
    """
    fields = ChatFields.model_validate(body)
    body.pop("modalities", None)
    body.pop("audio", None)
    return Asked(bool(fields.stream), _speech(fields))


def _speech(fields: ChatFields) -> Speech | None:
    if not fields.speaks:
        return None
    options = fields.audio or _AudioOptions()
    # A header that promises a length cannot be streamed well, so a stream's default is bare samples, as at OpenAI.
    default: Format = "pcm16" if fields.stream else "wav"
    return Speech(options.voice, options.format or default, options.text_in_content)
