"""G.711 by tables (ITU-T G.711, 1988): a byte to a sample, and a sample to the byte whose sample is nearest."""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
Law = Literal["audio/pcmu", "audio/pcma"]

_CODES = np.arange(256)


def decoded(data: bytes, law: Law) -> Samples:
    """One int16 sample for each byte."""
    return _values(law)[np.frombuffer(data, np.uint8)]


def encoded(samples: Samples, law: Law) -> bytes:
    """One byte for each sample."""
    return _nearest(law)[samples.view(np.uint16)].tobytes()


@cache
def _values(law: Law) -> Samples:
    """The sample of every byte, int16 `[256]`."""
    if law == "audio/pcmu":
        code = ~_CODES & 0xFF  # sent inverted
        magnitude = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
        return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)
    code = _CODES ^ 0x55  # every other bit is sent inverted
    segment, step = code >> 4 & 7, code & 0x0F
    magnitude = np.where(segment == 0, (step << 4) + 8, (step << 4) + 0x108 << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


@cache
def _nearest(law: Law) -> npt.NDArray[np.uint8]:
    """The byte for every sample, uint8 `[65536]`, at the sample's two's complement."""
    values = _values(law).astype(np.int32)
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    samples = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    above = np.clip(np.searchsorted(ascending, samples), 1, 255)
    nearer = np.where(samples - ascending[above - 1] <= ascending[above] - samples, above - 1, above)
    codes: npt.NDArray[np.uint8] = order[nearer].astype(np.uint8)
    return codes
