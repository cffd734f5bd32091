"""The responses of one session: begun, paced, cut off, and what they leave in the conversation. One at a time writes to
it, others run beside. Knows no socket and no turn detection.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from math import inf
from typing import Any

from server.access.limits.ledger import Standing
from server.audio.speech import Manner, admitted
from server.closing import closing
from server.errors import RequestError, describe
from server.realtime.answer import Answer
from server.realtime.config import ResponseConfig
from server.realtime.early import EarlyStart
from server.realtime.hearing.ear import Ear
from server.realtime.interruption import Interruption
from server.realtime.items import Item
from server.realtime.line import Given, Line
from server.realtime.messages import messages, request_fields
from server.realtime.owed import Unended
from server.realtime.playback import LEAD, Playback
from server.realtime.reply import replying
from server.realtime.response import Ending
from server.realtime.room import room_for, tokens_of
from server.realtime.shared import Shared
from server.realtime.sources import Chunks, asked, saying
from server.realtime.written import Text
from tts.events import Sound

logger = logging.getLogger(__name__)

MAX_AT_ONCE = 8
"""Responses of a session, with those that do not write to the conversation."""

ROUTE = "/v1/realtime"

Request = dict[str, Any]


class Answers:
    """Gives answers in tasks of the session's group; cancelling that ends them without a word."""

    def __init__(self, shared: Shared, ear: Ear, early: EarlyStart) -> None:
        self._shared, self._ear, self._early = shared, ear, early
        self._line = Line(shared, ear)
        self._running: dict[str, Given] = {}
        self._last: Given | None = None
        """Wrote to the conversation last."""
        self.interrupted: Interruption | None = None
        """What may have given way to nothing, in a session that wants it to go on then."""
        self.left = False
        """Whether nobody listens any more: then nothing begins by itself."""

    @property
    def has_spoken(self) -> bool:
        """Whether sound was ever sent: then the voice stays."""
        return self._line.has_spoken

    @has_spoken.setter
    def has_spoken(self, spoken: bool) -> None:
        self._line.has_spoken = spoken

    @property
    def current(self) -> Answer | None:
        """The one that writes to the conversation."""
        running = self._last
        return None if running is None or running.answer.over else running.answer

    @property
    def running(self) -> Sequence[Answer]:
        """All that are not over."""
        return [given.answer for given in self._running.values() if not given.answer.over]

    @property
    def underway(self) -> Interruption | None:
        """What would have to go on if nobody listened from now on."""
        running = self._last
        if running is None or running.answer.over:
            return None
        heard = running.answer.playback.heard(self._shared.clock.now())
        return Interruption.of(running.answer, running.request, heard, running.said)

    def end(self, unended: Unended) -> None:
        """Tell of the end of a response that another connection was given."""
        conversation, given = self._shared.conversation, self._new(unended.asked, {})
        output = [conversation.get(item_id) for item_id in unended.output if item_id in conversation]
        given.answer.take_up(unended.response_id, output)
        given.answer.playback.sent(unended.sent, self._shared.clock.now())
        given.answer.end(Ending("client_cancelled"))
        self._line.cut(given.answer, unended.heard)
        self._line.silence(given)

    @property
    def heard(self) -> Sequence[Given]:
        """Those that are given, or still play, also while the client is yet to be told that they do not any more."""
        now = self._shared.clock.now()
        begun = (*self._running.values(), *self._line.waiting)
        return [*(given for given in begun if given.is_heard(now)), *self._line.playing]

    async def until_heard(self) -> None:
        """Return when nothing more is heard. Cancelling it changes nothing."""
        while heard := self.heard:
            await heard[0].ended.wait()
            await self._shared.clock.until(heard[0].answer.playback.ends(self._shared.clock.now()))

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

    def _new(self, asked_for: ResponseConfig, request: Request, said: str = "") -> Given:
        playback = Playback(inf if asked_for.config.extensions.pacing == "none" else LEAD)
        answer = Answer(asked_for, self._shared.conversation, self._shared.emit, playback)
        return Given(answer, request, said=said)

    def _begin(self, running: Given, source: Chunks) -> None:
        answer = running.answer
        self._early.stop()
        self._running[answer.id] = running
        if answer.asked.in_conversation:
            self._last, self.interrupted = running, None
            self._line.join(running)
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
        self._line.play_on(running)

    def interrupt(self) -> None:
        """The user speaks: fall silent at once. The conversation keeps what he has heard."""
        given_way = self._hush(Ending("turn_detected"), self._line.waiting)
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
        self.left = True
        left = self._hush(Ending("client_cancelled"), self._line.waiting) or self.interrupted
        self._hush(Ending("client_cancelled"), [*self._running.values(), *self._line.playing])
        return left

    def clear(self) -> None:
        """Send no more sound, and take it that what was sent is not played to its end."""
        begun = dict.fromkeys((*self._line.waiting, *self._running.values(), *self._line.playing))
        self._hush(Ending("client_cancelled"), [running for running in begun if running.aloud])

    def _hush(self, ending: Ending, line: Sequence[Given]) -> Interruption | None:
        """Silence all that is heard. Returns the newest answer to the conversation, if something is missing of it."""
        interruption, now = None, self._shared.clock.now()
        for running in [running for running in line if running.is_heard(now)]:
            answer = running.answer
            heard = answer.playback.heard(now)
            interruption = Interruption.of(answer, running.request, heard, running.said) or interruption
            self._stop(running, ending, heard)
            self._line.silence(running)
        return interruption

    def _stop(self, running: Given, ending: Ending, heard: int) -> None:
        """End an answer, of which so many samples are heard."""
        running.scope.cancel()
        answer = running.answer
        if ending.reason == "turn_detected" and not answer.over:
            running.interrupted_at = self._shared.clock.now()
        answer.end(ending)
        self._running.pop(answer.id, None)
        running.ended.set()
        self._line.cut(answer, heard)

    async def _give(self, running: Given, source: Chunks) -> None:
        answer, shared = running.answer, self._shared
        try:
            with running.scope, shared.parts.tracer.span("answer"):
                await self._tell(running, source)
            if running.interrupted_at is not None:
                shared.parts.metrics.barge_in.observe(shared.clock.now() - running.interrupted_at)
        except Exception as error:
            if describe(error).status >= 500:
                logger.error("The response %s failed", answer.id, exc_info=error)
            answer.end(Ending(error=error))
            self._settle(running)
        finally:
            shared.parts.metrics.responses.labels(answer.status).inc()
        running.ended.set()
        filler = answer.asked.config.extensions.tool_filler
        if filler and answer.only_calls and running.aloud and running is self._last and not self.left:
            self._fill(answer.asked, filler)

    async def _tell(self, running: Given, source: Chunks) -> None:
        answer, shared = running.answer, self._shared
        begun, metrics = shared.clock.now(), shared.parts.metrics
        async with AsyncExitStack() as stack:
            chunks = await stack.enter_async_context(closing(source))
            await self._wait_for_others(running)
            standing = await shared.allowance.request()
            shared.emit("rate_limits.updated", rate_limits=_rate_limits(standing))
            narrator = None
            if answer.asked.config.modality == "audio":
                config = answer.asked.config
                manner = Manner(voice=config.voice or "default", response_format="pcm", speed=config.speed)
                narrator = await stack.enter_async_context(admitted(shared.parts, manner, shared.allowance))
            events = await stack.enter_async_context(replying(chunks, narrator, shared.clock, answer.playback))
            async for event in events:
                if isinstance(event, Text) and not answer.text:
                    metrics.first_event.labels(ROUTE).observe(shared.clock.now() - begun)
                if isinstance(event, Sound):
                    if answer.playback.samples_sent == len(event.pcm) // 2:
                        metrics.first_sound.labels(ROUTE).observe(shared.clock.now() - begun)
                    await self._line.sends(running, event.pcm)
                answer.take(event, shared.clock.now())
                if answer.over:  # in the same moment as the client is told: it may ask on at once
                    self._settle(running)
                elif running is self._last:
                    shared.notes.answer_goes_on(item.id for item in answer.kept)

    async def _wait_for_others(self, running: Given) -> None:
        """What is said meanwhile is said to its end; the engine may read on."""
        if not self._line.is_free_for(running):
            self._early.prefill(running.request)
            await self._line.turn_of(running)
            self._early.stop()
        self._line.begins(running)

    def _settle(self, running: Given) -> None:
        """It has ended by itself."""
        answer = running.answer
        if self._running.pop(answer.id, None) is not None:
            self._line.cut(answer, answer.playback.samples_sent)
            self._line.play_on(running)

    def _fill(self, like: ResponseConfig, filler: str) -> None:
        """Say something while the client runs a tool."""
        running = self._new(replace(like, in_conversation=False, metadata=None), {})
        self._begin(running, saying(filler))
        self._line.join(running)
        self._ear.playback_began()

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
