"""What is kept of a session and who may write it: the forms and the promises that both stores share.

Opaque to the conversation: a config, a state, items as bytes in their order, and the last events that the client was
sent. Whoever holds a session has an epoch; taking a session over begins the next one, and the earlier holder learns it
from its next call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import dropwhile
from typing import Any, Protocol

from server.realtime.ids import new_id

KEPT_SECONDS = 600.0
"""For which a session waits for its client to come back. A lift, a change of networks or a restart of the server takes
seconds to minutes; who stays away for longer begins anew. Also for which a session is kept whose holder does not renew
it, so Redis may be away for nearly as long."""
_ID = re.compile(r"sess_[0-9a-f]{24,32}")
"""Ids come from clients, and Redis would look for a key of any size."""


class SessionStoreError(Exception):
    """Sessions cannot be kept or found now."""


class UnknownSessionError(Exception):
    """No such session, or none of this account, or its time is over. Which of them is nobody's business."""


class TakenOverError(Exception):
    """Another connection has the session now; this one must write no more."""


class OutOfStepError(Exception):
    """The store does not have what the change builds on: it must be told the whole session."""


class TooLargeError(Exception):
    """The session is larger than a session may be; it is not kept any more."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a store keeps."""

    ttl_seconds: float = KEPT_SECONDS
    session_bytes: int = 160 * 2**20
    """Of config, state and items: more than a conversation may hold in media (`conversation.MAX_MEDIA_BYTES`)."""
    events: int = 2000
    """A minute and a half of an answer, whose sound comes in twenty events a second."""
    event_bytes: int = 2**20
    waiting: int = 1000
    """Sessions without a connection; those that have waited longest go first. Those with one are bounded by the
    connections that a server takes."""
    waiting_bytes: int = 512 * 2**20
    """Of all that is kept of them, events too."""


@dataclass(frozen=True, slots=True)
class Noted:
    """An event that the client was sent: its JSON; of sound `{"item_id", "samples"}`, how much its item has by then."""

    event_id: str
    data: bytes

    @property
    def size(self) -> int:
        return len(self.event_id) + len(self.data)

    @property
    def is_sound(self) -> bool:
        return self.data.startswith(b'{"item_id":')


@dataclass(frozen=True, slots=True)
class Kept:
    """A session. `config` and `state` are JSON; `items` are pairs of id and bytes, in the conversation's order."""

    config: dict[str, Any]
    items: Sequence[tuple[str, bytes]] = ()
    state: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """What is different now; None: as it was."""

    config: dict[str, Any] | None = None
    state: dict[str, Any] | None = None
    items: Mapping[str, bytes] = field(default_factory=dict)
    """New ones and new content. Those that the order does not name are dropped."""
    order: Sequence[str] | None = None
    """Ids of all items, each once. What it does not name any more is deleted."""
    events: Sequence[Noted] = ()
    """What the client was sent since the last change."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The right to write a session, and how often it was used. Each call needs the hold that the last one returned."""

    session_id: str
    owner: str
    """Account of the key that began it; empty on a server without keys, where the id alone opens it."""
    epoch: int = 1
    revision: int = 0

    def next(self) -> Hold:
        """After a write, also after one of which nobody knows whether it was done."""
        return replace(self, revision=self.revision + 1)


@dataclass(frozen=True, slots=True)
class Claim:
    """A session that was taken over."""

    hold: Hold
    kept: Kept
    events: Sequence[Noted]

    def since(self, event_id: str) -> list[bytes] | None:
        """JSON of the events after this one, oldest first; None if it is not known, or not any more.

        Not every event is kept, and none's sound. Those of one connection have ids that end in growing numbers, so that
        their places among the others are known all the same.
        """
        known = [index for index, event in enumerate(self.events) if _is_until(event, event_id)]
        return [event.data for event in self.events[known[-1] + 1 :] if not event.is_sound] if known else None

    def received(self, event_id: str) -> dict[str, int]:
        """Samples of speech that a client has got whose last event was this one, by item; of items of which it was sent
        more. What was sent before its connection is settled."""
        sent, got = dict[str, int](), dict[str, int]()
        for event in dropwhile(lambda event: _connection_of(event.event_id) != _connection_of(event_id), self.events):
            if event.is_sound:
                told = json.loads(event.data)
                sent[told["item_id"]] = told["samples"]
                if _is_until(event, event_id):
                    got[told["item_id"]] = told["samples"]
        return {item_id: got.get(item_id, 0) for item_id, samples in sent.items() if samples > got.get(item_id, 0)}


def _is_until(event: Noted, event_id: str) -> bool:
    """Whether it is this event or came before it on the same connection."""
    return _connection_of(event.event_id) == _connection_of(event_id) and event.event_id <= event_id


def _connection_of(event_id: str) -> str:
    return event_id.rpartition("_")[0]


class SessionStore(Protocol):
    """Sessions by id. A change is kept whole or not at all. Of a call that is cancelled nobody knows whether it was
    done: the hold's `next` must then `replace` the session.

    All raise SessionStoreError if what they are kept in does not answer.
    """

    @property
    def bounds(self) -> Bounds: ...

    async def replace(self, hold: Hold, kept: Kept, events: Sequence[Noted] = ()) -> Hold:
        """Keep this and forget what was kept: the beginning of a session, and the way back into step.

        Raises TakenOverError, TooLargeError.
        """
        ...

    async def write(self, hold: Hold, change: Change) -> Hold:
        """Keep one change.

        Raises TakenOverError, OutOfStepError, TooLargeError.
        """
        ...

    async def renew(self, hold: Hold) -> None:
        """The connection lives. To be called well within `KEPT_SECONDS` if nothing is written.

        Raises TakenOverError, OutOfStepError.
        """
        ...

    async def release(self, hold: Hold) -> None:
        """The connection is gone: the session waits for `KEPT_SECONDS`, if there is room, and the hold is good for
        nothing more. Nothing if it was taken over or is not kept."""
        ...

    async def claim(self, session_id: str, owner: str) -> Claim:
        """Take a session over, from its connection if it still has one. Cancelled, its holder may have lost it.

        Raises UnknownSessionError.
        """
        ...

    async def forget(self, hold: Hold) -> None:
        """The session is over. Nothing if it was taken over or is not kept."""
        ...


def new_session_id() -> str:
    """A fresh id, not guessable: on a server without keys, whoever knows it can take the session over."""
    return new_id("sess")


def is_session_id(session_id: str) -> bool:
    """Whether it can be the id of a session at all."""
    return _ID.fullmatch(session_id) is not None
