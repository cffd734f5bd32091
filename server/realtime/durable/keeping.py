"""One session's way into its store, behind the conversation: nothing in a live session waits for it or fails with it.

Knows nothing of conversations but how to ask for what is to be kept.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import anyio

from server.realtime.durable.journal import Journal
from server.realtime.durable.memory import packed
from server.realtime.durable.store import (
    Change,
    Claim,
    Hold,
    Kept,
    Noted,
    OutOfStepError,
    SessionStore,
    SessionStoreError,
    TakenOverError,
    TooLargeError,
)

logger = logging.getLogger(__name__)

_GATHER_SECONDS = 0.25
"""For which events wait for others, so that an answer's sound does not write twenty times a second. The end of a
connection waits for nothing; only the end of a process loses that much."""
_RENEW_SECONDS = 60.0
"""A tenth of the time for which a session is kept that nobody renews."""
_RETRY_SECONDS = 1.0
_CLOSE_SECONDS = 3.0
"""After which a connection that ends gives up on a store that does not answer."""


class Keepable(Protocol):
    """A conversation as it is now. No method waits."""

    @property
    def config(self) -> dict[str, Any]: ...

    @property
    def state(self) -> dict[str, Any]: ...

    @property
    def order(self) -> list[str]:
        """Ids of all items."""
        ...

    def item(self, item_id: str) -> bytes:
        """One item, packed."""
        ...


class Keeping:
    """Keeps one session for as long as its connection lives.

    The methods that take note cost microseconds; `run` writes what they noted. While the store is away everything is
    only noted, and when it is back the session is written whole.
    """

    def __init__(self, store: SessionStore, hold: Hold, session: Keepable, events: Sequence[Noted]) -> None:
        """See `begun` and `resumed`."""
        self._store, self._hold, self._session = store, hold, session
        self._out_of_step = False
        self._config = self._state = self._order = False
        self._items: set[str] = set()
        self._ordered: set[str] = set()
        """Of the order that was written last."""
        self._journal = Journal(store.bounds)
        self._journal.append(events)
        self._unwritten = 0  # events
        self._noted, self._urgent = anyio.Event(), anyio.Event()
        self._over = False

    @classmethod
    def begun(cls, store: SessionStore, session_id: str, owner: str, session: Keepable) -> Keeping:
        """A new session of this account. It is kept once `run` has written it."""
        keeping = cls(store, Hold(session_id, owner), session, ())
        keeping._fall_out_of_step()
        return keeping

    @classmethod
    def resumed(cls, store: SessionStore, claim: Claim, session: Keepable) -> Keeping:
        """One that was claimed; `session` is what was kept of it."""
        return cls(store, claim.hold, session, claim.events)

    def config_changed(self) -> None:
        self._config = True
        self._hurry()

    def state_changed(self) -> None:
        self._state = True
        self._hurry()

    def order_changed(self) -> None:
        """Items were deleted or moved."""
        self._order = True
        self._hurry()

    def item_changed(self, item_id: str) -> None:
        """It is new, or its content is."""
        self._items.add(item_id)
        self._order = True
        self._hurry()

    def answer_goes_on(self, item_ids: Iterable[str]) -> None:
        """More of it was heard, and stands in the items that it writes. That is written with the events."""
        self._state = True
        self._items.update(item_ids)
        self._order = self._order or not self._items <= self._ordered
        self._noted.set()

    def sent(self, event_id: str, event: Mapping[str, Any]) -> None:
        """The client was sent this event, which must be JSON; leave its sound out."""
        self._journal.append([Noted(event_id, packed(event))])
        self._unwritten += 1
        self._noted.set()

    async def run(self) -> None:
        """Write what is noted, until cancelled; what was then not written, `release` writes. Ends by itself if the
        session is too large to be kept.

        Raises:
            TakenOverError: another connection has the session; this one should end.
        """
        away = False
        while not self._over:
            with anyio.move_on_after(_RENEW_SECONDS):
                await self._noted.wait()
            if self._noted.is_set():
                with anyio.move_on_after(_GATHER_SECONDS):
                    await self._urgent.wait()
            try:
                await (self._write() if self._noted.is_set() else self._renew())
                away = False
            except SessionStoreError:
                if not away:
                    logger.warning("Session %s is not kept for now", self._hold.session_id, exc_info=True)
                away = True
                await anyio.sleep(_RETRY_SECONDS)

    async def release(self) -> None:
        """The connection is gone: write the rest, and let the session wait for its client. Cancelling does not cut it
        short, but a store that is away does."""
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            try:
                while self._noted.is_set() and not self._over:
                    await self._write()
                if not self._over:
                    await self._store.release(self._hold)
            except SessionStoreError:
                logger.warning("Session %s may not be found again", self._hold.session_id, exc_info=True)
            except TakenOverError:
                logger.info("Session %s goes on elsewhere", self._hold.session_id)

    async def forget(self) -> None:
        """The session is over. Cancelling does not cut it short, but a store that is away does."""
        self._over = True
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            try:
                await self._store.forget(self._hold)
            except SessionStoreError:
                logger.warning("Session %s is kept until it expires", self._hold.session_id, exc_info=True)

    def _hurry(self) -> None:
        self._noted.set()
        self._urgent.set()

    def _fall_out_of_step(self) -> None:
        self._out_of_step = True
        self._hurry()

    async def _renew(self) -> None:
        try:
            await self._store.renew(self._hold)
        except OutOfStepError:
            self._fall_out_of_step()
        except TakenOverError:
            self._over = True
            raise

    async def _write(self) -> None:
        """Write what is different now, or all. If that fails, all is to be written."""
        self._noted, self._urgent = anyio.Event(), anyio.Event()
        hold, self._hold = self._hold, self._hold.next()  # whoever fails may have written
        # If some are neither there nor here any more, there would be a gap.
        whole = self._out_of_step or self._unwritten > len(self._journal)
        change, kept, events, self._out_of_step = (
            self._change(),
            self._kept() if whole else None,
            self._unwritten,
            False,
        )
        try:
            if kept is None:
                self._hold = await self._store.write(hold, change)
            else:
                self._hold = await self._store.replace(hold, kept, self._journal.events)
            self._unwritten -= events
        except TakenOverError:
            self._over = True
            raise
        except TooLargeError:
            self._over = True
            logger.warning("Session %s is too large to be kept", hold.session_id)
        except OutOfStepError:
            self._fall_out_of_step()
        except BaseException:
            self._fall_out_of_step()
            raise

    def _change(self) -> Change:
        """What was noted, which is then forgotten but for the events."""
        session, order = self._session, self._session.order
        change = Change(
            config=session.config if self._config else None,
            state=session.state if self._state else None,
            items={item_id: session.item(item_id) for item_id in order if item_id in self._items},
            order=order if self._order else None,
            events=self._journal.last(self._unwritten),
        )
        self._config = self._state = self._order = False
        self._items.clear()
        self._ordered = set(order)
        return change

    def _kept(self) -> Kept:
        session = self._session
        return Kept(session.config, [(item_id, session.item(item_id)) for item_id in session.order], session.state)
