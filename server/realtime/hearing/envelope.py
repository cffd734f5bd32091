"""How loud the sound that is played is, frame by frame, at the time at which it is played."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.api import SAMPLE_RATE
from server.realtime.hearing.windows import FRAME, SILENT, Levels, decibels
from tts.voice import WIRE_RATE

_WIRE_FRAME = FRAME * WIRE_RATE // SAMPLE_RATE
_DECAY = 1.0
"""dB a frame by which the sound of a room falls: 60 dB in half a second."""
_JITTER = WIRE_RATE // 10
"""Samples by which positions may be wrong: a session's time comes in appends, and those through a network."""
_UNMEASURED = WIRE_RATE
"""Samples that may wait to be measured: nobody asks while nobody speaks, and much at once costs little more."""


class Envelope:
    """Levels in dB of full scale. Frames are numbered from the session's beginning; those that nothing was said about
    are silent."""

    def __init__(self) -> None:
        self._first = self._next = 0
        """Number of the first frame kept, and position of the next sample, in samples at WIRE_RATE."""
        self._rest: list[npt.NDArray[np.int16]] = []
        """Sound up to `_next` that was not measured yet."""
        self._waiting = 0
        """Samples of it."""
        self._dry: list[float] = []
        self._wet: list[float] = []

    def add(self, at: int, samples: npt.NDArray[np.int16]) -> None:
        """Sound at WIRE_RATE from this position, in samples at SAMPLE_RATE. A position less than a tenth of a
        second beside the end of what came before is that end."""
        at = at * WIRE_RATE // SAMPLE_RATE
        if abs(at - self._next) >= _JITTER:
            self._jump(at)
        self._next += len(samples)
        self._rest.append(samples)
        self._waiting += len(samples)
        if self._waiting >= _UNMEASURED:
            self._measure()

    def cut(self, frame: int) -> None:
        """Nothing is played from this frame on."""
        self._measure()
        keep = max(frame - self._first, 0)
        if keep < len(self._dry):
            del self._dry[keep:], self._wet[keep:]
            self._rest, self._waiting = [], 0
            self._next = (self._first + keep) * _WIRE_FRAME

    def forget(self, before: int) -> None:
        """Frames before this one are not asked for any more."""
        if before * _WIRE_FRAME >= self._next:
            self._measure()
        count = min(max(before - self._first, 0), len(self._dry))
        del self._dry[:count], self._wet[:count]
        self._first += count

    def dry(self, start: int, end: int) -> Levels:
        """Frames from `start` to before `end`, `[end - start]`."""
        self._measure()
        return self._slice(self._dry, start, end)

    def wet(self, start: int, end: int) -> Levels:
        """The same as a room has it, in which sound dies slowly."""
        self._measure()
        return self._slice(self._wet, start, end)

    def _jump(self, at: int) -> None:
        frame = at // _WIRE_FRAME
        self.cut(frame)
        self._rest, self._waiting, self._next = [], 0, frame * _WIRE_FRAME
        if not self._dry:
            self._first = frame
        self._extend([SILENT] * (frame - self._first - len(self._dry)))

    def _measure(self) -> None:
        count = self._waiting // _WIRE_FRAME
        if not count:
            return
        samples = np.concatenate(self._rest)
        self._rest, self._waiting = [samples[count * _WIRE_FRAME :]], len(samples) - count * _WIRE_FRAME
        frames = samples[: count * _WIRE_FRAME].reshape(count, _WIRE_FRAME).astype(np.float64)
        power = np.einsum("fs,fs->f", frames, frames) / (_WIRE_FRAME * 32768**2)
        self._extend(decibels(power).tolist())

    def _extend(self, dry: list[float]) -> None:
        last = self._wet[-1] if self._wet else SILENT
        for level in dry:
            last = max(level, last - _DECAY)
            self._wet.append(last)
        self._dry += dry

    def _slice(self, kept: list[float], start: int, end: int) -> Levels:
        result = np.full(end - start, SILENT)
        found = kept[max(start - self._first, 0) : max(end - self._first, 0)]
        begin = max(self._first - start, 0)
        result[begin : begin + len(found)] = found
        return result
