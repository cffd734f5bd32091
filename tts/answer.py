"""One answer being spoken: units are made ahead of the one that plays, and leave strictly in order.

Knows planner and pool, no voice in particular. Three parts share its state: one reads the text, one hands units to
workers, one hands the sound out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import takewhile
from typing import cast

import anyio
from anyio.abc import TaskGroup

from tts.events import Begun, Ended, Event, Skipped, Sound
from tts.gaps import Gaps, Stages
from tts.joints import Joint
from tts.loudness import amplified, gain_of
from tts.observer import Observer, UnitObserver
from tts.plan import CHARS_PER_SECOND, Planner, Unit
from tts.pool import Clock, Pool, Worker
from tts.scripts import spoken_length
from tts.voice import WIRE_RATE, InstructedVoice, Voice, VoiceError
from tts.wake import Wake

_SAMPLE_BYTES = 2
_AT_ONCE = 2
"""Units of one answer that are made at a time: more would only take slots from other listeners."""
_MARGIN = 0.1
"""Seconds of sound that a listener should have left when the second unit comes."""
_LONGEST_HOLD = 2.0
"""Seconds."""
_LONGEST_LETTER = 1.0
"""Seconds of sound for a letter, beyond which a voice has lost its way. Bounds the memory of a unit."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How an answer is to be spoken. All of its units are."""

    speed: float
    lang: str | None
    seed: int
    look_ahead: float
    """Seconds of sound that may wait to be taken before no further unit is begun."""
    patience: float
    """Seconds without a sound after which a worker is taken to hang."""
    instructions: str = ""
    """How to speak, in words; only for voices that follow them."""


@dataclass(slots=True)
class _Part:
    """A unit, and its sound as far as it is made and not taken."""

    unit: Unit
    expected: int
    asked: float
    """When it could have been begun."""
    begun: float
    chunks: deque[tuple[bytes, float]] = field(default_factory=deque)
    """With when each was made."""
    made: int = 0
    """Samples, taken ones included."""
    waiting: int = 0
    """Samples made and not taken."""
    over: bool = False
    error: VoiceError | None = None

    def stages(self, made: float) -> Stages:
        """Of a sound that was made at this time."""
        return Stages(self.asked, self.begun, max(self.begun, made))

    @property
    def coming(self) -> int:
        """Samples that can still be taken, if it becomes as long as expected."""
        return self.waiting + (0 if self.over else max(0, self.expected - self.made))


class Answer:
    """The state of one answer. `read`, `dispatch` and `events` run side by side, on one event loop."""

    def __init__(
        self,
        planner: Planner,
        pool: Pool,
        manner: Manner,
        clock: Clock,
        sounds: Callable[[], None],
        observer: Observer,
    ) -> None:
        """`sounds` is called when the first sound is handed out."""
        self._planner, self._pool, self._manner = planner, pool, manner
        self._clock, self._sounds, self._observer = clock, sounds, observer
        self._gaps = Gaps()
        self._read_at = 0.0  # when the first text came
        self._parts: deque[_Part] = deque()  # from the one that is handed out
        self._planned = False
        self._needed_at: float | None = None  # when the sound is needed of the unit that is lined up
        self._at = 0  # samples taken
        self._gain = 1.0
        self._dry_at: float | None = None  # when a listener who plays what was taken has nothing more to hear
        self._news = Wake()

    async def read(self, text: AsyncIterable[str]) -> None:
        """Feed the planner until `text` ends."""
        async for piece in text:
            self._read_at = self._read_at or self._clock()
            self._planner.feed(piece, self._clock())
            self._news.up()
        self._planner.end(self._clock())
        self._news.up()

    async def dispatch(self, group: TaskGroup) -> None:
        """Begin units in `group` as long as there are any. What goes into one is decided when a worker is free."""
        begun = False
        while await self._something_to_say():
            asked = self._clock()
            worker = None if self._planner.only_unsaid else await self._line_up()
            unit = self._planner.take(self._clock(), self._buffered())
            if unit is None:
                assert worker is not None
                self._pool.release(worker)
                continue
            part = _Part(unit, self._expected(unit), asked, self._clock())
            self._parts.append(part)
            if worker is not None and not begun:
                begun = True
                self._observer.first_unit(asked - self._read_at)
            group.start_soon(self._make, part, worker, name="unit")
            self._news.up()
        self._planned = True
        self._news.up()

    async def _line_up(self) -> Worker:
        if self._pool.full:
            self._planner.shorten(self._buffered())
        self._needed_at = self._clock() + self._buffered()
        letters = self._planner.next_length
        with self._observer.waiting():
            worker = await self._pool.acquire(self._needed_at, first=self._dry_at is None, letters=letters)
        self._needed_at = None
        return worker

    async def events(self) -> AsyncGenerator[Event, None]:
        """What to hand to the listener; every sound counts as heard from when it is taken."""
        pause = b""
        while (part := await self._next_part()) is not None:
            if pause and part.unit.words:
                yield self._taken(pause, part.stages(part.begun))
            begun = self._at
            yield Begun(part.unit.text, begun, part.made if part.over and part.error is None else part.expected)
            while (made := await self._next_chunk(part)) is not None:
                chunk, made_at = made
                if self._dry_at is None:
                    self._gain = gain_of(chunk)
                    await self._until_it_can_go_on()
                part.waiting -= len(chunk) // _SAMPLE_BYTES
                self._news.up()
                yield self._taken(amplified(chunk, self._gain), part.stages(made_at))
            yield Ended(self._at) if part.error is None else Skipped(self._at, part.error)
            if part.unit.words:  # of one without, the pause before it is still to come
                pause = self._pause(part.unit) if self._at > begun else b""
            self._parts.popleft()
        if self._dry_at is not None:
            self._observer.ended(self._gaps.noticed)

    async def _next_part(self) -> _Part | None:
        while not self._parts:
            if self._planned:
                return None
            await self._news.wait()
        return self._parts[0]

    async def _next_chunk(self, part: _Part) -> tuple[bytes, float] | None:
        while not part.chunks:
            if part.over:
                return None
            await self._news.wait()
        return part.chunks.popleft()

    async def _until_it_can_go_on(self) -> None:
        """Hold the first sound back while the second unit would come too late: a late start is better than a gap."""
        buffered, pool = self._buffered(), self._pool
        needed_at = self._clock() + buffered if self._needed_at is None else self._needed_at
        missing = pool.wait(needed_at) + pool.pace.first_sound + _MARGIN - buffered if pool.full else 0.0
        with anyio.move_on_after(min(missing, _LONGEST_HOLD)):
            while len(self._parts) < _AT_ONCE and not self._planned:
                await self._news.wait()

    def _taken(self, pcm: bytes, stages: Stages) -> Sound:
        now, samples = self._clock(), len(pcm) // _SAMPLE_BYTES
        self._at += samples
        if self._dry_at is None:
            self._sounds()
        elif now > self._dry_at:
            self._observer.gap(self._gaps.add(self._dry_at, now, stages))
        self._dry_at = max(now, self._dry_at or now) + samples / WIRE_RATE
        return Sound(pcm)

    def _pause(self, unit: Unit) -> bytes:
        return bytes(_SAMPLE_BYTES * round(unit.pause / self._manner.speed * WIRE_RATE))

    async def _something_to_say(self) -> bool:
        """Wait until there is a unit to begin; False: there will be none."""
        while True:
            now, due = self._clock(), None
            if self._planner.done:
                return False
            if self._may_begin():
                buffered = self._buffered()
                if self._planner.ready(now, buffered):
                    return True
                due = self._planner.due(now, buffered)
            with anyio.move_on_after(None if due is None else due - now):
                await self._news.wait()

    def _may_begin(self) -> bool:
        making = sum(not part.over for part in self._parts)
        waiting = sum(part.waiting for part in self._parts)
        return making < _AT_ONCE and waiting < self._manner.look_ahead * WIRE_RATE

    def _buffered(self, before: _Part | None = None) -> float:
        """Seconds until the listener has nothing to hear but this part, if all others come as expected."""
        playing = 0.0 if self._dry_at is None else max(0.0, self._dry_at - self._clock())
        earlier = takewhile(lambda part: part is not before, self._parts)
        return playing + sum(part.coming for part in earlier) / WIRE_RATE

    def _expected(self, unit: Unit) -> int:
        seconds = self._pool.pace.seconds_of(spoken_length(unit.words), CHARS_PER_SECOND) / self._manner.speed
        return round(seconds * WIRE_RATE)

    async def _make(self, part: _Part, worker: Worker | None) -> None:
        """Speak the unit, if there is a worker for it."""
        if worker is not None:
            with self._observer.unit(part.begun - part.asked) as unit:
                await self._spoken_by(worker, part, unit)
        part.over = True
        self._news.up()

    async def _spoken_by(self, worker: Worker, part: _Part, unit: UnitObserver) -> None:
        """Have this worker speak it; if that fails, another one, without what was made before."""
        held: Worker | None = worker
        try:
            if not await self._attempt(part, worker, unit):
                needed_at = self._clock() + self._buffered(part)
                held = None  # given back in exchange, whatever becomes of that
                held = await self._pool.exchange(worker, needed_at, first=self._dry_at is None)
                if not await self._attempt(part, held, unit):
                    unit.failed()
        finally:
            if held is not None:
                self._pool.release(held, failed=part.error is not None)
            part.over = True
            self._news.up()

    async def _attempt(self, part: _Part, worker: Worker, unit: UnitObserver) -> bool:
        part.error = None
        try:
            await self._speak(part, worker, unit)
        except VoiceError as error:
            part.error = error
        return part.error is None

    async def _speak(self, part: _Part, worker: Worker, unit: UnitObserver) -> None:
        manner, voice, words = self._manner, worker.voice, part.unit.words
        started, first_sound, letters = self._clock(), 0.0, spoken_length(words)
        joint, skip, made = Joint(voice.sample_rate), part.made, 0
        chunks = _synthesized(voice, words, manner)
        async with aclosing(chunks):
            while (chunk := await self._patiently(chunks)) is not None:
                pcm = joint.feed(chunk)
                if pcm and not made:
                    first_sound = self._clock() - started
                    if not skip:
                        unit.first_chunk(self._clock() - part.begun)
                made += self._add(part, pcm, made, skip)
                if made > (letters + 10) * _LONGEST_LETTER / manner.speed * WIRE_RATE:
                    raise VoiceError(f"The voice does not stop: {made} samples for {letters} letters.")
        made += self._add(part, joint.flush(), made, skip)
        if made:
            self._pool.pace.learn(first_sound, self._clock() - started, made / WIRE_RATE * manner.speed, letters)
        unit.spoken(self._clock() - part.begun, part.made / WIRE_RATE)

    async def _patiently(self, chunks: AsyncGenerator[bytes, None]) -> bytes | None:
        try:
            with anyio.fail_after(self._manner.patience):
                return await anext(chunks, None)
        except TimeoutError as error:
            raise VoiceError(f"The voice was silent for {self._manner.patience} s.") from error

    def _add(self, part: _Part, pcm: bytes, made: int, skip: int) -> int:
        """Add sound to a unit, of which this attempt had `made` so many samples, without the first `skip` ones."""
        new = pcm[_SAMPLE_BYTES * max(0, skip - made) :]
        if new:
            part.chunks.append((new, self._clock()))
            part.made += len(new) // _SAMPLE_BYTES
            part.waiting += len(new) // _SAMPLE_BYTES
            self._news.up()
        return len(pcm) // _SAMPLE_BYTES


def _synthesized(voice: Voice, words: str, manner: Manner) -> AsyncGenerator[bytes, None]:
    if not manner.instructions:
        return voice.synthesize(words, lang=manner.lang, speed=manner.speed, seed=manner.seed)
    return cast(InstructedVoice, voice).synthesize(
        words, lang=manner.lang, speed=manner.speed, seed=manner.seed, instructions=manner.instructions
    )
