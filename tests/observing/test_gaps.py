"""What a listener waits for, second by second: by numbers alone, and in an answer whose time is in the test's hands."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping
from contextlib import contextmanager

import anyio
import pytest

from tests.hand_clock import HandClock
from tts.answer import Answer, Manner
from tts.background import background
from tts.events import Sound
from tts.gaps import Cause, Gaps, Stages
from tts.observer import UnitObserver
from tts.plan import Planner
from tts.pool import Pool
from tts.voice import WIRE_RATE, VoiceError

pytestmark = pytest.mark.anyio


def test_every_second_of_silence_has_one_cause() -> None:
    gaps = Gaps()
    assert gaps.add(1.0, 4.0, Stages(1.5, 2.5, 3.0)) == {"text": 0.5, "queue": 1.0, "voice": 0.5, "listener": 1.0}
    assert gaps.add(2.0, 3.0, Stages(0.0, 1.0, 2.75)) == {"voice": 0.75, "listener": 0.25}
    assert gaps.add(2.0, 3.0, Stages(0.0, 0.5, 1.0)) == {"listener": 1.0}
    assert gaps.add(2.0, 3.0, Stages(3.0, 3.0, 3.0)) == {"text": 1.0}


def test_the_longest_gap_names_the_cause_and_a_short_one_is_not_noticed() -> None:
    gaps = Gaps()
    assert gaps.noticed == "none"
    gaps.add(1.0, 1.09, Stages(1.09, 1.09, 1.09))
    assert gaps.noticed == "none"
    gaps.add(2.0, 2.5, Stages(0.0, 2.4, 2.5))
    assert gaps.noticed == "queue"
    gaps.add(3.0, 3.2, Stages(3.2, 3.2, 3.2))
    assert gaps.noticed == "queue"


class Notes:
    """Implements `tts.observer.Observer` and `UnitObserver`: writes everything down."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.waits = self.speaks = 0

    def first_chunk(self, seconds: float) -> None:
        self.told.append(("first chunk", round(seconds, 6)))

    def spoken(self, seconds: float, sound: float) -> None:
        self.told.append(("spoken", round(seconds, 6), round(sound, 6)))

    def failed(self) -> None:
        self.told.append(("failed",))

    def first_unit(self, seconds: float) -> None:
        self.told.append(("first unit", round(seconds, 6)))

    def gap(self, causes: Mapping[Cause, float]) -> None:
        self.told.append(("gap", {cause: round(seconds, 6) for cause, seconds in causes.items()}))

    def ended(self, noticed: str) -> None:
        self.told.append(("ended", noticed))

    @contextmanager
    def waiting(self) -> Generator[None, None, None]:
        self.waits += 1
        yield

    @contextmanager
    def unit(self, waited: float) -> Generator[UnitObserver, None, None]:
        self.told.append(("unit", round(waited, 6)))
        self.speaks += 1
        try:
            yield self
        finally:
            self.speaks -= 1


class TimedVoice:
    """Says a second of sound after `work` seconds. Implements `tts.voice.Voice`."""

    name, sample_rate, slots = "timed", WIRE_RATE, 1
    languages: tuple[str, ...] = ("en",)

    def __init__(self, clock: HandClock, work: float = 1.0, *, fails: bool = False) -> None:
        self._clock, self._work, self._fails = clock, work, fails

    async def start(self) -> None: ...
    async def close(self) -> None: ...

    async def synthesize(
        self, text: str, *, lang: str | None = None, speed: float = 1.0, seed: int = 0
    ) -> AsyncGenerator[bytes, None]:
        await self._clock.until(self._clock.now() + self._work)
        if self._fails:
            raise VoiceError("scripted")
        yield b"\x10\x27\xf0\xd8" * (WIRE_RATE // 2)


async def heard(
    notes: Notes,
    clock: HandClock,
    voice: TimedVoice,
    pieces: list[tuple[float, str]],
    taken: tuple[float, float] | None = None,
) -> float:
    """Say text that is written at these times to a listener who takes everything at once. Returns seconds of sound.
    Between the two times of `taken`, somebody else has the only worker."""

    async def text() -> AsyncIterator[str]:
        for when, piece in pieces:
            await clock.until(when)
            yield piece

    seconds = 0.0
    pool = Pool([voice], clock.now)
    answer = Answer(Planner(None), pool, Manner(1.0, None, 1, 20.0, 60.0), clock.now, lambda: None, notes)

    async def listen() -> None:
        nonlocal seconds
        async with background() as group:
            group.start_soon(answer.read, text())
            group.start_soon(answer.dispatch, group)
            async for event in answer.events():
                if isinstance(event, Sound):
                    seconds += len(event.pcm) / 2 / WIRE_RATE

    async def take(begins: float, ends: float) -> None:
        await clock.until(begins)
        worker = await pool.acquire(begins, first=False, letters=1)
        await clock.until(ends)
        pool.release(worker)

    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        if taken is not None:
            group.start_soon(take, *taken)
        await clock.advance(30.0)
    return seconds


async def test_text_that_comes_late_is_why_it_is_silent() -> None:
    notes, clock = Notes(), HandClock()
    await clock.advance(5.0)
    said = [(5.0, "One sentence is here.\n\n"), (10.0, "Another one.")]
    assert await heard(notes, clock, TimedVoice(clock), said) == 2.3
    assert notes.told == [
        *(("first unit", 0.0), ("unit", 0.0), ("first chunk", 1.0), ("spoken", 1.0, 1.0)),
        *(("unit", 0.0), ("gap", {"text": 3.0}), ("first chunk", 1.0), ("spoken", 1.0, 1.0)),
        ("gap", {"voice": 0.7}),  # 0.3 s of it was the pause between the two
        ("ended", "text"),
    ]
    assert (notes.waits, notes.speaks) == (2, 0)


async def test_a_voice_that_falls_behind_is_why_it_is_silent() -> None:
    notes, clock = Notes(), HandClock()
    await clock.advance(5.0)
    said = [(5.0, "One sentence is here.\n\nAnother one is there.")]
    assert await heard(notes, clock, TimedVoice(clock, work=2.0), said) == 2.3
    assert notes.told == [
        *(("first unit", 0.0), ("unit", 0.0), ("first chunk", 2.0), ("spoken", 2.0, 1.0)),
        *(("unit", 2.0), ("first chunk", 2.0), ("spoken", 2.0, 1.0)),
        ("gap", {"voice": 0.7}),
        ("ended", "voice"),
    ]


async def test_a_worker_that_is_taken_is_why_it_is_silent() -> None:
    notes, clock = Notes(), HandClock()
    await clock.advance(5.0)
    said = [(5.0, "One sentence is here.\n\n"), (6.5, "Another one.")]
    assert await heard(notes, clock, TimedVoice(clock), said, taken=(6.25, 9.0)) == 2.3
    assert ("unit", 2.5) in notes.told
    assert [told[1] for told in notes.told if told[0] == "gap"] == [{"queue": 2.0}, {"voice": 0.7}]
    assert notes.told[-1] == ("ended", "queue")


async def test_a_unit_that_nobody_can_speak_has_failed_once() -> None:
    notes, clock = Notes(), HandClock()
    await clock.advance(5.0)
    assert await heard(notes, clock, TimedVoice(clock, fails=True), [(5.0, "One sentence is here.")]) == 0
    assert notes.told == [("first unit", 0.0), ("unit", 0.0), ("failed",)]
