"""Sound at a client's rate as sound at 16 kHz, with almost nothing held back: soxr works in blocks, in which 20 to 60
ms of a stream wait, and every turn and every interruption would be late by them.

Knows no coding.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

import numpy as np
import numpy.typing as npt

from engine.api import SAMPLE_RATE

Samples = npt.NDArray[np.int16]

_BLOCK = 48
"""Samples of the source that are taken at once, 2 ms of 24 kHz; also the width of the filter."""
_BETA = 6.0
"""Of the filter's Kaiser window: 60 dB. From 24 to 16 kHz all is there up to 7.1 kHz, and nothing above 8.9."""
_UNIT = 2.0**15
"""What 1 is in the filter. Whole numbers of this size and samples are added up exactly by floats of 64 bits, in any
order: so any cut of the input gives the same."""
_AT_ONCE = 2**16
"""Samples; a long recording takes little more memory than itself."""


class Resampler:
    """int16 at `source` Hz in, int16 at SAMPLE_RATE out, 1 to 3 ms later (from 8 kHz 3 to 9)."""

    def __init__(self, source: int) -> None:
        self._source = source
        common = gcd(source, SAMPLE_RATE)
        self._up, self._down = SAMPLE_RATE // common, source // common
        self._first, self._second = _filter(self._up, self._down)
        self._begin()

    def _begin(self) -> None:
        self._rest: Samples = np.zeros(_BLOCK // 2, np.int16)
        self._came = self._made = 0

    def feed(self, samples: Samples) -> Samples:
        """Take samples, cut anywhere; return what is known by now."""
        pieces = (samples[at : at + _AT_ONCE] for at in range(0, len(samples), _AT_ONCE))
        return _joined(map(self._feed, pieces)) if len(samples) > _AT_ONCE else self._feed(samples)

    def flush(self) -> Samples:
        """Return what was held back. What is fed afterwards is a new stream."""
        whole = -(-self._came * self._up // self._down)
        missing = whole - self._made
        rest = self._feed(np.zeros(2 * _BLOCK, np.int16))[:missing]
        self._begin()
        return rest

    def _feed(self, samples: Samples) -> Samples:
        self._came += len(samples)
        waiting = np.concatenate((self._rest, samples))
        count = len(waiting) // _BLOCK - 1
        if count < 1:
            self._rest = waiting
            return waiting[:0]
        self._rest = waiting[count * _BLOCK :]
        blocks = waiting[: (count + 1) * _BLOCK].reshape(count + 1, _BLOCK).astype(np.float64)
        made = blocks[:-1] @ self._first
        made += blocks[1:] @ self._second
        made *= 1 / _UNIT
        np.rint(made, out=made)
        np.minimum(made, 32767, out=made)  # np.clip takes three times as long for so little
        np.maximum(made, -32768, out=made)
        resampled: Samples = made.astype(np.int16).ravel()
        self._made += len(resampled)
        return resampled


def _filter(up: int, down: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A windowed sinc as two matrices `[_BLOCK, samples made]`: what a block and the one after it give to the samples
    whose times are from the middle of the one to the middle of the other."""
    assert _BLOCK % down == 0, f"{up}/{down}"
    taken = np.arange(2 * _BLOCK)[:, None] - _BLOCK // 2
    made = np.arange(_BLOCK * up // down) * (down / up)
    apart = taken - made
    inside = np.clip(1 - (2 * apart / _BLOCK) ** 2, 0, None)
    band = min(1.0, up / down)
    taps = band * np.sinc(band * apart) * np.i0(_BETA * np.sqrt(inside)) / np.i0(_BETA) * (inside > 0)
    whole = np.rint(taps / taps.sum(axis=0) * _UNIT)
    return whole[:_BLOCK], whole[_BLOCK:]


def _joined(pieces: Iterator[Samples]) -> Samples:
    return np.concatenate(list(pieces))
