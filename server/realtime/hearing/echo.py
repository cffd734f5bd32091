"""Whether a microphone hears only the reply that is being played to it. A heuristic over loudness; knows no words.

An echo cancelled by the client leaves nothing to do here. Where it is not, what the microphone hears follows the
envelope of the reply, some time later and by some gain. Both are learned while the reply plays: the delay is where the
two envelopes agree best, the gain what their ratio at that delay seldom exceeds, though not far above its low values,
for whoever speaks over the reply only adds to it. Sound that is not louder than the reply after that delay and gain is
taken for its echo. What was learned serves the next reply too; before, an echo may come at any delay. Where the two do
not agree at any delay, somebody else is heard, and nothing is learned of the echo but that it is no louder.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from engine.api import SAMPLE_RATE
from server.realtime.hearing.envelope import Envelope
from server.realtime.hearing.windows import FRAME, FRAMES, WINDOW, Levels, mean_level

_LONGEST_DELAY = SAMPLE_RATE // 2 // FRAME
"""Frames, half a second: the client's buffer, the loudspeaker, the room and the way back."""
_HISTORY = 2 * SAMPLE_RATE // WINDOW
"""Windows that delay and gain are learned from."""
_ENOUGH = SAMPLE_RATE * 2 // 5 // FRAME
"""Frames of a loud reply before anything is learned."""
_ARRIVED = SAMPLE_RATE // 10 // FRAME
"""Frames of a loud reply, played before the longest delay, of which an echo would have been heard."""
_EVERY = SAMPLE_RATE // 4 // FRAME
"""Frames between two lessons."""
_INAUDIBLE = -70.0
"""dB of full scale, below which a reply has no echo."""
_LOUD = 20.0
"""dB below the loudest frame of the reply, down to which frames teach: quieter ones drown in noise."""
_FIRST_BOUND = -2.0
"""dB: before anything is learned, what is louder than this beside the reply is no echo; loudspeakers are away."""
_FOLLOWS = 0.8
"""Correlation of the envelopes, from which the microphone hears the reply. First lessons from echoes had 0.83 and more,
down to the level of the noise; from those who speak at the same time, with an echo or without, seldom more than 0.8."""
_LOW, _ABOVE_LOW = 0.3, 8.0
_HIGH, _ABOVE_HIGH = 0.85, 3.0
"""Quantiles of the ratio, and dB above them up to which sound is the echo, the lower of the two. The low one holds
while somebody speaks for most of the time, the high one is closer where a room or noise colours little."""


class EchoGuard:
    """One session's reply and microphone."""

    def __init__(self) -> None:
        self._played = Envelope()
        self._heard: deque[Levels] = deque(maxlen=_HISTORY)
        self._at = self._learned_at = 0  # frames
        self._echo: _Echo | None = None
        """What is believed of the present reply."""
        self._followed: _Echo | None = None
        """What was learned last when the microphone did hear a reply."""

    def played(self, at: int, pcm: bytes) -> None:
        """This sound of the reply, whole 16-bit samples at WIRE_RATE, is played from this position of the session on,
        in samples at SAMPLE_RATE. To be said in order, and before the microphone can hear it."""
        self._played.add(at, np.frombuffer(pcm, np.dtype("<i2")))

    def stopped(self, at: int) -> None:
        """The reply ends at this position; what was to be played from there on is not."""
        self._echo = self._followed
        self._played.cut(-(-at // FRAME))

    def hears(self, at: int, frames: Levels) -> None:
        """Take the levels of the microphone's next window, `[FRAMES]` from this position on."""
        if at // FRAME != self._at:
            self._heard.clear()
        self._at = at // FRAME + FRAMES
        self._heard.append(frames)
        self._forget(self._at)

    def passes(self, at: int) -> None:
        """The microphone is at this position, and nobody wants to know what it hears."""
        self._forget(at // FRAME)

    def is_echo(self) -> bool:
        """Whether the last window, which holds speech, holds only that of the reply."""
        begin = self._at - FRAMES
        near = self._played.wet(begin - _LONGEST_DELAY, self._at)
        if near.max() < _INAUDIBLE:
            return False
        if self._at - self._learned_at >= _EVERY:
            self._learned_at = self._at
            self._learn()
        if self._echo is None:
            loudest = float(near.max()) + _FIRST_BOUND
        else:
            delay, bound = self._echo.delay, self._echo.bound
            loudest = mean_level(self._played.wet(begin - delay, self._at - delay)) + bound
        return mean_level(self._heard[-1]) < loudest

    def _forget(self, now: int) -> None:
        self._played.forget(now - _HISTORY * FRAMES - _LONGEST_DELAY)

    def _learn(self) -> None:
        heard = np.concatenate(self._heard)
        played = self._played.dry(self._at - len(heard) - _LONGEST_DELAY, self._at)
        quiet = played.max() - _LOUD
        if np.count_nonzero(played[_LONGEST_DELAY:] > quiet) < _ENOUGH:
            return
        # Row d: what was played d frames before each frame was heard.
        delayed = np.lib.stride_tricks.sliding_window_view(played, len(heard))[::-1]
        follows = _correlation(np.maximum(delayed, quiet), heard)
        delay = int(np.argmax(follows))
        low, high = np.quantile((heard - delayed[delay])[delayed[delay] > quiet], (_LOW, _HIGH))
        bound = float(low) + _ABOVE_LOW
        if follows[delay] >= _FOLLOWS:
            self._echo = self._followed = _Echo(delay, min(bound, float(high) + _ABOVE_HIGH))
        elif self._echo is not None:
            self._echo = _Echo(self._echo.delay, min(self._echo.bound, bound))
        else:
            arrived = np.count_nonzero(played[:-_LONGEST_DELAY] > quiet)
            self._echo = _Echo(delay, -math.inf if arrived >= _ARRIVED else bound)


@dataclass(frozen=True, slots=True)
class _Echo:
    delay: int
    """Frames."""
    bound: float
    """dB above the reply."""


def _correlation(rows: Levels, other: Levels) -> Levels:
    """Of each row with `other`, -1 to 1."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    other = other - other.mean()
    norm = np.linalg.norm(rows, axis=1) * np.linalg.norm(other)
    correlation: Levels = rows @ other / np.maximum(norm, 1e-9)
    return correlation
