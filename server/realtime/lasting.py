"""A session's life beyond its connection: what is kept of it, and how it goes on with another connection.

Knows what a session is made of, but not where it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import anyio

from server.errors import FieldError
from server.realtime.answers import Answers
from server.realtime.config import ResponseConfig
from server.realtime.conversation import Conversation, Cut
from server.realtime.durable.form import UnreadableItemError, pack, unpack
from server.realtime.durable.keeping import Keeping
from server.realtime.durable.store import Claim, SessionStore, SessionStoreError, UnknownSessionError
from server.realtime.interruption import Interruption
from server.realtime.items import SAMPLES_PER_MS, Message, Spoken
from server.realtime.line import tell_cut
from server.realtime.outbox import Outbox
from server.realtime.owed import Unended, asked_json, asked_of, unended, unended_json
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
        self._unended: list[Unended] = []
        self._cut: Cut | None = None
        """How much of the last answer its client received, if that is less than it was taken to have heard."""
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
        missed = [] if last_event_id is None else claim.since(last_event_id)
        if last_event_id is not None and missed is not None:
            self._bound(claim.received(last_event_id))
        return missed

    def go_on(self) -> None:
        """Tell of the ends of the responses that ran when the connection was lost, and go on with what was being said.

        Raises:
            RequestError: it cannot be given now.
        """
        shared, left, cut = self._shared, self._left, self._cut
        for one in self._unended:
            self._answers.end(one)
        self._left, self._unended, self._cut = None, [], None
        if cut is not None and shared.conversation.truncate(cut):
            tell_cut(shared, cut)
        if left is not None:
            self._answers.resume(left)

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
        shared, conversation = self._shared, self._shared.conversation
        return {
            "conversation": conversation.id,
            "forgotten": sorted(conversation.forgotten),
            "cuts": [asdict(cut) for cut in conversation.cuts],
            "has_spoken": self._answers.has_spoken,
            **self._answering(),
            "unended": [unended_json(answer, shared.config, shared.clock.now()) for answer in self._answers.running],
        }

    @property
    def order(self) -> list[str]:
        return [item.id for item in self._shared.conversation.items]

    def item(self, item_id: str) -> bytes:
        item, answer = self._shared.conversation.get(item_id), self._answers.current
        return pack(item if answer is None else answer.latest(item))

    def _answering(self) -> Json:
        """The answer that would have to go on; of one that runs, as far as it is heard by now."""
        left = self._left or self._answers.underway
        if left is None:
            return {"answering": None, "asked": None}
        told = {"text": left.text, "heard": left.heard, "whole": left.whole, "item_id": left.item_id}
        return {"answering": told, "asked": asked_json(left.asked, self._shared.config)}

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
        state, facts = kept.state, shared.facts
        config = updated(shared.config, kept.config, facts)
        # From here on nothing fails.
        shared.config = config
        cuts = [Cut(**cut) for cut in state.get("cuts", ())]
        shared.conversation = Conversation(items, state["conversation"], state["forgotten"], cuts)
        self._answers.has_spoken = state["has_spoken"]
        self._unended = [unended(told, config, facts) for told in state.get("unended", ())]
        if (told := state["answering"]) is not None:
            asked = asked_of(state.get("asked"), config, facts)
            self._left = self._interruption(asked, told["text"], told["heard"], told["whole"], told["item_id"])

    def _bound(self, received: Mapping[str, int]) -> None:
        """Nothing is heard of what was not received: so the last answer has to go on from there, unless somebody ended
        it. `received`: samples by item, of items of which more was sent."""
        conversation, left = self._shared.conversation, self._left
        item_id = conversation.last if left is None else left.item_id
        if item_id is None or item_id not in received or item_id not in conversation:
            return
        item = conversation.get(item_id)
        part = item.content[0] if isinstance(item, Message) and item.content else None
        if not isinstance(part, Spoken) or any(cut.item_id == item_id for cut in conversation.cuts):
            return  # of the latter the client has said how much was heard
        samples = min(part.samples, received[item_id])
        heard, words = part.timeline.heard(samples), part.transcript
        if left is None:
            if item.status != "completed" or not part.whole:
                return
            left = self._interruption(ResponseConfig(self._shared.config), words, words, whole=True, item_id=item_id)
        if len(heard) < len(left.heard) and (left := replace(left, heard=heard)).rest.strip():
            self._left, self._cut = left, Cut(item_id, 0, samples // SAMPLES_PER_MS)

    def _interruption(
        self, asked: ResponseConfig, text: str, heard: str, whole: bool, item_id: str | None
    ) -> Interruption:
        before = [item for item in self._shared.conversation.context if item.id != item_id]
        return Interruption(asked, text, heard, whole, self._answers.request_for(asked, before), item_id)
