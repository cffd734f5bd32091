"""The gain that an answer's first sound decides."""

from __future__ import annotations

import numpy as np
import pytest

from tts.loudness import amplified, gain_of
from tts.voice import WIRE_RATE


def speech(level: float, seconds: float = 0.8) -> bytes:
    """A tone of this root mean square, with a pause in its middle."""
    wave = level * np.sqrt(2) * np.sin(0.06 * np.arange(round(seconds * WIRE_RATE)))
    wave[len(wave) // 3 : len(wave) // 2] = 0
    return bytes(np.round(wave).astype("<i2"))


def level_of(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(float)
    return float(np.sqrt(np.mean(np.square(samples[: len(samples) // 3]))))


@pytest.mark.parametrize("level", [2000.0, 3277.0, 6000.0])
def test_speech_is_brought_to_one_level_and_pauses_do_not_count(level: float) -> None:
    pcm = speech(level)
    assert level_of(amplified(pcm, gain_of(pcm))) == pytest.approx(3277, rel=0.03)


@pytest.mark.parametrize(("level", "gain"), [(20.0, 2.0), (15_000.0, 0.5), (0.0, 2.0)])
def test_the_gain_has_limits(level: float, gain: float) -> None:
    assert gain_of(speech(level)) == gain


def test_a_short_sound_tells_nothing() -> None:
    assert gain_of(speech(500.0, seconds=0.4)) == 1.0
    assert gain_of(b"") == 1.0


def test_what_is_too_loud_is_clipped() -> None:
    pcm = np.array([-32768, -20_000, 0, 20_000, 32767], "<i2").tobytes()
    assert np.frombuffer(amplified(pcm, 2.0), "<i2").tolist() == [-32768, -32768, 0, 32767, 32767]
    assert amplified(pcm, 1.0) is pcm
