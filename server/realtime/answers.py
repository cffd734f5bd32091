"""The responses of one session: begun, paced, cut off, and what they leave in the conversation. One at a time writes to
it, others run beside. Knows no socket and no turn detection.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import anyio

from engine.api import SAMPLE_RATE
from server.access.limits.ledger import Standing
from server.audio.speech import Manner, admitted
from server.closing import closing
from server.errors import RequestError, describe
from server.realtime.answer import Answer
from server.realtime.config import ResponseConfig
from server.realtime.conversation import Cut
from server.realtime.early import EarlyStart
from server.realtime.hearing.ear import Ear
from server.realtime.interruption import Interruption
from server.realtime.items import Item
from server.realtime.messages import messages, request_fields
from server.realtime.outbox import emit_error
from server.realtime.playback import LEAD, Playback
from server.realtime.reply import replying
from server.realtime.response import Ending
from server.realtime.room import room_for, tokens_of
from server.realtime.shared import Shared
from server.realtime.sources import Chunks, asked, saying
from tts.events import Sound
from tts.voice import WIRE_RATE

logger = logging.getLogger(__name__)

MAX_AT_ONCE = 8
"""Responses of a session, with those that do not write to the conversation."""

Request = dict[str, Any]


@dataclass(slots=True, eq=False)
class _Running:
    answer: Answer
    request: Request
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)
    said: str = ""
    """What was heard of the same answer before it was cut off."""
    silenced: bool = False
    """Whether the client was told to play no more of it."""

    @property
    def aloud(self) -> bool:
        return self.answer.asked.config.modality == "audio"

    def is_heard(self, now: float) -> bool:
        """Whether it is being given, or what was sent of it still plays."""
        return not self.silenced and (not self.answer.over or self.answer.playback.ends(now) > now)


class Answers:
    """Gives answers in tasks of the session's group; cancelling that ends them without a word."""

    def __init__(self, shared: Shared, ear: Ear, early: EarlyStart) -> None:
        self._shared, self._ear, self._early = shared, ear, early
        self._running: dict[str, _Running] = {}
        self._last: _Running | None = None
        """Wrote to the conversation last; may still be heard."""
        self._line: list[_Running] = []
        """Those that are heard one after the other, oldest first."""
        self.interrupted: Interruption | None = None
        """What may have given way to nothing, in a session that wants it to go on then."""
        self.has_spoken = False
        """Whether sound was ever sent: then the voice stays."""

    @property
    def current(self) -> Answer | None:
        """The one that writes to the conversation."""
        running = self._last
        return None if running is None or running.answer.over else running.answer

    def check_free(self) -> None:
        """Raises RequestError: an answer to the conversation is being given."""
        if self.current is not None:
            message = f"The response {self.current.id} is being given: cancel it, or wait until it is done."
            raise RequestError(message, code="conversation_already_has_active_response")

    def request_for(self, asked: ResponseConfig, items: Sequence[Item]) -> Request:
        """The chat completion that answers `items`, whose pictures are decoded."""
        config = asked.config
        told = {"model": self._shared.facts.served(config.model, "model")}
        return told | {"messages": messages(config.instructions, items)} | request_fields(config)

    def begin(self, asked_for: ResponseConfig, items: Sequence[Item] | None = None) -> None:
        """Begin to answer `items`, or the conversation.

        Raises:
            RequestError: there is an answer to the conversation already, or there are too many.
        """
        self._check_room(asked_for)
        request = self.request_for(asked_for, self._fitting(asked_for) if items is None else items)
        self._begin(self._new(asked_for, request), asked(self._shared.parts.engine, request))

    def _check_room(self, asked_for: ResponseConfig) -> None:
        if asked_for.in_conversation:
            self.check_free()
        if len(self._running) >= MAX_AT_ONCE:
            raise RequestError(f"{MAX_AT_ONCE} responses are being given.", code="too_many_responses")

    def _new(self, asked_for: ResponseConfig, request: Request, said: str = "") -> _Running:
        playback = Playback(inf if asked_for.config.extensions.pacing == "none" else LEAD)
        answer = Answer(asked_for, self._shared.conversation, self._shared.emit, playback)
        return _Running(answer, request, said=said)

    def _begin(self, running: _Running, source: Chunks) -> None:
        answer, now = running.answer, self._shared.clock.now()
        self._early.stop()
        self._running[answer.id] = running
        self._line = [other for other in self._line if other.is_heard(now)]
        if answer.asked.in_conversation:
            self._last, self.interrupted = running, None
            self._line.append(running)
            self._ear.playback_began()
        answer.begin()
        self._shared.notes.state_changed()
        self._shared.group.start_soon(self._give, running, source, name=answer.id)

    def cancel(self, response_id: str | None) -> None:
        """Stop an answer, None: that to the conversation. What was sent of it is heard.

        Raises:
            RequestError: no such answer is being given.
        """
        running = self._last if response_id is None else self._running.get(response_id)
        if running is None or running.answer.over:
            message = "No response is being given." if response_id is None else "No such response is being given."
            raise RequestError(message, param=response_id and "response_id", code="response_cancel_not_active")
        self._stop(running, Ending("client_cancelled"), running.answer.playback.samples_sent)
        self._play_on(running)

    def interrupt(self) -> None:
        """The user speaks: fall silent at once. The conversation keeps what he has heard."""
        given_way = self._hush(Ending("turn_detected"), self._line)
        if given_way is not None and given_way.asked.config.extensions.resume_interrupted:
            self.interrupted = given_way

    def resume(self, interruption: Interruption) -> None:
        """Go on with an answer that was cut off.

        Raises:
            RequestError: another one is being given.
        """
        self._check_room(interruption.asked)
        running = self._new(interruption.asked, interruption.request, interruption.said_and_heard)
        self._begin(running, interruption.source(self._shared.parts.engine))

    def leave(self) -> Interruption | None:
        """Nobody listens any more. Returns the answer that was being given, as far as it was heard."""
        left = self._hush(Ending("client_cancelled"), self._line) or self.interrupted
        self._hush(Ending("client_cancelled"), list(self._running.values()))
        return left

    def clear(self) -> None:
        """Send no more sound, and take it that what was sent is not played to its end."""
        self._hush(Ending("client_cancelled"), [running for running in self._line if running.aloud])

    def _hush(self, ending: Ending, line: Sequence[_Running]) -> Interruption | None:
        """Silence all that is heard. Returns the newest answer to the conversation, if something is missing of it."""
        interruption, now = None, self._shared.clock.now()
        for running in [running for running in line if running.is_heard(now)]:
            answer = running.answer
            heard = answer.playback.heard(now)
            interruption = Interruption.of(answer, running.request, heard, running.said) or interruption
            running.silenced = True
            self._stop(running, ending, heard)
            if answer.playback.samples_sent:
                self._shared.emit("output_audio_buffer.cleared", response_id=answer.id)
            self._silent_after(0.0)
        return interruption

    def _stop(self, running: _Running, ending: Ending, heard: int) -> None:
        """End an answer, of which so many samples are heard."""
        running.scope.cancel()
        answer = running.answer
        answer.end(ending)
        self._running.pop(answer.id, None)
        running.ended.set()
        self._cut(answer, heard)

    async def _give(self, running: _Running, source: Chunks) -> None:
        answer = running.answer
        try:
            with running.scope:
                await self._tell(running, source)
        except Exception as error:
            if describe(error).status >= 500:
                logger.error("The response %s failed", answer.id, exc_info=error)
            answer.end(Ending(error=error))
        if self._running.pop(answer.id, None) is not None:
            self._ended(running)

    async def _tell(self, running: _Running, source: Chunks) -> None:
        answer, shared = running.answer, self._shared
        async with AsyncExitStack() as stack:
            chunks = await stack.enter_async_context(closing(source))
            await self._after_others(running)
            standing = await shared.allowance.request()
            shared.emit("rate_limits.updated", rate_limits=_rate_limits(standing))
            narrator = None
            if answer.asked.config.modality == "audio":
                config = answer.asked.config
                manner = Manner(voice=config.voice or "default", response_format="pcm", speed=config.speed)
                narrator = await stack.enter_async_context(admitted(shared.parts, manner, shared.allowance))
            events = await stack.enter_async_context(replying(chunks, narrator, shared.clock, answer.playback))
            async for event in events:
                if isinstance(event, Sound):
                    await self._before_sound(running, event.pcm)
                answer.take(event, shared.clock.now())

    async def _after_others(self, running: _Running) -> None:
        """What is said meanwhile is said to its end, and heard before this."""
        if running not in self._line:
            return
        before = self._line[: self._line.index(running)]
        for other in before:
            if not other.ended.is_set():
                self._early.prefill(running.request)
                await other.ended.wait()
                self._early.stop()
        now = self._shared.clock.now()
        running.answer.playback.begins_at(max((other.answer.playback.ends(now) for other in before), default=now))

    async def _before_sound(self, running: _Running, pcm: bytes) -> None:
        await self._shared.room()
        playback, now = running.answer.playback, self._shared.clock.now()
        self.has_spoken = True
        ahead = playback.ends(now) - now - len(pcm) / (2 * WIRE_RATE)
        self._ear.played(self._position(ahead), pcm)

    def _silent_after(self, seconds: float) -> None:
        self._ear.playback_ended(self._position(seconds))

    def _position(self, ahead: float) -> int:
        """Of the microphone, so many seconds from now."""
        return self._ear.buffer.end + round(ahead * SAMPLE_RATE)

    def _ended(self, running: _Running) -> None:
        """It has ended by itself."""
        answer = running.answer
        running.ended.set()
        self._cut(answer, answer.playback.samples_sent)
        self._play_on(running)
        filler = answer.asked.config.extensions.tool_filler
        if filler and answer.only_calls and running.aloud and answer.asked.in_conversation:
            self._fill(answer.asked, filler)

    def _fill(self, like: ResponseConfig, filler: str) -> None:
        """Say something while the client runs a tool."""
        running = self._new(replace(like, in_conversation=False, metadata=None), {})
        self._begin(running, saying(filler))
        self._line.append(running)

    def _play_on(self, running: _Running) -> None:
        """It has ended; what was sent of it is still played."""
        answer, now = running.answer, self._shared.clock.now()
        ends = answer.playback.ends(now)
        if answer.asked.in_conversation:
            self._silent_after(ends - now)
        if answer.playback.samples_sent:
            self._shared.group.start_soon(self._play_out, running, ends, name="playback")

    async def _play_out(self, running: _Running, ends: float) -> None:
        await self._shared.clock.until(ends)
        if not running.silenced:
            self._shared.emit("output_audio_buffer.stopped", response_id=running.answer.id)

    def _cut(self, answer: Answer, heard: int) -> None:
        """Keep what was heard: so many samples, unless the client has said otherwise meanwhile."""
        message, shared = answer.message, self._shared
        shared.notes.state_changed()
        for item in answer.kept:
            shared.notes.item_changed(item.id)
        if message is None or not answer.asked.in_conversation:
            return
        deferred = shared.conversation.deferred(message.id)
        if (cut := answer.cut_at(heard)) is not None:
            self._tell_cut(cut)
        if deferred is not None:
            try:
                shared.conversation.truncate(deferred)
            except RequestError as error:
                emit_error(shared.emit, error, deferred.event_id)
            else:
                self._tell_cut(deferred)

    def _tell_cut(self, cut: Cut) -> None:
        told = {"item_id": cut.item_id, "content_index": cut.content_index, "audio_end_ms": cut.audio_end_ms}
        self._shared.emit("conversation.item.truncated", **told)
        self._shared.notes.item_changed(cut.item_id)

    def _fitting(self, asked_for: ResponseConfig) -> Sequence[Item]:
        """The conversation, of which so much is forgotten that an answer fits."""
        conversation, config = self._shared.conversation, asked_for.config
        if (most := self._shared.facts.max_tokens) is not None:
            limit = room_for(most, config.instructions, config.max_output_tokens)
            if conversation.fit(config.truncation, limit, tokens_of):
                self._shared.notes.state_changed()
        return conversation.context


def _rate_limits(standing: Standing | None) -> list[dict[str, Any]]:
    """In the SDK's form; a key without a limit has none."""
    if standing is None:
        return []
    told = {"limit": int(standing.limit), "remaining": int(standing.remaining), "reset_seconds": standing.full_in}
    return [{"name": "requests"} | told]
