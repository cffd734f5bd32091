"""What the tests of sessions ask with: a server's facts, and a client's session events as they come in."""

from __future__ import annotations

import json
from typing import Any

from server.realtime.config import Config, Facts
from server.realtime.events import ItemCreate, ResponseCreate, SessionUpdate, client_event
from server.realtime.shown import as_json
from server.realtime.updates import updated
from tests.server.realtime.strict import valid

FACTS = Facts(("ola-demo", "ola"), frozenset({"default", "alloy", "marin", "anna"}))
"""Of a server that can do everything."""


def shown(config: Config) -> dict[str, Any]:
    """The session as the client is told, valid."""
    event = {"type": "session.updated", "event_id": "event_1", "session": as_json(config, "sess_1", 1_800_000_000)}
    told: dict[str, Any] = valid(event)["session"]
    return told


def asked(config: Config, facts: Facts = FACTS, **fields: Any) -> Config:
    """The session after a `session.update` with these fields."""
    event = client_event(json.dumps({"type": "session.update", "session": {"type": config.kind, **fields}}))
    assert isinstance(event, SessionUpdate)
    return updated(config, event.session, facts)


def response(**fields: Any) -> dict[str, Any]:
    """What a `response.create` with these fields gives."""
    event = client_event(json.dumps({"type": "response.create", "response": fields}))
    assert isinstance(event, ResponseCreate)
    return event.response


def item(**fields: Any) -> dict[str, Any]:
    """What a `conversation.item.create` with these fields gives."""
    event = client_event(json.dumps({"type": "conversation.item.create", "item": fields}))
    assert isinstance(event, ItemCreate)
    return event.item
