"""A session's life beyond its connection: what is kept of it, and how it goes on with another connection.

Knows what a session is made of, but not where it is kept.
"""

from __future__ import annotations

from typing import Any

import anyio

from server.errors import FieldError
from server.realtime.answer import Answer
from server.realtime.answers import Answers
from server.realtime.config import ResponseConfig
from server.realtime.conversation import Conversation
from server.realtime.durable.form import UnreadableItemError, pack, unpack
from server.realtime.durable.keeping import Keeping
from server.realtime.durable.store import Claim, SessionStore, SessionStoreError, UnknownSessionError
from server.realtime.interruption import Interruption
from server.realtime.outbox import Outbox
from server.realtime.pictures import with_pictures
from server.realtime.shared import Shared
from server.realtime.shown import fields_of
from server.realtime.updates import updated

Json = dict[str, Any]


class Lasting:
    """Keeps one session. Implements `durable.keeping.Keepable`: what is to be kept is asked of it."""

    def __init__(self, shared: Shared, answers: Answers, outbox: Outbox, store: SessionStore, owner: str) -> None:
        """`owner` is the account that the session belongs to."""
        self._shared, self._answers, self._outbox = shared, answers, outbox
        self._store, self._owner = store, owner
        self._left: Interruption | None = None
        self._unended: Json | None = None
        """The response of whose end its client was not told: that came with the end of its server or network."""
        self._keeping: Keeping
        self._writing, self._written = anyio.CancelScope(), anyio.Event()

    def begin(self, session_id: str) -> None:
        """Keep a new session from now on."""
        self._keep(Keeping.begun(self._store, session_id, self._owner, self))

    async def resume(self, session_id: str, last_event_id: str | None) -> list[bytes] | None:
        """Become an earlier session: its config and its conversation. Cancelled, the session has to end.

        Returns the events after `last_event_id` as JSON, None if it is not known any more. What was kept of the
        session so far is forgotten.

        Raises:
            FieldError: it is not this account's, not kept any longer, or cannot be reached.
        """
        try:
            claim = await self._store.claim(session_id, self._owner)
            await self._become(claim)
        except (UnknownSessionError, SessionStoreError) as error:
            raise FieldError(error, "session_id") from error
        await self._stop_writing()
        await self._keeping.forget()
        self._keep(Keeping.resumed(self._store, claim, self))
        return [] if last_event_id is None else claim.since(last_event_id)

    def go_on(self) -> None:
        """Go on with the answer that was being given when the connection was lost.

        Raises:
            RequestError: it cannot be given now.
        """
        interruption, self._left = self._left, None
        if interruption is None:
            return
        if self._unended is not None:
            conversation = self._shared.conversation
            output = [conversation.get(item_id) for item_id in self._unended["output"] if item_id in conversation]
            self._answers.end(self._unended["id"], interruption.asked, output, self._unended["heard"])
        self._answers.resume(interruption)

    async def leave(self) -> None:
        """The connection is gone: the answer that is being given stops where it was heard, and the session waits.
        Cancelling does not cut it short."""
        self._left = self._answers.leave()
        self._keeping.state_changed()
        await self._stop_writing()
        await self._keeping.release()

    @property
    def config(self) -> Json:
        return fields_of(self._shared.config)

    @property
    def state(self) -> Json:
        conversation = self._shared.conversation
        return {
            "conversation": conversation.id,
            "forgotten": sorted(conversation.forgotten),
            "has_spoken": self._answers.has_spoken,
            "answering": self._answering(),
        }

    @property
    def order(self) -> list[str]:
        return [item.id for item in self._shared.conversation.items]

    def item(self, item_id: str) -> bytes:
        item, answer = self._shared.conversation.get(item_id), self._answers.current
        return pack(item if answer is None else answer.latest(item))

    def _answering(self) -> Json | None:
        """The answer that would have to go on; of one that runs, as far as it is heard by now."""
        left, current = self._left or self._answers.underway, self._answers.current
        if left is None:
            return None
        told = {"text": left.text, "heard": left.heard, "whole": left.whole, "item_id": left.item_id}
        return told | {"unended": None if current is None else self._unended_json(current)}

    def _unended_json(self, answer: Answer) -> Json:
        heard = answer.playback.heard(self._shared.clock.now())
        return {"id": answer.id, "output": [item.id for item in answer.kept], "heard": heard}

    def _keep(self, keeping: Keeping) -> None:
        self._keeping = keeping
        self._shared.notes, self._outbox.journal = keeping, keeping.sent
        self._writing, self._written = anyio.CancelScope(), anyio.Event()
        self._shared.group.start_soon(self._write, keeping, self._writing, self._written, name="keeping")

    async def _write(self, keeping: Keeping, scope: anyio.CancelScope, ended: anyio.Event) -> None:
        try:
            with scope:
                await keeping.run()
        finally:
            ended.set()

    async def _stop_writing(self) -> None:
        """One at a time may write."""
        self._writing.cancel()
        with anyio.CancelScope(shield=True):
            await self._written.wait()

    async def _become(self, claim: Claim) -> None:
        """Raises UnknownSessionError: another version of this server kept it, or it cannot be served any more."""
        shared, kept = self._shared, claim.kept
        try:
            items = [unpack(data) for _, data in kept.items]
        except UnreadableItemError as error:
            raise UnknownSessionError(claim.hold.session_id) from error
        attachments = shared.parts.attachments
        items = [await with_pictures(item, attachments, "item") for item in items]
        shared.config = updated(shared.config, kept.config, shared.facts)
        shared.conversation = Conversation(items, kept.state["conversation"], kept.state["forgotten"])
        self._answers.has_spoken = kept.state["has_spoken"]
        if (answering := kept.state["answering"]) is not None:
            self._unended = answering.pop("unended", None)
            self._left = self._interruption(**answering)

    def _interruption(self, text: str, heard: str, whole: bool, item_id: str | None) -> Interruption:
        asked, context = ResponseConfig(self._shared.config), self._shared.conversation.context
        before = [item for item in context if item.id != item_id]
        request = self._answers.request_for(asked, before)
        return Interruption(asked, text, heard, whole, request, item_id)
