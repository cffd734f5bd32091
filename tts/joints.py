"""The sound of one unit, made ready to be joined to others: the wire's rate, no silence at either end.

Knows samples only. Silence inside a unit is left as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import soxr

from tts.voice import WIRE_RATE

Samples = np.ndarray[Any, np.dtype[np.int16]]

_SILENT = 128
"""Peak below which a sample is silence, 48 dB under full scale; the noise floor of neural voices is lower."""
_LEAD = WIRE_RATE // 50
"""Samples kept before the first loud one: a soft consonant begins below the threshold."""
_TAIL = WIRE_RATE * 3 // 100
_NONE: Samples = np.empty(0, np.int16)


class Joint:
    """PCM of a voice's rate in, PCM of the wire's rate out; fed in any pieces, one for each unit."""

    def __init__(self, rate: int) -> None:
        self._resampler, self._trim = Resampler(rate), Trim()

    def feed(self, pcm: bytes) -> bytes:
        """Take signed 16-bit little-endian mono PCM and return what can be joined to what came before."""
        return _packed(self._trim.feed(self._resampler.feed(pcm)))

    def flush(self) -> bytes:
        """End the unit."""
        return _packed(self._trim.feed(self._resampler.flush())) + _packed(self._trim.flush())


class Trim:
    """Takes the silence from both ends: what may be an end is held until it is known."""

    def __init__(self) -> None:
        self._held, self._loud = _NONE, False

    def feed(self, samples: Samples) -> Samples:
        """Take the next samples; return those up to the last loud one."""
        samples = np.concatenate((self._held, samples))
        # As int32, for the lowest 16-bit number has no absolute value.
        (loud,) = np.nonzero(np.abs(samples.astype(np.int32)) > _SILENT)
        if not len(loud):
            self._held = samples if self._loud else samples[-_LEAD:]
            return _NONE
        start = 0 if self._loud else max(0, int(loud[0]) - _LEAD)
        end = int(loud[-1]) + 1
        self._loud, self._held = True, samples[end:]
        return samples[start:end]

    def flush(self) -> Samples:
        """End the unit: the last sound may fade."""
        return self._held[:_TAIL] if self._loud else _NONE


class Resampler:
    """PCM of one rate in, samples of the wire's rate out."""

    def __init__(self, rate: int) -> None:
        # Medium quality is exact to 16 bits and holds back 20 ms.
        self._stream = (
            soxr.ResampleStream(rate, WIRE_RATE, 1, dtype="int16", quality="MQ") if rate != WIRE_RATE else None
        )
        self._rest = b""

    def feed(self, pcm: bytes) -> Samples:
        """Take the next bytes, cut anywhere."""
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % 2
        self._rest = pcm[whole:]
        return self._resample(pcm[:whole], last=False)

    def flush(self) -> Samples:
        """End the stream; half a sample is dropped."""
        return self._resample(b"", last=True)

    def _resample(self, pcm: bytes, *, last: bool) -> Samples:
        samples: Samples = np.frombuffer(pcm, np.dtype("<i2"))
        return samples if self._stream is None else self._stream.resample_chunk(samples, last=last)


def _packed(samples: Samples) -> bytes:
    return samples.astype("<i2", copy=False).tobytes()
