"""The sound of one turn as the model gets it: early, while the user speaks, and later exactly the same. No I/O."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import numpy.typing as npt

from engine.api import SAMPLE_RATE

Samples = npt.NDArray[np.int16]
"""Mono at SAMPLE_RATE, `[samples]`."""

TAIL_SECONDS = 0.16
"""Kept behind the last speech, for fading ends: what has been heard of a pause when it is told (`realtime.turns`)."""

_TAIL = round(TAIL_SECONDS * SAMPLE_RATE)


def spoken_part(samples: Samples, speech_end: int) -> Samples:
    """A turn without the silence at its end: up to TAIL_SECONDS behind `speech_end`, the sample at which speech ended.

    The same for every longer sound that ends in silence: what was computed of it at a pause is of use at the end.
    """
    return samples[: speech_end + _TAIL]


def float_samples(samples: Samples) -> npt.NDArray[np.float32]:
    """The same in [-1, 1]."""
    return np.divide(samples, 32768, dtype=np.float32)


def digest_of(samples: Samples) -> str:
    """By which the engine's caches know it: equal samples, equal digest."""
    return sha256(b"turn:" + np.ascontiguousarray(samples, "<i2").tobytes()).hexdigest()
