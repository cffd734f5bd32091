"""What a connection owes its client when it is lost: the ends of its responses, and the rest of what was being said.

It is kept with the session, as JSON, and the connection that goes on with the session settles it. No I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from server.errors import RequestError
from server.realtime.answer import Answer
from server.realtime.config import Config, Facts, ResponseConfig
from server.realtime.shown import fields_of
from server.realtime.updates import updated

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unended:
    """A response that runs: its client is yet to be told of its end."""

    response_id: str
    asked: ResponseConfig
    output: tuple[str, ...]
    """Ids of its items in the conversation."""
    sent: int
    heard: int
    """Samples, by the clock of the server that gave it."""


def unended_json(answer: Answer, config: Config, now: float) -> Json:
    """An answer that runs, as `unended` reads it. `config` is the session's."""
    told = {"id": answer.id, "asked": asked_json(answer.asked, config), "output": [item.id for item in answer.kept]}
    return told | {"sent": answer.playback.samples_sent, "heard": answer.playback.heard(now)}


def unended(told: Json, config: Config, facts: Facts) -> Unended:
    asked = asked_of(told["asked"], config, facts)
    return Unended(told["id"], asked, tuple(told["output"]), told["sent"], told["heard"])


def asked_json(asked: ResponseConfig, config: Config) -> Json:
    """What a response is to be, but for items that were given with it. `config` is the session's."""
    metadata = None if asked.metadata is None else dict(asked.metadata)
    own = None if asked.config == config else fields_of(asked.config)
    return {"session": own, "in_conversation": asked.in_conversation, "metadata": metadata}


def asked_of(told: Json | None, config: Config, facts: Facts) -> ResponseConfig:
    """The same again, as the session is where nothing else was asked or it cannot be done any more."""
    if told is None:
        return ResponseConfig(config)
    try:
        own = config if told["session"] is None else updated(config, told["session"], facts)
    except RequestError:  # by a server with other voices, for example
        own = config
    return ResponseConfig(own, told["in_conversation"], metadata=told["metadata"])
