"""The session: a client's events in, the server's out through `emit`. Knows neither socket nor JSON.

It keeps the parts together: what the user says, the conversation, the answers. Events are handled one after another;
whatever is slow runs in tasks of the session's group.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import soxr

from engine.api import SAMPLE_RATE
from server.errors import RequestError
from server.realtime.answers import Answers
from server.realtime.config import ResponseConfig
from server.realtime.conversation import Cut
from server.realtime.durable.store import SessionStore
from server.realtime.early import EarlyStart
from server.realtime.events import (
    ClientEvent,
    InputAudioAppend,
    InputAudioClear,
    InputAudioCommit,
    InputVideoAppend,
    InputVideoClear,
    ItemCreate,
    ItemDelete,
    ItemRetrieve,
    ItemTruncate,
    OutputAudioClear,
    ResponseCancel,
    ResponseCreate,
    SessionResume,
    SessionUpdate,
)
from server.realtime.frames import Frames
from server.realtime.given import item_of
from server.realtime.hearing.ear import Ear
from server.realtime.hearing.formats import Incoming, Outgoing, Samples
from server.realtime.hearing.vad import Vad
from server.realtime.ids import new_id
from server.realtime.item_json import item_json
from server.realtime.items import Item
from server.realtime.lasting import Lasting
from server.realtime.line import tell_cut
from server.realtime.outbox import Outbox
from server.realtime.pictures import picture, with_pictures
from server.realtime.shared import Shared
from server.realtime.shown import as_json
from server.realtime.updates import for_response, updated
from server.realtime.user_turns import UserTurns
from server.realtime.written_down import WrittenDown
from tts.voice import WIRE_RATE

LONGEST_SECONDS = 3600
"""Of a session, as OpenAI has it."""


class Session:
    """One session while it has a connection."""

    def __init__(
        self, shared: Shared, vad: Vad, outbox: Outbox, store: SessionStore, owner: str, session_id: str | None = None
    ) -> None:
        """`store` keeps the session for the account `owner`."""
        self.id, self._shared, self._outbox = session_id or new_id("sess"), shared, outbox
        self._expires_at = int(time.time()) + LONGEST_SECONDS
        config = shared.config
        self._early = EarlyStart(shared.parts.engine, shared.group)
        self._ear = Ear(vad, config.input_format, config.turn_detection)
        self._answers = Answers(shared, self._ear, self._early)
        self._frames = Frames(shared.parts.engine.fits.get("video"))
        written = WrittenDown(shared)
        self._turns = UserTurns(shared, self._ear, self._answers, self._early, self._frames, written)
        self._lasting = Lasting(shared, self._answers, outbox, store, owner)
        self._fresh = True
        """Nothing but its config was ever said of it."""

    def begin(self) -> None:
        """Tell the client that there is a session."""
        shared = self._shared
        self._lasting.begin(self.id)
        shared.emit("session.created", session=self._json())
        shared.emit(
            "conversation.created", conversation={"id": shared.conversation.id, "object": "realtime.conversation"}
        )

    async def handle(self, event: ClientEvent) -> None:
        """Do what a client asks. Cancelling it leaves the event half done: the session has to end.

        Raises:
            RequestError, FieldError, MediaError: it is refused, and nothing has changed.
        """
        self._fresh = self._fresh and isinstance(event, SessionUpdate | SessionResume)
        match event:
            case SessionUpdate():
                self._update(event.session)
            case SessionResume():
                await self._resume(event)
            case InputAudioAppend():
                self._check_hears()
                await self._turns.append(event.audio)
            case InputAudioCommit():
                self._turns.commit()
            case InputAudioClear():
                self._turns.clear()
            case OutputAudioClear():
                self._answers.clear()
            case InputVideoAppend():
                await self._show(event.image_url)
            case InputVideoClear():
                self._frames.clear()
            case ItemCreate():
                await self._create(event)
            case ItemRetrieve():
                item = self._shared.conversation.get(event.item_id)
                self._shared.emit("conversation.item.retrieved", item=item_json(item, self._encoded))
            case ItemDelete():
                self._delete(event.item_id)
            case ItemTruncate():
                self._truncate(event)
            case ResponseCreate():
                await self._respond(event.response)
            case ResponseCancel():
                self._answers.cancel(event.response_id)

    async def quiet(self) -> None:
        """Return when no turn of the user's is on its way, and no answer is given or still heard. Cancelling it changes
        nothing."""
        while self._turns.underway or self._answers.heard:
            await self._turns.until_over()
            await self._answers.until_heard()

    async def leave(self) -> None:
        """The connection is gone; the session may go on with another. Cancelling does not cut it short."""
        await self._lasting.leave()

    async def _resume(self, event: SessionResume) -> None:
        if not self._fresh or event.session_id == self.id:
            message = "Another session is resumed, before anything else is said."
            raise RequestError(message, code="session_already_begun")
        missed = await self._lasting.resume(event.session_id, event.last_event_id)
        self.id, self._fresh = event.session_id, False
        shared = self._shared
        shared.parts.metrics.resumed.inc()
        self._ear.take_format(shared.config.input_format)
        self._ear.take_turns(shared.config.turn_detection)
        shared.emit("session.resumed", session=self._json(), missed=None if missed is None else len(missed))
        for data in missed or ():
            self._outbox.put(data)
        self._lasting.go_on()

    def _update(self, given: dict[str, Any]) -> None:
        shared = self._shared
        responding = self._answers.current is not None
        config = updated(shared.config, given, shared.facts, has_spoken=self._answers.has_spoken, responding=responding)
        shared.config = config
        self._ear.take_format(config.input_format)
        self._ear.take_turns(config.turn_detection)
        shared.emit("session.updated", session=self._json())
        shared.notes.config_changed()

    async def _show(self, url: str) -> None:
        if not self._shared.facts.watches:
            raise RequestError("image_url: this model takes no videos.", param="image_url", code="unsupported_modality")
        await self._frames.append(url, await picture(url, self._shared.parts.attachments, "image_url"))

    async def _create(self, event: ItemCreate) -> None:
        shared = self._shared
        item = await self._item(event.item, "item")
        before = shared.conversation.insert(item, event.previous_item_id)
        told = item_json(item)
        shared.emit("conversation.item.added", item=told, previous_item_id=before)
        shared.emit("conversation.item.done", item=told, previous_item_id=before)
        shared.notes.item_changed(item.id)

    async def _item(self, given: dict[str, Any], where: str) -> Item:
        item = item_of(given, self._shared.facts, self._decoded, where)
        return await with_pictures(item, self._shared.parts.attachments, where)

    def _delete(self, item_id: str) -> None:
        self._shared.conversation.delete(item_id)
        self._shared.emit("conversation.item.deleted", item_id=item_id)
        self._shared.notes.order_changed()

    def _truncate(self, event: ItemTruncate) -> None:
        shared, cut = self._shared, Cut(event.item_id, event.content_index, event.audio_end_ms, event.event_id)
        if shared.conversation.truncate(cut):
            tell_cut(shared, cut)
        else:
            shared.notes.state_changed()

    async def _respond(self, given: dict[str, Any]) -> None:
        shared = self._shared
        asked = for_response(shared.config, given, shared.facts, has_spoken=self._answers.has_spoken)
        if asked.in_conversation:
            self._answers.check_free()
        items = None if asked.input is None else await self._input(asked)
        self._answers.begin(asked, items)

    async def _input(self, asked: ResponseConfig) -> list[Item]:
        """What a response answers in place of the conversation."""
        items: list[Item] = []
        for place, given in enumerate(asked.input or ()):
            where = f"response.input[{place}]"
            if given.get("type") == "item_reference":
                items.append(self._shared.conversation.get(given["id"], f"{where}.id"))
            else:
                items.append(await self._item(given, where))
        return items

    def _check_hears(self) -> None:
        if not self._shared.facts.hears:
            message = "This model does not hear: it takes no sound."
            raise RequestError(message, param="audio", code="unsupported_modality")

    def _decoded(self, data: bytes) -> Samples:
        incoming = Incoming(self._shared.config.input_format)
        return np.concatenate((incoming.feed(data), incoming.flush()))

    def _encoded(self, samples: Samples) -> bytes:
        outgoing = Outgoing(self._shared.config.input_format)
        pcm = soxr.resample(samples, SAMPLE_RATE, WIRE_RATE).astype("<i2").tobytes()
        return outgoing.feed(pcm) + outgoing.flush()

    def _json(self) -> dict[str, Any]:
        return as_json(self._shared.config, self.id, self._expires_at)
