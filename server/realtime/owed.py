"""What a connection owes its client when it is lost: the ends of its responses, and the rest of what was being said.

It is kept with the session, as JSON, and the connection that goes on with the session settles it. No I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from server.realtime.answer import Answer
from server.realtime.config import Config, Facts, ResponseConfig
from server.realtime.conversation import Conversation
from server.realtime.items import Item
from server.realtime.shown import fields_of
from server.realtime.updates import updated
from tts.voice import WIRE_RATE

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unended:
    """A response that runs: its client is yet to be told of its end."""

    response_id: str
    asked: ResponseConfig
    output: tuple[str, ...]
    """Ids of its items in the conversation."""
    heard: int
    """Samples, by the clock of the server that gave it."""


def unended_json(answer: Answer, now: float) -> Json:
    """An answer that runs, as `unended` reads it."""
    output, heard = [item.id for item in answer.kept], answer.playback.heard(now)
    return {"id": answer.id, "asked": asked_json(answer.asked), "output": output, "heard": heard}


def unended(told: Json, config: Config, facts: Facts) -> Unended:
    return Unended(told["id"], asked_of(told["asked"], config, facts), tuple(told["output"]), told["heard"])


def asked_json(asked: ResponseConfig) -> Json:
    """What a response is to be, but for items that were given with it."""
    metadata = None if asked.metadata is None else dict(asked.metadata)
    return {"session": fields_of(asked.config), "in_conversation": asked.in_conversation, "metadata": metadata}


def asked_of(told: Json | None, config: Config, facts: Facts) -> ResponseConfig:
    """The same again; without it a response of this session as it is. Raises as `updates.updated`."""
    if told is None:
        return ResponseConfig(config)
    own = updated(config, told["session"], facts)
    return ResponseConfig(own, told["in_conversation"], metadata=told["metadata"])


def samples_of(size: int, asked: ResponseConfig) -> int:
    """At WIRE_RATE, of so many bytes of a response's sound."""
    form = asked.config.output_format
    return size * WIRE_RATE // (form.rate * form.sample_bytes)


def items_of(conversation: Conversation, ids: Sequence[str]) -> list[Item]:
    """Those that have not been deleted."""
    return [conversation.get(item_id) for item_id in ids if item_id in conversation]
