"""One loudness for an answer: a gain that its first sound decides and that no later unit changes."""

from __future__ import annotations

import numpy as np

from tts.voice import WIRE_RATE

_LEVEL = 3277.0
"""Root mean square of speech as it should be, 20 dB under full scale: what speech servers send, with room for peaks."""
_ENOUGH = WIRE_RATE // 2
"""Samples of speech that tell a voice's level; a single syllable does not."""
_WINDOW = WIRE_RATE // 50
_PAUSE = 0.1
"""Windows below this part of the loudest one are pauses and say nothing about the level."""
_MOST = 2.0
"""Largest gain, and its inverse the smallest: 6 dB. More would be another voice, or a whisper that is meant."""


def gain_of(pcm: bytes) -> float:
    """The gain for an answer whose first sound this is, signed 16-bit little-endian mono at `WIRE_RATE`.

    1.0 if it is shorter than half a second: a voice that sends so little at a time is left as it is, for waiting longer
    would cost more than it brings.
    """
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    if len(samples) < _ENOUGH:
        return 1.0
    windows = samples[: len(samples) // _WINDOW * _WINDOW].reshape(-1, _WINDOW)
    power = np.mean(np.square(windows), axis=1)
    level = np.sqrt(np.mean(power[power >= _PAUSE**2 * power.max()]))
    return float(np.clip(_LEVEL / max(level, 1.0), 1 / _MOST, _MOST))


def amplified(pcm: bytes, gain: float) -> bytes:
    """`pcm` times `gain`, clipped."""
    if gain == 1.0:
        return pcm
    samples = np.frombuffer(pcm, "<i2") * gain
    return np.clip(np.round(samples), -32768, 32767).astype("<i2").tobytes()
