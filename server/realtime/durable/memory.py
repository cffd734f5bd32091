"""Sessions of one process: they survive their connections."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from server.realtime.durable.journal import Journal
from server.realtime.durable.store import (
    Bounds,
    Change,
    Claim,
    Hold,
    Kept,
    Noted,
    OutOfStepError,
    TakenOverError,
    TooLargeError,
    UnknownSessionError,
)


class _Session:
    """What is kept under one id. Config and state are JSON, so that nobody can change them from outside."""

    def __init__(self, owner: str, bounds: Bounds) -> None:
        self.owner = owner
        self.epoch = self.revision = 0
        self.expires_at = 0.0
        self.waits = False
        self.config = self.state = b""
        self.order: Sequence[str] = ()
        self.items: dict[str, bytes] = {}
        self.journal = Journal(bounds)

    @property
    def size(self) -> int:
        return len(self.config) + len(self.state) + sum(map(len, self.items.values()))

    @property
    def held(self) -> int:
        """Bytes of all that is kept, its events too."""
        return self.size + self.journal.size

    def take(self, change: Change) -> None:
        if change.config is not None:
            self.config = packed(change.config)
        if change.state is not None:
            self.state = packed(change.state)
        if change.order is not None:
            self.order, there = tuple(change.order), set(change.order)
            self.items = {name: item for name, item in (self.items | dict(change.items)).items() if name in there}
        else:
            self.items.update((name, item) for name, item in change.items.items() if name in self.items)
        self.journal.append(change.events)

    @property
    def kept(self) -> Kept:
        items = [(name, self.items[name]) for name in self.order if name in self.items]
        return Kept(json.loads(self.config), items, json.loads(self.state))


class MemorySessions:
    """A `SessionStore` of one process. Its calls never wait."""

    def __init__(self, bounds: Bounds | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self.bounds = bounds or Bounds()
        self._now = now
        # Whoever was touched last stands last.
        self._sessions: dict[str, _Session] = {}

    def waiting(self) -> int:
        """How many wait for their client to come back."""
        return sum(session.waits and session.expires_at > self._now() for session in self._sessions.values())

    async def replace(self, hold: Hold, kept: Kept, events: Sequence[Noted] = ()) -> Hold:
        known = self._find(hold.session_id)
        if known is not None and (known.owner != hold.owner or known.epoch > hold.epoch):
            raise TakenOverError(hold.session_id)
        if known is not None and known.epoch == hold.epoch and known.revision > hold.revision:
            raise OutOfStepError(hold.session_id)
        session = _Session(hold.owner, self.bounds)
        session.epoch = hold.epoch
        self._sessions[hold.session_id] = session
        return self._take(session, hold, whole(kept, events))

    async def write(self, hold: Hold, change: Change) -> Hold:
        session = self._held(hold)
        if session.revision != hold.revision:
            raise OutOfStepError(hold.session_id)
        return self._take(session, hold, change)

    async def renew(self, hold: Hold) -> None:
        self._touch(hold.session_id, self._held(hold))

    async def release(self, hold: Hold) -> None:
        session = self._find(hold.session_id)
        if session is None or session.owner != hold.owner or session.epoch != hold.epoch:
            return
        session.waits = True
        session.epoch += 1
        self._touch(hold.session_id, session)
        self._make_room()

    async def claim(self, session_id: str, owner: str) -> Claim:
        session = self._find(session_id)
        if session is None or session.owner != owner:
            raise UnknownSessionError(session_id)
        session.epoch, session.waits = session.epoch + 1, False
        self._touch(session_id, session)
        hold = Hold(session_id, owner, session.epoch, session.revision)
        return Claim(hold, session.kept, session.journal.events)

    async def forget(self, hold: Hold) -> None:
        session = self._find(hold.session_id)
        if session is not None and (session.owner, session.epoch) == (hold.owner, hold.epoch):
            del self._sessions[hold.session_id]

    def _take(self, session: _Session, hold: Hold, change: Change) -> Hold:
        session.take(change)
        if session.size > self.bounds.session_bytes:
            del self._sessions[hold.session_id]
            raise TooLargeError(hold.session_id)
        session.revision = hold.next().revision
        self._touch(hold.session_id, session)
        return hold.next()

    def _held(self, hold: Hold) -> _Session:
        session = self._find(hold.session_id)
        if session is not None and (session.owner != hold.owner or session.epoch > hold.epoch):
            raise TakenOverError(hold.session_id)
        if session is None or session.epoch < hold.epoch:
            raise OutOfStepError(hold.session_id)
        return session

    def _find(self, session_id: str) -> _Session | None:
        while self._sessions:
            oldest, session = next(iter(self._sessions.items()))
            if session.expires_at > self._now():
                break
            del self._sessions[oldest]
        return self._sessions.get(session_id)

    def _touch(self, session_id: str, session: _Session) -> None:
        session.expires_at = self._now() + self.bounds.ttl_seconds
        self._sessions[session_id] = self._sessions.pop(session_id)

    def _make_room(self) -> None:
        waiting = {session_id: session for session_id, session in self._sessions.items() if session.waits}
        size = sum(session.held for session in waiting.values())
        while len(waiting) > self.bounds.waiting or size > self.bounds.waiting_bytes:
            oldest = next(iter(waiting))
            size -= waiting.pop(oldest).held
            del self._sessions[oldest]


def whole(kept: Kept, events: Sequence[Noted]) -> Change:
    """The change that makes a session this one, whatever it was."""
    return Change(kept.config, kept.state, dict(kept.items), [name for name, _ in kept.items], events)


def packed(value: Mapping[str, Any]) -> bytes:
    """JSON in ASCII: text from clients may hold halves of characters, which have no UTF-8."""
    return json.dumps(value, separators=(",", ":")).encode()
