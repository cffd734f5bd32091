"""What the parts of one session have in common. No behaviour."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from anyio.abc import TaskGroup

from server.access.limits.allowance import Allowance
from server.parts import Parts
from server.realtime.config import Config, Facts
from server.realtime.conversation import Conversation
from server.realtime.outbox import Emit
from server.realtime.playback import Clock


class Notes(Protocol):
    """Hears what of a session is to outlive its connection (`durable.keeping.Keeping`). Costs microseconds."""

    def config_changed(self) -> None: ...
    def state_changed(self) -> None: ...
    def order_changed(self) -> None: ...
    def item_changed(self, item_id: str) -> None: ...
    def answer_goes_on(self, item_ids: Iterable[str]) -> None: ...


class NoNotes:
    """Nothing of the session outlives its connection."""

    def config_changed(self) -> None: ...
    def state_changed(self) -> None: ...
    def order_changed(self) -> None: ...
    def item_changed(self, item_id: str) -> None: ...
    def answer_goes_on(self, item_ids: Iterable[str]) -> None: ...


@dataclass(slots=True)
class Shared:
    """One session's surroundings, and what it is at present."""

    parts: Parts
    facts: Facts
    emit: Emit
    room: Callable[[], Awaitable[None]]
    """Returns when the client has room for sound."""
    clock: Clock
    allowance: Allowance
    group: TaskGroup
    """For everything that is slow."""
    config: Config
    conversation: Conversation
    notes: Notes = field(default_factory=NoNotes)
