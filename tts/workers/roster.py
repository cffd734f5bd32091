"""Which workers are there, by their beats. Knows neither transport nor clock: it is told how much time passed.

Time counts only while the workers could have been heard, so that nobody is gone because Redis was.
"""

from __future__ import annotations

from dataclasses import dataclass

from tts.workers.job import Offer
from tts.workers.keys import GONE_SECONDS


@dataclass(slots=True)
class _Present:
    queue: str
    slots: int
    heard_at: float


class Roster:
    """Who is there, and what they can speak."""

    def __init__(self) -> None:
        self._offers: dict[str, Offer] = {}
        self._present: dict[str, _Present] = {}
        self._now = 0.0

    def learn(self, offer: Offer) -> None:
        """What the workers of a queue can speak. They count from then on."""
        self._offers[offer.queue] = offer

    def knows(self, queue: str) -> bool:
        """Whether `learn` was told about it."""
        return queue in self._offers

    def hear(self, worker: str, queue: str, slots: int) -> None:
        """A worker is there."""
        self._present[worker] = _Present(queue, slots, self._now)

    def left(self, worker: str) -> None:
        """It said so."""
        self._present.pop(worker, None)

    def passed(self, seconds: float) -> None:
        """So much time has passed in which a beat would have been heard."""
        self._now += seconds
        gone = [name for name, one in self._present.items() if self._now - one.heard_at > GONE_SECONDS]
        for name in gone:
            del self._present[name]
        queues = {one.queue for one in self._present.values()}
        self._offers = {queue: offer for queue, offer in self._offers.items() if queue in queues}

    def offers(self) -> list[Offer]:
        """Of those who are there."""
        return [offer for queue, offer in self._offers.items() if self.slots(queue)]

    def slots(self, queue: str) -> int:
        """Units that its workers speak at a time; 0: nobody is there."""
        return sum(one.slots for one in self._present.values() if one.queue == queue)

    def queue_of(self, voice: str, *, recorded: bool) -> str | None:
        """The queue for a voice: of several the one with most slots; None: nobody can speak with it."""
        able = [offer.queue for offer in self.offers() if (offer.imitates if recorded else offer.has(voice))]
        return max(able, key=lambda queue: (self.slots(queue), queue), default=None)
