"""The workers of one voice: who speaks the next unit, how fast they are, how long a new answer would wait.

Knows no text. Voices in one place share its slots. A slot goes to the unit whose sound is needed first: earliest
deadline first (Liu and Layland, 1973).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, count

import anyio

from tts.voice import Voice

Clock = Callable[[], float]
"""Seconds; never goes back."""

_REST = 10.0
"""Seconds for which a worker that failed is asked last."""
_NEWEST = 0.2
"""Weight of the newest unit in what is known of the voice's speed."""


class BusyError(Exception):
    """A new answer would wait too long for its first sound. Both figures are seconds."""

    def __init__(self, predicted: float, retry_after: float) -> None:
        super().__init__(f"The voice is busy: the first sound would come after {predicted:.1f} s.")
        self.predicted, self.retry_after = predicted, retry_after


@dataclass(slots=True)
class Pace:
    """How fast the voice was with its latest units; zeros until one was spoken."""

    first_sound: float = 0.0
    """Seconds from a unit's text to its first sound."""
    unit_seconds: float = 0.0
    """Seconds for which a unit takes a slot."""
    audio_seconds: float = 0.0
    """Seconds of sound in a unit."""
    letters: float = 0.0
    """Length of a unit as `tts.scripts.spoken_length` counts."""

    @property
    def real_time_factor(self) -> float:
        """Seconds of work for a second of sound, everything included."""
        return self.unit_seconds / self.audio_seconds if self.audio_seconds else 0.0

    def learn(self, first_sound: float, unit_seconds: float, audio_seconds: float, letters: int) -> None:
        """Take a unit that was spoken to its end."""
        weight = _NEWEST if self.letters else 1.0
        for name, value in (
            ("first_sound", first_sound),
            ("unit_seconds", unit_seconds),
            ("audio_seconds", audio_seconds),
            ("letters", float(letters)),
        ):
            old: float = getattr(self, name)
            setattr(self, name, old + weight * (value - old))

    def work_of(self, letters: int) -> float:
        """Seconds for which a text of this length takes a slot; 0 until one was spoken."""
        return letters * self.unit_seconds / self.letters if self.letters else 0.0

    def seconds_of(self, letters: int, unknown: float) -> float:
        """Seconds of sound that a text of this length becomes; `unknown` letters a second until one was spoken."""
        return letters * (self.audio_seconds / self.letters if self.audio_seconds else 1 / unknown)


@dataclass(slots=True, eq=False)
class Slots:
    """Those of one place, whose voices may be in several pools."""

    busy: int = 0
    pools: list[Pool] = field(default_factory=list)


class Places:
    """The places of a speaker's voices. A voice without a `place` is one of its own."""

    def __init__(self) -> None:
        self._slots: dict[object, Slots] = {}

    def enter(self, voice: Voice, pool: Pool) -> Slots:
        """The slots of this voice's place, with `pool` among those that use them."""
        slots = self._slots.setdefault(getattr(voice, "place", voice), Slots())
        if pool not in slots.pools:
            slots.pools.append(pool)
        return slots

    def leave(self, pool: Pool) -> None:
        """Forget a pool, and the places that no other one uses."""
        for place, slots in list(self._slots.items()):
            if pool in slots.pools:
                slots.pools.remove(pool)
                if not slots.pools:
                    del self._slots[place]


@dataclass(slots=True, eq=False)
class Worker:
    """A voice in one place."""

    voice: Voice
    slots: Slots
    rests_until: float = float("-inf")

    @property
    def load(self) -> float:
        """The share of its slots that is in use."""
        return self.slots.busy / self.voice.slots


@dataclass(slots=True, eq=False)
class _Waiter:
    deadline: float
    number: int
    avoid: Worker | None
    first: bool
    letters: int
    granted: anyio.Event = field(default_factory=anyio.Event)
    worker: Worker | None = None

    def comes_before(self) -> tuple[float, int]:
        return self.deadline, self.number


class Pool:
    """Interchangeable workers of one voice."""

    def __init__(self, voices: Sequence[Voice], clock: Clock, places: Places | None = None) -> None:
        """`voices` have one name. `places` are those that pools share with each other; None: with nobody."""
        self.name = voices[0].name
        self.pace = Pace()
        self._clock, self._places = clock, places or Places()
        self._workers = [Worker(voice, self._places.enter(voice, self)) for voice in voices]
        self._waiting: list[_Waiter] = []
        self._numbers = count()
        self._silent = 0

    @property
    def languages(self) -> frozenset[str]:
        """BCP-47 tags that its workers speak; none if that is not known of one of them."""
        known = [worker.voice.languages for worker in self._workers]
        return frozenset(chain.from_iterable(known)) if all(known) else frozenset()

    @property
    def follows_instructions(self) -> bool:
        """Whether its workers can be told in words how to speak."""
        return all(getattr(worker.voice, "follows_instructions", False) for worker in self._workers)

    @property
    def slots(self) -> int:
        """Units that are spoken at a time by all workers."""
        return sum(worker.voice.slots for worker in self._workers)

    @property
    def busy(self) -> int:
        """Slots in use, also by other voices in the same places."""
        return sum(worker.slots.busy for worker in self._workers)

    def join(self, voice: Voice) -> None:
        """Have one more worker."""
        self._workers.append(Worker(voice, self._places.enter(voice, self)))
        self._grant()

    def close(self) -> None:
        """Use no place any more. Units that are being spoken give their slots back all the same."""
        self._places.leave(self)

    async def acquire(self, deadline: float, *, first: bool = False, letters: int = 0) -> Worker:
        """A worker with a slot for one unit whose sound is needed at `deadline`; give it back with `release`.

        `first`: nobody hears this answer yet. `letters` is about how long the unit is. Cancelling takes no slot.
        """
        waiter = _Waiter(deadline, next(self._numbers), None, first, letters)
        self._waiting.append(waiter)
        self._grant()
        return await self._granted(waiter)

    async def exchange(self, failed: Worker, deadline: float, *, first: bool = False) -> Worker:
        """Give back the slot of a worker that failed, for one of another worker if there is another.

        The unit does not lose its turn by that. Cancelling takes no slot; the old one is given back all the same.
        """
        waiter = _Waiter(deadline, next(self._numbers), failed, first, letters=0)
        self._waiting.append(waiter)
        self.release(failed, failed=True)
        return await self._granted(waiter)

    def release(self, worker: Worker, *, failed: bool = False) -> None:
        """Give a slot back. A worker that `failed` is asked last for a while."""
        worker.slots.busy -= 1
        if failed:
            worker.rests_until = self._clock() + _REST
        for pool in sorted({self, *worker.slots.pools}, key=Pool._earliest):
            pool._grant()

    @property
    def full(self) -> bool:
        """A unit that lined up now would have to wait."""
        return bool(self._waiting) or self.busy >= self.slots

    def wait(self, deadline: float) -> float:
        """Predicted seconds until a unit that is needed at `deadline` gets a slot, whether it has lined up or not."""
        if not self.full:
            return 0.0
        earlier = (
            pool.pace.work_of(waiter.letters)
            for pool in self._neighbours()
            for waiter in pool._waiting
            if waiter.deadline < deadline
        )
        begun = self.busy * self.pace.unit_seconds / 2
        return (begun + sum(earlier)) / self.slots

    @contextmanager
    def expect(self) -> Iterator[Callable[[], None]]:
        """Count an answer as one that waits for its first sound, until the function it gives is called or it ends."""
        self._silent += 1
        silent = True

        def sounds() -> None:
            nonlocal silent
            if silent:
                silent = False
                self._silent -= 1

        try:
            yield sounds
        finally:
            sounds()

    def predicted(self) -> float:
        """Seconds from its first unit's text to its first sound for an answer that comes now; 0 until measured.

        Before it come the answers that are still silent (at least as many as slots are in use) and the units that are
        late already.
        """
        now, pools = self._clock(), self._neighbours()
        late = sum(waiter.deadline <= now and not waiter.first for pool in pools for waiter in pool._waiting)
        ahead = max(sum(pool._silent for pool in pools), self.busy) + late
        return self.pace.first_sound + self.pace.unit_seconds * max(0, ahead - self.slots + 1) / self.slots

    def admit(self, limit: float) -> None:
        """Let a new answer in, if it would not have to wait for others.

        Raises:
            BusyError: it would, and its first sound would come after more than `limit` seconds.
        """
        predicted = self.predicted()
        if predicted > max(limit, self.pace.first_sound):
            raise BusyError(predicted, max(1.0, predicted - limit))

    async def _granted(self, waiter: _Waiter) -> Worker:
        try:
            await waiter.granted.wait()
        except BaseException:
            if waiter.worker is None:
                self._waiting.remove(waiter)
            else:
                self.release(waiter.worker)
            raise
        assert waiter.worker is not None
        return waiter.worker

    def _grant(self) -> None:
        for waiter in sorted(self._waiting, key=_Waiter.comes_before):
            worker = self._free(waiter.avoid)
            if worker is not None:
                self._waiting.remove(waiter)
                worker.slots.busy += 1
                waiter.worker = worker
                waiter.granted.set()

    def _free(self, avoid: Worker | None) -> Worker | None:
        now = self._clock()
        others = [worker for worker in self._workers if worker is not avoid] or self._workers
        rested = [worker for worker in others if worker.rests_until <= now] or others
        free = [worker for worker in rested if worker.slots.busy < worker.voice.slots]
        return min(free, key=lambda worker: worker.load, default=None)

    def _neighbours(self) -> set[Pool]:
        """This pool and those of other voices in its places."""
        return {self, *(pool for worker in self._workers for pool in worker.slots.pools)}

    def _earliest(self) -> float:
        """When the first unit that waits is needed."""
        return min((waiter.deadline for waiter in self._waiting), default=float("inf"))
