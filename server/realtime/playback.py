"""How far a listener is who hears an answer as it is sent: when the next sound may go, and what has been heard.

Knows no sound, only numbers of samples at the wire's rate. No I/O but the clock of the wall.
"""

from __future__ import annotations

from math import floor
from typing import Protocol

import anyio

from tts.voice import WIRE_RATE

LEAD = 0.5
"""Seconds of sound sent ahead of the listener. Enough for a network that stalls or a client that buffers; what is
ahead when he interrupts is thrown away by the client, so that a longer lead would make nothing but waste."""

_ROUNDING = 1e-3
"""Samples. What a clock in seconds loses of its digits must not cost the listener a sample."""


class Clock(Protocol):
    """Seconds that never go back."""

    def now(self) -> float:
        """Any point in time may be its zero."""
        ...

    async def until(self, when: float) -> None:
        """Return at `when`, or soon if that has passed. Cancelling it changes nothing."""
        ...


class WallClock:
    """The real one, of the event loop."""

    def now(self) -> float:
        return anyio.current_time()

    async def until(self, when: float) -> None:
        await anyio.sleep_until(when)


class Playback:
    """One answer before one listener, who hears what was sent without a pause and waits when there is nothing more.

    `now` is the clock's and never goes back. Every cut of the same samples, sent at the same times, gives the same.
    """

    def __init__(self, lead: float = LEAD) -> None:
        """`lead` is how many seconds of sound may be sent ahead; `math.inf`: all of it as soon as it is there."""
        self._lead = lead * WIRE_RATE
        self._sent, self._begins = 0, 0.0
        self._since, self._before = 0.0, 0
        """When the sound that plays began to play without a pause, and the samples heard before that."""

    def begins_at(self, when: float) -> None:
        """Before this time the listener hears something else. To be said before anything is sent."""
        self._begins = self._since = when

    @property
    def samples_sent(self) -> int:
        """Of the whole answer."""
        return self._sent

    def sent(self, samples: int, now: float) -> None:
        """So many samples go to the listener. If he had nothing more to hear, he goes on hearing now."""
        if self.heard(now) == self._sent:
            self._since, self._before = max(now, self._begins), self._sent
        self._sent += samples

    def heard(self, now: float) -> int:
        """Samples that he has heard, never more than were sent."""
        playing = max(0, floor((now - self._since) * WIRE_RATE + _ROUNDING))
        return min(self._sent, self._before + playing)

    def due(self, samples: int, now: float) -> float:
        """When so many further samples may be sent, which together with what he has not heard fit into the lead.

        More than ever fit may go when all else was heard.
        """
        return max(now, self._at(min(self._sent, self._sent + samples - self._lead)))

    def ends(self, now: float) -> float:
        """When all that was sent will have been heard."""
        return max(now, self._at(self._sent))

    def _at(self, samples: float) -> float:
        """When he has heard so many."""
        return self._since + (samples - self._before) / WIRE_RATE
