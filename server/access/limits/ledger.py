"""The arithmetic of limits and what keeps it: how full each bucket is, and who holds a place.

A bucket holds a minute's worth and refills evenly, so that all it needs to remember is when it is full again (the
generic cell rate algorithm, ITU-T I.371). What is charged afterwards may leave it in debt; it refills from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import uuid4

PERIOD = 60.0
"""Seconds in which an empty bucket becomes full."""
TOLERANCE = 1e-3
"""Seconds; sums of fractions must not refuse the last of what is allowed."""

Measure = Literal["requests_per_minute", "input_bytes_per_minute", "audio_seconds_per_minute"]
Kind = Literal["concurrent_requests", "concurrent_sessions"]
"""Both as `Quota` names them."""


class LedgerError(Exception):
    """What was used cannot be looked up or written down now."""


@dataclass(frozen=True, slots=True)
class Draw:
    """`amount` out of a bucket of `limit` a minute. An amount of 0 asks whether it is in debt."""

    measure: Measure
    limit: float
    amount: float

    @property
    def seconds(self) -> float:
        """How long the bucket takes to refill this."""
        return self.amount * PERIOD / self.limit


@dataclass(frozen=True, slots=True)
class Lease:
    """One of `limit` places of its kind, held until it is given back or its holder dies."""

    kind: Kind
    limit: int
    id: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True, slots=True)
class Standing:
    """A bucket after a draw; or as it would be, if the draw was refused."""

    measure: Measure
    limit: float
    full_in: float
    """Seconds until it is full; more than `PERIOD`: it is in debt."""

    @property
    def enough(self) -> bool:
        return self.full_in <= PERIOD + TOLERANCE

    @property
    def remaining(self) -> float:
        return max(0.0, self.limit * (1 - self.full_in / PERIOD))

    @property
    def wait(self) -> float:
        """Seconds after which this draw would not be refused."""
        return max(0.0, self.full_in - PERIOD)


@dataclass(frozen=True, slots=True)
class Taking:
    """What came of drawing: all of it was drawn, or nothing."""

    crowded: bool
    """No place was free."""
    standings: tuple[Standing, ...]
    """One for each draw."""

    @property
    def granted(self) -> bool:
        return not self.crowded and all(standing.enough for standing in self.standings)


class Ledger(Protocol):
    """Counts by account. All methods raise LedgerError if it cannot be reached."""

    async def take(self, account: str, draws: Sequence[Draw], lease: Lease | None = None) -> Taking:
        """Draw all of `draws` and take the place, or nothing. Cancelled, it may have been done: give the place back."""
        ...

    async def charge(self, account: str, draw: Draw) -> Standing:
        """Draw what was used already, into debt if need be. Cancelled, it may have been done."""
        ...

    async def give_back(self, account: str, lease: Lease) -> None:
        """End a lease; one that is not held is no error."""
        ...

    def renewing(self) -> AbstractAsyncContextManager[None]:
        """While the block runs, the leases of this process do not expire."""
        ...
