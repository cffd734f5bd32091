"""What a client of the Realtime WebSocket may say: OpenAI's eleven events and three of ours. No I/O.

The forms of OpenAI's are those of its SDK (`openai.types.realtime`), taken strictly; ours are in docs/realtime.md.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from openai.types.realtime import (
    ConversationItemDeleteEvent,
    ConversationItemRetrieveEvent,
    ConversationItemTruncateEvent,
    InputAudioBufferAppendEvent,
    InputAudioBufferClearEvent,
    InputAudioBufferCommitEvent,
    OutputAudioBufferClearEvent,
    ResponseCancelEvent,
)
from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json

from server.errors import RequestError, describe
from server.realtime.shapes import check, check_item, check_response, check_session

MAX_APPEND = 15 * 2**20
"""Bytes of sound in one event, as at OpenAI."""
_APPEND = "input_audio_buffer.append"
_MAX_BASE64 = 4 * (MAX_APPEND // 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    event_id: str | None = None
    """The client's own; an error that the event causes repeats it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUpdate(_Event):
    """Its shape is checked, what it asks for is not (`updates.updated`)."""

    session: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionResume(_Event):
    """Ours: go on with an earlier session, from the event after this one."""

    session_id: str
    last_event_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InputAudioAppend(_Event):
    """Sound in the session's input format."""

    audio: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class InputAudioCommit(_Event):
    """What was appended is a turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputAudioClear(_Event):
    """Forget what was appended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputAudioClear(_Event):
    """Be silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputVideoAppend(_Event):
    """Ours: a frame, which goes with the turn that is being spoken."""

    image_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InputVideoClear(_Event):
    """Ours: forget the frames that were appended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemCreate(_Event):
    """Its shape is checked, what it says is not (`given.item_of`)."""

    item: dict[str, Any]
    previous_item_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRetrieve(_Event):
    item_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDelete(_Event):
    item_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemTruncate(_Event):
    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseCreate(_Event):
    """Its shape is checked, what it asks for is not (`updates.for_response`)."""

    response: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseCancel(_Event):
    """None: whatever response is being given in the conversation."""

    response_id: str | None = None


ClientEvent = (
    SessionUpdate
    | SessionResume
    | InputAudioAppend
    | InputAudioCommit
    | InputAudioClear
    | OutputAudioClear
    | InputVideoAppend
    | InputVideoClear
    | ItemCreate
    | ItemRetrieve
    | ItemDelete
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel
)


class EventError(Exception):
    """A message is no event. `event_id` is the client's, if one could be read."""

    def __init__(self, error: RequestError, event_id: str | None) -> None:
        super().__init__(str(error))
        self.error, self.event_id = error, event_id


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: str
    event_id: str | None = None


class _SessionUpdate(_Shape):
    session: dict[str, Any]


class _SessionResume(_Shape):
    session_id: str
    last_event_id: str | None = None


class _InputVideoAppend(_Shape):
    image_url: str


class _ItemCreate(_Shape):
    item: dict[str, Any]
    previous_item_id: str | None = None


class _ResponseCreate(_Shape):
    response: dict[str, Any] | None = None


_EVENTS: dict[str, tuple[type[ClientEvent], type[BaseModel]]] = {
    "session.update": (SessionUpdate, _SessionUpdate),
    "session.resume": (SessionResume, _SessionResume),
    _APPEND: (InputAudioAppend, InputAudioBufferAppendEvent),
    "input_audio_buffer.commit": (InputAudioCommit, InputAudioBufferCommitEvent),
    "input_audio_buffer.clear": (InputAudioClear, InputAudioBufferClearEvent),
    "output_audio_buffer.clear": (OutputAudioClear, OutputAudioBufferClearEvent),
    "input_video_buffer.append": (InputVideoAppend, _InputVideoAppend),
    "input_video_buffer.clear": (InputVideoClear, _Shape),
    "conversation.item.create": (ItemCreate, _ItemCreate),
    "conversation.item.retrieve": (ItemRetrieve, ConversationItemRetrieveEvent),
    "conversation.item.delete": (ItemDelete, ConversationItemDeleteEvent),
    "conversation.item.truncate": (ItemTruncate, ConversationItemTruncateEvent),
    "response.create": (ResponseCreate, _ResponseCreate),
    "response.cancel": (ResponseCancel, ResponseCancelEvent),
}

_INSIDE: dict[str, tuple[str, Callable[[object], None]]] = {
    "session.update": ("session", check_session),
    "conversation.item.create": ("item", check_item),
    "response.create": ("response", check_response),
}
"""What an event holds whose shape is checked by itself."""


def client_event(raw: str | None) -> ClientEvent:
    """What a message says. None stands for a binary one.

    Raises:
        EventError: it is no event.
    """
    given = _object(raw)
    event_id = given.get("event_id")
    try:
        return _append(given) or _event(given)
    except RequestError as error:
        raise EventError(error, event_id if isinstance(event_id, str) else None) from error


def error_event(error: Exception, event_id: str | None = None) -> dict[str, Any]:
    """The `error` event that tells of `error`, without an id of its own. `event_id`: of the event that caused it."""
    if isinstance(error, EventError):
        return error_event(error.error, error.event_id)
    return {"type": "error", "error": describe(error).body["error"] | {"event_id": event_id}}


def sound_of(encoded: str, param: str = "audio") -> bytes:
    """The bytes behind base64.

    Raises:
        RequestError: it is not base64, or more than MAX_APPEND.
    """
    if len(encoded) > _MAX_BASE64:
        raise RequestError(
            f"{param}: at most {MAX_APPEND} bytes of sound go into one event.", param=param, code="audio_too_large"
        )
    try:
        return b64decode(encoded, validate=True)
    except (NotBase64, ValueError):
        raise RequestError(f"{param} is not valid base64.", param=param, code="invalid_audio") from None


def _object(raw: str | None) -> dict[str, Any]:
    if raw is None:
        raise EventError(RequestError("Events are JSON in text frames.", code="invalid_json"), None)
    try:
        given = from_json(raw, allow_inf_nan=False)
    except ValueError:
        raise EventError(RequestError("The message is not valid JSON.", code="invalid_json"), None) from None
    if not isinstance(given, dict):
        raise EventError(RequestError("An event is a JSON object.", code="invalid_json"), None)
    return given


def _append(given: dict[str, Any]) -> InputAudioAppend | None:
    """Nearly all that a client says, if it is well formed: the SDK's model takes longer to say so than all else."""
    audio, name = given.get("audio"), given.get("event_id")
    fields = 2 if name is None else 3
    if given.get("type") != _APPEND or len(given) != fields or type(audio) is not str:
        return None
    return InputAudioAppend(audio=sound_of(audio), event_id=name) if name is None or type(name) is str else None


def _event(given: dict[str, Any]) -> ClientEvent:
    name = given.get("type")
    if name is None:
        raise RequestError("type: Field required.", param="type", code="missing_required_parameter")
    if not isinstance(name, str) or name not in _EVENTS:
        message = f"There is no event of type {str(name)[:40]!r}; known are {', '.join(_EVENTS)}."
        raise RequestError(message, param="type", code="invalid_value")
    kind, shape = _EVENTS[name]
    check(shape, given)
    if name in _INSIDE and given.get(_INSIDE[name][0]) is not None:
        field, check_inside = _INSIDE[name]
        check_inside(given[field])
    values: dict[str, Any] = {field.name: given.get(field.name) for field in fields(kind)}
    if kind is InputAudioAppend:
        values["audio"] = sound_of(given["audio"])
    if kind is ResponseCreate:
        values["response"] = given.get("response") or {}
    return kind(**values)
