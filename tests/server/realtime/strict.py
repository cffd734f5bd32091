"""Whether an event is one that the official SDK knows, to the last field. Beyond: docs/realtime.md."""

from __future__ import annotations

from typing import Any, get_args

from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel

from server.errors import RequestError
from server.realtime.shapes import check

EVENTS: dict[str, type[BaseModel]] = {
    get_args(kind.model_fields["type"].annotation)[0]: kind for kind in get_args(get_args(RealtimeServerEvent)[0])
}
"""The SDK's server events by type."""

SESSION_FIELDS = {"object", "id", "expires_at", "ola"}
"""What the API's own servers send beyond the SDK's fields of a session, and ours."""

_RESUMED = "session.resumed"
"""Ours: as `session.updated`, and how many events were missed."""


def valid(event: dict[str, Any]) -> dict[str, Any]:
    """The event; AssertionError unless the SDK takes it strictly."""
    if event["type"] == _RESUMED:
        theirs = {name: value for name, value in event.items() if name != "missed"}
        valid(theirs | {"type": "session.updated"})
        return event
    assert event["type"] in EVENTS, f"no such event: {event['type']}"
    try:
        check(EVENTS[event["type"]], _without_extensions(event))
    except RequestError as error:
        raise AssertionError(f"{error} in {event}") from error
    return event


def _without_extensions(event: dict[str, Any]) -> dict[str, Any]:
    match event:
        case {"session": dict() as session}:
            assert SESSION_FIELDS - {"ola"} <= session.keys()
            kept = {name: value for name, value in session.items() if name not in SESSION_FIELDS}
            return event | {"session": _at_24_khz(kept)}
        case {"item": dict() as item}:
            return event | {"item": {name: value for name, value in item.items() if name != "video"}}
    return event


def _at_24_khz(session: dict[str, Any]) -> dict[str, Any]:
    heard = session["audio"]["input"]
    if heard["format"] != {"type": "audio/pcm", "rate": 16_000}:
        return session
    declared = heard | {"format": {"type": "audio/pcm", "rate": 24_000}}
    return session | {"audio": session["audio"] | {"input": declared}}
