"""The user's turns: sound in, items out, and what follows from them: replies that give way, and replies that begin.

Knows the answers by what they do, not how.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import anyio

from engine.api import CHUNK_SECONDS, SAMPLE_RATE, EngineError
from server.errors import RequestError
from server.realtime.answers import Answers
from server.realtime.config import ResponseConfig
from server.realtime.early import EarlyStart
from server.realtime.frames import Frames
from server.realtime.hearing.ear import Ear
from server.realtime.hearing.endings import probability_of_end
from server.realtime.hearing.input_buffer import BufferFullError, milliseconds
from server.realtime.ids import new_id
from server.realtime.item_json import item_json
from server.realtime.items import Heard, Message
from server.realtime.outbox import emit_error
from server.realtime.shared import Shared
from server.realtime.turn_config import SemanticVad
from server.realtime.turn_sound import Samples, spoken_part
from server.realtime.turns import IdleTimeout, Paused, Resumed, Started, Stopped, TurnEvent
from server.realtime.written_down import WrittenDown
from tts.wake import Wake

logger = logging.getLogger(__name__)

_LEAST = 1600
"""Samples of a turn that a client ends: OpenAI's 100 ms."""


_CHUNK = CHUNK_SECONDS * SAMPLE_RATE


@dataclass(slots=True, eq=False)
class _Turn:
    """Somebody is speaking."""

    item_id: str
    start: int
    chunks: int = 0
    """Full ones that the engine has been given."""


class UserTurns:
    """Hears one session's user."""

    def __init__(
        self, shared: Shared, ear: Ear, answers: Answers, early: EarlyStart, frames: Frames, written: WrittenDown
    ) -> None:
        self._shared, self._ear, self._answers = shared, ear, answers
        self._early, self._frames, self._written = early, frames, written
        self._turn: _Turn | None = None
        self._judging = anyio.CancelScope()
        self._weighing, self._weighed = 0, anyio.Lock()
        """Turns of which it is not known yet whether they were any, and whose turn it is to be known."""
        self._news = Wake()

    @property
    def underway(self) -> bool:
        """Whether the user is saying something, or has said what nobody has judged yet."""
        buffer, detection = self._ear.buffer, self._shared.config.turn_detection
        held = detection is None and buffer.end > buffer.start
        return held or self._turn is not None or self._weighing > 0

    async def until_over(self) -> None:
        """Return when nothing is underway. Cancelling it changes nothing."""
        while self.underway:
            await self._news.wait()

    async def append(self, data: bytes) -> None:
        """Take sound. Cancelling it loses what was not heard yet.

        Raises:
            RequestError: more is buffered than the model can hear.
        """
        try:
            await self._ear.hear(data, self._take)
            self._hear_chunks()
        except BufferFullError as error:
            raise RequestError(str(error), param="audio", code="input_audio_buffer_full") from error

    def commit(self) -> None:
        """The client ends the turn.

        Raises:
            RequestError: there is not enough sound, or no room for it.
        """
        self._ear.catch_up()
        size = self._ear.buffer.end - self._ear.buffer.start
        if size < _LEAST:
            message = f"The buffer holds {milliseconds(size)} ms of sound; a turn has at least 100 ms."
            raise RequestError(message, code="input_audio_buffer_commit_empty")
        turn, self._turn = self._turn, None
        self._news.up()  # also if there is no room; who waits looks once this is done
        self._judging.cancel()
        self._answers.interrupted = None
        self._add(new_id("item") if turn is None else turn.item_id, self._ear.commit())

    def clear(self) -> None:
        """The client drops what it sent."""
        self._turn = None
        self._judging.cancel()
        self._answers.interrupted = None
        self._ear.clear()
        self._shared.emit("input_audio_buffer.cleared")
        self._news.up()

    def _take(self, event: TurnEvent) -> None:
        try:
            match event:
                case Started():
                    self._started(event)
                case Paused():
                    self._paused(event)
                case Resumed():
                    self._judging.cancel()
                case Stopped():
                    self._stopped(event)
                case IdleTimeout():
                    self._idle(event)
        except RequestError as error:  # nobody asked for this in an event
            emit_error(self._shared.emit, error)

    def _started(self, event: Started) -> None:
        turn = self._turn = _Turn(new_id("item"), event.at)
        self._shared.emit(
            "input_audio_buffer.speech_started", audio_start_ms=milliseconds(event.at), item_id=turn.item_id
        )
        detection = self._shared.config.turn_detection
        if detection is None:
            return
        if detection.interrupt_response:
            self._answers.interrupt()
        if detection.create_response:
            self._prefill()

    def _hear_chunks(self) -> None:
        """Have the engine hear the full chunks of a long turn: it remembers them (`engine.model.remembering`)."""
        turn, detection = self._turn, self._shared.config.turn_detection
        if turn is None or detection is None or not detection.create_response:
            return
        full = (self._ear.buffer.end - turn.start) // _CHUNK
        if full > turn.chunks:
            turn.chunks = full
            samples = self._ear.buffer.sound(turn.start, turn.start + full * _CHUNK)
            self._prefill(self._message(turn.item_id, samples))

    def _paused(self, event: Paused) -> None:
        turn, detection = self._turn, self._shared.config.turn_detection
        if turn is None or detection is None:
            return
        samples = spoken_part(self._ear.buffer.sound(turn.start, self._ear.buffer.end), event.at - turn.start)
        if detection.create_response:
            self._prefill(self._message(turn.item_id, samples))
        if isinstance(detection, SemanticVad):
            self._judging = anyio.CancelScope()
            self._shared.group.start_soon(self._judge, event.pause, samples, self._judging, name="end of turn")

    async def _judge(self, pause: int, samples: Samples, scope: anyio.CancelScope) -> None:
        """Have the words so far decide how long the silence has to be."""
        with scope:
            try:
                words = await self._written.words_of(samples)
            except EngineError as error:
                logger.info("A pause could not be judged: %s", error.message)
                return
            self._ear.judged(pause, probability_of_end(words))

    def _stopped(self, event: Stopped) -> None:
        turn, self._turn = self._turn, None
        self._news.up()  # also if what follows is refused; who waits looks once this is done
        self._judging.cancel()
        if turn is None:
            return
        self._shared.emit(
            "input_audio_buffer.speech_stopped", audio_end_ms=milliseconds(event.at), item_id=turn.item_id
        )
        samples = spoken_part(self._ear.buffer.take(turn.start, event.at), event.speech - turn.start)
        detection = self._shared.config.turn_detection
        answers = detection is not None and detection.create_response
        if self._answers.interrupted is not None or self._weighing:
            self._weighing += 1
            self._shared.group.start_soon(self._weigh, turn, samples, answers, name="interruption")
        else:
            self._add(turn.item_id, samples)
            if answers:
                self._answer()

    async def _weigh(self, turn: _Turn, samples: Samples, answers: bool) -> None:
        """Whether an answer gave way to words, or to a cough: then it goes on, unless somebody speaks again."""
        async with self._weighed:
            words = await self._words_of(samples)
            if self._answers.left:  # what was begun is done by another connection
                return
            self._weighing -= 1
            silent = not self._weighing and self._turn is None
            try:
                if words.strip():
                    self._answers.interrupted = None
                    self._add(turn.item_id, samples)
                    if answers and silent:
                        self._answer()
                elif silent and self._answers.interrupted is not None:
                    self._answers.resume(self._answers.interrupted)
            except RequestError as error:
                emit_error(self._shared.emit, error)
            self._news.up()

    async def _words_of(self, samples: Samples) -> str:
        """Whatever cannot be written down is taken for words."""
        try:
            return await self._written.words_of(samples)
        except EngineError:
            return "?"

    def _idle(self, event: IdleTimeout) -> None:
        item_id = new_id("item")
        times = {"audio_start_ms": milliseconds(event.start), "audio_end_ms": milliseconds(event.end)}
        self._shared.emit("input_audio_buffer.timeout_triggered", **times, item_id=item_id)
        self._add(item_id, self._ear.buffer.take(event.start, event.end))
        self._answer()

    def _add(self, item_id: str, samples: Samples) -> None:
        """Make a turn an item. Raises RequestError: there is no room for it."""
        shared, message = self._shared, self._message(item_id, samples)
        self._frames.clear()
        try:
            before = shared.conversation.insert(message)
        except RequestError as error:
            message = replace(message, content=message.content[-1:])  # what was said goes before what was shown
            before = shared.conversation.insert(message)
            emit_error(shared.emit, error)
        told = item_json(message)
        shared.emit("input_audio_buffer.committed", item_id=item_id, previous_item_id=before)
        shared.emit("conversation.item.added", item=told, previous_item_id=before)
        shared.emit("conversation.item.done", item=told, previous_item_id=before)
        shared.notes.item_changed(item_id)
        self._written.begin(message, samples)

    def _answer(self) -> None:
        """Raises RequestError: another answer is being given."""
        self._answers.begin(ResponseConfig(self._shared.config))

    def _message(self, item_id: str, samples: Samples) -> Message:
        """The turn with what was shown in it; the sound last, as the model has it beside a video."""
        return Message(item_id, "user", (*self._frames.parts(), Heard(samples)))

    def _prefill(self, *turn: Message) -> None:
        """Have the engine read the conversation and the turn so far, which it will be asked about."""
        items = (*self._shared.conversation.context, *turn)
        if items:
            self._early.prefill(self._answers.request_for(ResponseConfig(self._shared.config), items))
