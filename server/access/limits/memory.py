"""A ledger inside one process."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from time import monotonic

from server.access.limits.ledger import Draw, Kind, Lease, Measure, Standing, Taking


class MemoryLedger:
    """A `Ledger` that forgets with its process. Holds a few numbers for every account that was ever seen."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._full_at: dict[tuple[str, Measure], float] = {}
        self._held: dict[tuple[str, Kind], set[str]] = {}

    async def take(self, account: str, draws: Sequence[Draw], lease: Lease | None = None) -> Taking:
        crowded = lease is not None and len(self._held.get((account, lease.kind), ())) >= lease.limit
        taking = Taking(crowded, tuple(self._after(account, draw) for draw in draws))
        if taking.granted:
            for standing in taking.standings:
                self._note(account, standing)
            if lease is not None:
                self._held.setdefault((account, lease.kind), set()).add(lease.id)
        return taking

    async def charge(self, account: str, draw: Draw) -> Standing:
        standing = self._after(account, draw)
        self._note(account, standing)
        return standing

    async def give_back(self, account: str, lease: Lease) -> None:
        self._held.get((account, lease.kind), set()).discard(lease.id)

    @asynccontextmanager
    async def renewing(self) -> AsyncGenerator[None, None]:
        yield  # they live as long as what holds them

    def _after(self, account: str, draw: Draw) -> Standing:
        full_in = max(0.0, self._full_at.get((account, draw.measure), 0.0) - self._now())
        return Standing(draw.measure, draw.limit, full_in + draw.seconds)

    def _note(self, account: str, standing: Standing) -> None:
        self._full_at[account, standing.measure] = self._now() + standing.full_in
