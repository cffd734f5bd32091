"""The ear of one session: a client's bytes in, the events of its turns out, and the sound of a turn when it is wanted.

Joins the parts of this package; knows no reply but its sound, and no event of the protocol.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from server.realtime.hearing.echo import EchoGuard
from server.realtime.hearing.formats import PCM, Incoming, Samples, SoundFormat
from server.realtime.hearing.input_buffer import BufferFullError, InputBuffer
from server.realtime.hearing.vad import Vad
from server.realtime.hearing.windows import WINDOW, Windows, level_of
from server.realtime.turn_config import TurnConfig
from server.realtime.turns import TurnDetector, TurnEvent

_PORTION = 8 * WINDOW
"""Samples of a long append that are heard before their events are told."""
_NONE: Samples = np.empty(0, np.int16)

Tell = Callable[[TurnEvent], None]


class Ear:
    """One at a time may `hear`; the rest may be called meanwhile. Positions are samples at SAMPLE_RATE since the
    session began, that of now is `buffer.end`."""

    def __init__(self, vad: Vad, format: SoundFormat = PCM, turns: TurnConfig | None = None) -> None:
        """`turns` None: the client says when a turn ends."""
        self.buffer = InputBuffer()
        self._vad, self._format = vad, format
        self._incoming, self._windows, self._late = Incoming(format), Windows(), _NONE
        self._guard, self._stream = EchoGuard(), vad.stream()
        self._detector = None if turns is None else TurnDetector(turns)
        self._playing = False

    async def hear(self, data: bytes, tell: Tell) -> None:
        """Take bytes, cut anywhere. Each event is told while the sound that it is about is still in `buffer`, and
        before the sound after it is judged.

        Cancelling it is for a session that ends: its events and its time would no longer agree.

        Raises:
            BufferFullError: nobody ends the turn, and `data` is more than the model can hear. Nothing has changed.
        """
        detector = self._detector
        if detector is None and len(self._late) + self._incoming.held_with(data) > self.buffer.room:
            raise BufferFullError
        samples = self._incoming.feed(data)
        if len(self._late):
            samples, self._late = np.concatenate((self._late, samples)), _NONE
        if detector is None:
            self._keep(samples)
            return
        for start in range(0, len(samples), _PORTION):
            self.buffer.forget(detector.earliest)  # which makes room, also where turns were not told before
            windows = self._keep(samples[start : start + _PORTION])
            for window in await self._vad.hear(self._stream, windows):
                self._guard.hears(detector.position, window.frames)
                echo = detector.is_speech(window.probability) and self._guard.is_echo()
                for event in detector.feed(window.probability, window.level, echo=echo):
                    tell(event)
        if detector.pauses:
            for event in self._quiet(detector):
                tell(event)

    def _quiet(self, detector: TurnDetector) -> list[TurnEvent]:
        """What comes of the sound that is held back, or fills no window yet, being quiet."""
        at = self.buffer.end + self._incoming.held
        last = self._incoming.last(at - detector.position)
        return detector.quiet_until(at, level_of(last)) if len(last) else []

    def _keep(self, samples: Samples) -> Samples:
        self.buffer.append(samples)
        return self._windows.feed(samples)

    def catch_up(self) -> None:
        """Have all that came in the buffer, to the last sample. A detector's turns have silence at their end: of them
        nothing is missing. Of a turn that was longer than the model can hear when its detector went, the end is."""
        if self._detector is None:
            samples, self._late = np.concatenate((self._late, self._incoming.flush())), _NONE
            self._keep(samples[: self.buffer.room])

    def commit(self) -> Samples:
        """All that is in the buffer, as a turn that the client ends here. Empty if there is nothing."""
        self.catch_up()
        if self._detector is not None:
            self._detector.committed(self.buffer.end)
        return self.buffer.take(self.buffer.start, self.buffer.end)

    def clear(self) -> None:
        """Drop all that is in the buffer, and a turn that runs."""
        self.catch_up()
        if self._detector is not None:
            self._detector.cleared(self.buffer.end)
        self.buffer.clear()

    def take_format(self, format: SoundFormat) -> None:
        """From now on bytes are in this format."""
        if format != self._format:
            self._late = np.concatenate((self._late, self._incoming.flush()))
            self._format, self._incoming = format, Incoming(format)

    def take_turns(self, turns: TurnConfig | None) -> None:
        """From now on turns are told like this; one that runs goes on, unless `turns` is None."""
        if turns is None:
            self._detector = None
        elif self._detector is None:
            self._stream = self._vad.stream()
            self._detector = TurnDetector(turns, self.buffer.end - self._windows.rest)
            if self._playing:
                self._detector.playback_began()
        else:
            self._detector.config = turns

    @property
    def speaking(self) -> bool:
        """Whether a turn has started and not stopped."""
        return self._detector is not None and self._detector.speaking

    def judged(self, pause: int, probability: float) -> None:
        """See `TurnDetector.judged`."""
        if self._detector is not None:
            self._detector.judged(pause, probability)

    def playback_began(self) -> None:
        """A reply begins to play, or soon will."""
        self._playing = True
        if self._detector is not None:
            self._detector.playback_began()

    def played(self, at: int, pcm: bytes) -> None:
        """See `EchoGuard.played`."""
        if self._detector is None:
            self._guard.passes(self.buffer.end)
        self._guard.played(at, pcm)

    def playback_ended(self, at: int) -> None:
        """The reply plays until this position, which may be one to come, whatever was said of it before."""
        self._playing = False
        self._guard.stopped(at)
        if self._detector is not None:
            self._detector.playback_ended(at)
