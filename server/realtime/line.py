"""What the listener hears of a session's answers: one after the other until he is told to stop, and what of it the
conversation keeps. Begins and ends no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from engine.api import SAMPLE_RATE
from server.errors import RequestError
from server.realtime.answer import Answer
from server.realtime.conversation import Cut
from server.realtime.hearing.ear import Ear
from server.realtime.outbox import emit_error
from server.realtime.shared import Shared
from tts.voice import WIRE_RATE


@dataclass(slots=True, eq=False)
class Given:
    """An answer on its way."""

    answer: Answer
    request: dict[str, Any]
    """The chat completion that it comes from."""
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)
    said: str = ""
    """What was heard of the same answer before it was cut off."""
    interrupted_at: float | None = None
    """When the user was heard speaking while it was being made."""
    silenced: bool = False
    """Whether the client was told to play no more of it."""

    @property
    def aloud(self) -> bool:
        return self.answer.asked.config.modality == "audio"

    def is_heard(self, now: float) -> bool:
        """Whether it is being given, or what was sent of it still plays."""
        return not self.silenced and (not self.answer.over or self.answer.playback.ends(now) > now)


def tell_cut(shared: Shared, cut: Cut) -> None:
    """Tell the client that the conversation keeps so much of an answer."""
    told = {"item_id": cut.item_id, "content_index": cut.content_index, "audio_end_ms": cut.audio_end_ms}
    shared.emit("conversation.item.truncated", **told)
    shared.notes.item_changed(cut.item_id)


class Line:
    """One listener."""

    def __init__(self, shared: Shared, ear: Ear) -> None:
        self._shared, self._ear = shared, ear
        self._waiting: list[Given] = []
        self._playing: list[Given] = []
        self.has_spoken = False
        """Whether sound was ever sent."""

    @property
    def waiting(self) -> Sequence[Given]:
        """Those that are heard one after the other, oldest first; the first ones may have been heard."""
        return tuple(self._waiting)

    @property
    def playing(self) -> Sequence[Given]:
        """All that have ended and are still heard, also those beside the conversation."""
        return tuple(self._playing)

    def join(self, given: Given) -> None:
        """It is heard after all others."""
        now = self._shared.clock.now()
        self._waiting = [*(other for other in self._waiting if other.is_heard(now)), given]

    def is_free_for(self, given: Given) -> bool:
        """Whether all before it have ended, or it is one that nobody waits for."""
        return all(other.ended.is_set() for other in self._before(given))

    async def turn_of(self, given: Given) -> None:
        """Wait until those before it have ended. Cancelling it changes nothing."""
        for other in self._before(given):
            await other.ended.wait()

    def begins(self, given: Given) -> None:
        """It is its turn: it is heard once what was sent before is heard."""
        now = self._shared.clock.now()
        given.answer.playback.begins_at(max((it.answer.playback.ends(now) for it in self._before(given)), default=now))

    def _before(self, given: Given) -> Sequence[Given]:
        return self._waiting[: self._waiting.index(given)] if given in self._waiting else ()

    async def sends(self, given: Given, pcm: bytes) -> None:
        """Sound is about to be sent, which `playback` counts already. Returns when the client has room for it."""
        await self._shared.room()
        playback, now = given.answer.playback, self._shared.clock.now()
        self.has_spoken = True
        ahead = playback.ends(now) - now - len(pcm) / (2 * WIRE_RATE)
        self._ear.played(self._position(ahead), pcm)

    def silence(self, given: Given) -> None:
        """It has ended, and what was sent of it is to be played no more."""
        given.silenced = True
        if given.answer.playback.samples_sent:
            self._shared.emit("output_audio_buffer.cleared", response_id=given.answer.id)
        self._silent_after(0.0)

    def play_on(self, given: Given) -> None:
        """It has ended; what was sent of it is still played."""
        answer, now = given.answer, self._shared.clock.now()
        ends = answer.playback.ends(now)
        if self._waiting[-1:] == [given]:
            self._silent_after(ends - now)
        if answer.playback.samples_sent:
            self._playing.append(given)
            self._shared.group.start_soon(self._play_out, given, ends, name="playback")

    async def _play_out(self, given: Given, ends: float) -> None:
        await self._shared.clock.until(ends)
        self._playing.remove(given)
        if not given.silenced:
            self._shared.emit("output_audio_buffer.stopped", response_id=given.answer.id)

    def cut(self, answer: Answer, heard: int) -> None:
        """Keep what was heard: so many samples, unless the client has said otherwise meanwhile."""
        message, shared = answer.message, self._shared
        shared.notes.state_changed()
        for item in answer.kept:
            shared.notes.item_changed(item.id)
        if message is None or not answer.asked.in_conversation:
            return
        deferred = shared.conversation.deferred(message.id)
        if (cut := answer.cut_at(heard)) is not None:
            tell_cut(shared, cut)
        if deferred is not None:
            try:
                shared.conversation.truncate(deferred)
            except RequestError as error:
                emit_error(shared.emit, error, deferred.event_id)
            else:
                tell_cut(shared, deferred)

    def _silent_after(self, seconds: float) -> None:
        self._ear.playback_ended(self._position(seconds))

    def _position(self, ahead: float) -> int:
        """Of the microphone, so many seconds from now."""
        return self._ear.buffer.end + round(ahead * SAMPLE_RATE)
