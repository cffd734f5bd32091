"""The resampler of what comes in: what passes, what does not, and how little waits. That any cut gives the same is in
`test_formats`."""

from __future__ import annotations

import numpy as np
import pytest

from engine.api import SAMPLE_RATE
from server.realtime.hearing.resampling import Resampler, Samples
from tts.voice import WIRE_RATE

RATES = (WIRE_RATE, 8_000)


def tone(hertz: float, rate: int, loud: float = 8000) -> Samples:
    """Two seconds of it."""
    samples: Samples = np.rint(loud * np.sin(2 * np.pi * hertz * np.arange(2 * rate) / rate)).astype(np.int16)
    return samples


def whole(samples: Samples, rate: int) -> Samples:
    resampler = Resampler(rate)
    return np.concatenate((resampler.feed(samples), resampler.flush()))


def loudness(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples[2000:-2000], dtype=np.float64))))


@pytest.mark.parametrize(("rate", "hertz"), [(WIRE_RATE, 100), (WIRE_RATE, 7000), (8000, 300), (8000, 3400)])
def test_what_can_be_heard_at_16_khz_passes_as_it_is(rate: int, hertz: float) -> None:
    heard, expected = whole(tone(hertz, rate), rate), tone(hertz, SAMPLE_RATE)
    assert len(heard) == len(expected)
    wrong = (heard.astype(float) - expected)[2000:-2000]
    assert np.sqrt(np.mean(wrong**2)) < 0.01 * loudness(expected)


@pytest.mark.parametrize("hertz", [9000, 10_000, 11_900])
def test_what_cannot_is_60_db_softer_instead_of_becoming_something_else(hertz: float) -> None:
    sent = tone(hertz, WIRE_RATE)
    assert loudness(whole(sent, WIRE_RATE)) < loudness(sent) / 1000 + 0.5


def test_what_would_be_louder_than_full_scale_is_clipped() -> None:
    square = np.where(tone(300, WIRE_RATE) >= 0, 32767, -32768).astype(np.int16)
    heard, like = whole(square, WIRE_RATE), tone(300, SAMPLE_RATE)
    assert heard.max() == 32767
    assert heard.min() == -32768
    inside = np.abs(like) > 2000
    assert np.array_equal(heard[inside] > 0, like[inside] > 0)  # an overflow would be of the other sign


@pytest.mark.parametrize("rate", RATES)
def test_almost_nothing_waits(rate: int) -> None:
    resampler, made = Resampler(rate), 0
    for count in range(1, 101):
        made += len(resampler.feed(np.zeros(rate // 50, np.int16)))
        assert count / 50 - made / SAMPLE_RATE <= 72 / rate


def test_a_long_recording_is_the_same_as_its_pieces() -> None:
    sent = np.random.default_rng(0).integers(-20_000, 20_000, 300_001).astype(np.int16)
    resampler = Resampler(WIRE_RATE)
    pieces = [resampler.feed(piece) for piece in np.array_split(sent, 400)]
    assert np.array_equal(np.concatenate((*pieces, resampler.flush())), whole(sent, WIRE_RATE))
