"""What was said under which audio id, so that a later request can name an answer instead of repeating it."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol
from uuid import uuid4

MAX_ANSWERS = 10_000
"""Spoken answers remembered at a time; the oldest go first. Bounds their memory."""


def new_audio_id() -> str:
    """A fresh id for one spoken answer, not guessable: whoever knows it can read the transcript."""
    return f"audio_{uuid4().hex}"


class StoreError(Exception):
    """The spoken answers cannot be kept or found now."""


class Store(Protocol):
    """Transcripts by audio id, each for a limited time. A method that is cancelled may lose its own transcript only.

    Both methods raise StoreError if what they are kept in does not answer.
    """

    async def keep(self, audio_id: str, transcript: str) -> int:
        """Remember what was said. Returns `expires_at`, a Unix time in whole seconds."""
        ...

    async def transcript(self, audio_id: str) -> str | None:
        """What was said under this id; None if it is unknown or expired."""
        ...


class MemoryStore:
    """A `Store` inside one process, bounded by age and by number."""

    def __init__(self, ttl_seconds: float, max_entries: int, now: Callable[[], float] = time.time) -> None:
        self._ttl_seconds, self._max_entries, self._now = ttl_seconds, max_entries, now
        # Every entry lives equally long, so the order of arrival is the order of expiry.
        self._entries: OrderedDict[str, tuple[int, str]] = OrderedDict()

    @property
    def size(self) -> int:
        """Transcripts held, expired ones that nobody has stumbled on included."""
        return len(self._entries)

    async def keep(self, audio_id: str, transcript: str) -> int:
        self._drop_expired()
        if len(self._entries) >= self._max_entries:
            self._entries.popitem(last=False)
        expires_at = int(self._now() + self._ttl_seconds)
        self._entries[audio_id] = (expires_at, transcript)
        return expires_at

    async def transcript(self, audio_id: str) -> str | None:
        self._drop_expired()
        entry = self._entries.get(audio_id)
        return None if entry is None else entry[1]

    def _drop_expired(self) -> None:
        now = self._now()
        while self._entries:
            audio_id, (expires_at, _) = next(iter(self._entries.items()))
            if expires_at > now:
                return
            del self._entries[audio_id]
