"""A recording cut where nobody speaks: stretches of speech with their times, any cut of the input giving the same ones.

Knows loudness only: what rises above the noise around it counts as speech, and so does whatever else is in doubt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.api import CHUNK_SECONDS, SAMPLE_RATE

Samples = npt.NDArray[np.float32]

_FRAME = SAMPLE_RATE // 50
_PAUSE = 25
"""Frames of 20 ms without speech that end a stretch: half a second, longer than inside a sentence."""
_LEAD, _TAIL = 15, 10
"""Frames kept around a stretch, for soft consonants and fading ends."""
_LEAST = 5
"""Loud frames of a stretch: less is a click."""
_LONGEST = CHUNK_SECONDS * 50
"""Frames that the model hears in one pass."""
_SEARCH = 5 * 50
"""Frames before that, of which the quietest is where a longer stretch is cut."""
_ABOVE_NOISE = 6.0
"""dB."""
_LEAST_NOISE, _NOISE_AT_FIRST = -65.0, -40.0
"""dB of full scale. No noise is taken to be lower than the first."""
_RISE = 0.05
"""dB by which the noise may rise in a frame; it falls at once, between syllables too."""


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """A stretch of speech: float32 mono at SAMPLE_RATE, and where it begins in the recording."""

    start: float
    """Seconds."""
    samples: Samples

    @property
    def end(self) -> float:
        return self.start + len(self.samples) / SAMPLE_RATE


class _Frame(NamedTuple):
    samples: Samples
    level: float
    """dB of full scale."""
    loud: bool


class Segmenter:
    """Samples in, segments out, in order and without overlap. Less than a frame at the end is left out."""

    def __init__(self) -> None:
        self._rest: Samples = np.empty(0, np.float32)
        self._noise = _NOISE_AT_FIRST
        self._frames: deque[_Frame] = deque()  # of the stretch, or the last quiet ones before one
        self._first = 0  # number of the first of them
        self._loud = self._quiet = 0  # of the stretch: frames that are loud, and quiet ones since the last

    def feed(self, samples: Samples) -> Iterator[Segment]:
        """Take the next samples; give the segments that have ended."""
        samples = np.concatenate((self._rest, samples))
        count = len(samples) // _FRAME
        frames, self._rest = samples[: count * _FRAME].reshape(count, _FRAME), samples[count * _FRAME :]
        power = np.square(frames, dtype=np.float64).mean(axis=1)
        for frame, level in zip(frames, 10 * np.log10(power + 1e-12), strict=True):
            yield from self._take(frame, float(level))

    def flush(self) -> Iterator[Segment]:
        """End the recording."""
        if self._loud >= _LEAST:
            yield self._segment(len(self._frames) - max(0, self._quiet - _TAIL))

    def _take(self, samples: Samples, level: float) -> Iterator[Segment]:
        self._noise = max(_LEAST_NOISE, min(level, self._noise + _RISE))
        loud = level > self._noise + _ABOVE_NOISE
        self._frames.append(_Frame(samples, level, loud))
        self._loud += loud
        self._quiet = 0 if loud or not self._loud else self._quiet + 1
        if self._quiet >= _PAUSE:
            if self._loud >= _LEAST:
                yield self._segment(len(self._frames) - _PAUSE + _TAIL)
            self._drop(len(self._frames) - _LEAD)
        elif not self._loud:
            self._drop(len(self._frames) - _LEAD)
        elif len(self._frames) >= _LONGEST:
            yield self._segment(self._quietest())

    def _segment(self, count: int) -> Segment:
        start = self._first * _FRAME / SAMPLE_RATE
        samples = np.concatenate([frame.samples for frame in islice(self._frames, count)])
        self._drop(count)
        return Segment(start, samples)

    def _quietest(self) -> int:
        """How many frames there are up to the quietest of the last ones."""
        begin = _LONGEST - _SEARCH
        levels = [frame.level for frame in islice(self._frames, begin, _LONGEST)]
        return begin + levels.index(min(levels)) + 1

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self._loud -= self._frames.popleft().loud
            self._first += 1
