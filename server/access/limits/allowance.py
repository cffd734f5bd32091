"""What one request may still use of its key's limits. Knows neither how a key is shown nor where counts are kept."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from math import ceil

import anyio
from starlette.requests import HTTPConnection

from server.access.limits.ledger import Draw, Kind, Lease, Ledger, LedgerError, Measure, Standing
from server.access.limits.quota import Quota
from server.errors import RequestError

logger = logging.getLogger(__name__)

_CROWDED_SECONDS = 1
"""When to try again for a place: nobody knows how long the others take."""
_INPUT_STEP = 2**20
"""Bytes that come in between two looks at the ledger."""
_SOUND_STEP = 5.0
"""Seconds of speech between two notes in the ledger."""
_SETTLE_SECONDS = 3.0

Headers = list[tuple[bytes, bytes]]


class LimitError(RequestError):
    """A limit of the key is reached. Trying again after `wait` seconds may help."""

    def __init__(self, limit: str, wait: float, standing: Standing | None = None) -> None:
        headers = dict(rate_headers(standing)) if standing else {}
        seconds = max(1, ceil(wait))
        super().__init__(
            f"This key has reached its limit: {limit}. Try again in {seconds} s.",
            status=429,
            code="rate_limit_exceeded",
            headers={name.decode(): value.decode() for name, value in headers.items()} | {"Retry-After": str(seconds)},
        )


class Allowance:
    """One request's or session's share of its key's limits; without a ledger there are none."""

    def __init__(self, ledger: Ledger | None = None, account: str = "", quota: Quota | None = None) -> None:
        self._ledger, self._account, self._quota = ledger, account, quota or Quota()
        self._read, self._unheard = 0, 0.0
        self.headers: Headers = []
        """What the answer's headers say about the requests of this minute; empty without such a limit."""

    @asynccontextmanager
    async def entered(self, kind: Kind) -> AsyncGenerator[None, None]:
        """Hold a place of `kind` and count a request while the block runs; what is left to note is noted at its end.

        Raises:
            LimitError: a limit is reached; nothing was counted.
            LedgerError: the ledger cannot be reached.
        """
        places: int | None = getattr(self._quota, kind)
        lease = None if places is None else Lease(kind, places)
        try:
            try:
                await self._enter(lease)
            except (LimitError, LedgerError):
                lease = None  # there is none to give back
                raise
            yield
        finally:
            with anyio.move_on_after(_SETTLE_SECONDS, shield=True):
                await self._leave(lease)

    async def read(self, size: int) -> None:
        """Count bytes that came in.

        Raises:
            LimitError: that was more than the key may send in a minute; it is counted all the same.
            LedgerError: the ledger cannot be reached.
        """
        self._read += size
        if self._read >= _INPUT_STEP:
            await self.read_all()

    async def read_all(self) -> None:
        """All came in. Raises as `read`."""
        if draw := self._draw("input_bytes_per_minute", self._read):
            self._read = 0
            _check(await self._charge(draw))

    async def request(self) -> Standing | None:
        """Count one more request, as a response inside a session is. Returns how many are left; None: no limit.

        Raises:
            LimitError: it is one too many; nothing was counted.
            LedgerError: the ledger cannot be reached.
        """
        draw = self._draw("requests_per_minute", 1)
        if draw is None or self._ledger is None:
            return None
        standing = (await self._ledger.take(self._account, [draw])).standings[0]
        _check(standing)
        return standing

    async def check_speech(self) -> None:
        """Look, before an answer is spoken, whether the key may have more speech. One that began is spoken to its end.

        Raises:
            LimitError: it may not.
            LedgerError: the ledger cannot be reached.
        """
        if (draw := self._draw("audio_seconds_per_minute", 0)) and self._ledger is not None:
            _check((await self._ledger.take(self._account, [draw])).standings[0])

    async def spoke(self, seconds: float) -> None:
        """Count speech that was made. Never fails: it is made already. Cancelled, the end of the request counts it."""
        self._unheard += seconds
        if self._unheard >= _SOUND_STEP:
            await self._note_speech()

    def _draw(self, measure: Measure, amount: float) -> Draw | None:
        limit: int | None = getattr(self._quota, measure)
        return None if limit is None else Draw(measure, limit, amount)

    async def _charge(self, draw: Draw) -> Standing:
        assert self._ledger is not None, "limits without a ledger"
        return await self._ledger.charge(self._account, draw)

    async def _enter(self, lease: Lease | None) -> None:
        draws = [
            draw for draw in (self._draw("requests_per_minute", 1), self._draw("input_bytes_per_minute", 0)) if draw
        ]
        if self._ledger is None or not (draws or lease):
            return
        taking = await self._ledger.take(self._account, draws, lease)
        for standing in taking.standings:
            _check(standing)
        if taking.crowded and lease is not None:
            raise LimitError(f"{lease.limit} {lease.kind}", _CROWDED_SECONDS)
        self.headers = [header for standing in taking.standings for header in rate_headers(standing)]

    async def _leave(self, lease: Lease | None) -> None:
        """Give the place back, whatever becomes of the rest: it would be renewed as long as the process lives."""
        try:
            if lease is not None and self._ledger is not None:
                await self._ledger.give_back(self._account, lease)
        except LedgerError:
            logger.exception("A place could not be given back")
        try:
            await self._note_speech()
            if self._read and (draw := self._draw("input_bytes_per_minute", self._read)):
                await self._charge(draw)
        except LedgerError:
            logger.exception("The end of a request could not be noted")

    async def _note_speech(self) -> None:
        seconds, self._unheard = self._unheard, 0.0
        draw = self._draw("audio_seconds_per_minute", seconds)
        if draw is None or not seconds:
            return
        try:
            await self._charge(draw)
        except LedgerError:
            logger.exception("%g s of speech could not be counted", seconds)
        except BaseException:  # cancelled: the end of the request counts them
            self._unheard += seconds
            raise


def _check(standing: Standing) -> None:
    if not standing.enough:
        raise LimitError(f"{standing.limit:g} {standing.measure}", standing.wait, standing)


def rate_headers(standing: Standing) -> Headers:
    """OpenAI's headers for requests; nothing for other measures, which it does not count."""
    if standing.measure != "requests_per_minute":
        return []
    return [
        (b"x-ratelimit-limit-requests", b"%d" % standing.limit),
        (b"x-ratelimit-remaining-requests", b"%d" % standing.remaining),
        (b"x-ratelimit-reset-requests", duration(standing.full_in).encode()),
    ]


def duration(seconds: float) -> str:
    """As OpenAI writes it: `120ms`, `8.64s`, `6m0s`."""
    if seconds < 1:
        return f"{ceil(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    return f"{int(minutes)}m{ceil(rest)}s" if minutes else f"{round(rest, 3):g}s"


def allowance_of(connection: HTTPConnection) -> Allowance:
    """That of the request or session; one without limits where nothing stands before the routes, as in stock vLLM."""
    found: Allowance | None = getattr(connection.state, "allowance", None)
    return found or Allowance()
