"""Speech made faster and slower."""

import numpy as np
import pytest

from tts.tempo import Tempo


@pytest.mark.parametrize("speed", [0.25, 0.4, 0.5, 0.8, 1.25, 2.0, 4.0])
def test_tempo_changes_length_and_not_pitch(speed: float) -> None:
    rate = 24_000
    tone = (8000 * np.sin(2 * np.pi * 200 * np.arange(4 * rate) / rate)).astype("<i2").tobytes()
    whole = Tempo(rate, speed)
    once = whole.feed(tone) + whole.flush()
    assert len(once) == pytest.approx(len(tone) / speed, rel=0.03)
    samples = np.frombuffer(once, "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert spectrum.argmax() * rate / len(samples) == pytest.approx(200, abs=3)
    cut = Tempo(rate, speed)
    pieces = b"".join(cut.feed(tone[at : at + 7_002]) for at in range(0, len(tone), 7_002)) + cut.flush()
    assert pieces == once
