"""What happens to a unit's sound before it is joined: rate and silence."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tts.joints import Joint, Samples
from tts.voice import WIRE_RATE

LEAD, TAIL = 480, 720


def joined(samples: Samples, rate: int = WIRE_RATE, seed: int = 0) -> Samples:
    chance, joint, pcm, out = random.Random(seed), Joint(rate), samples.astype("<i2").tobytes(), b""
    while pcm:
        cut = chance.randint(1, 3000)
        out += joint.feed(pcm[:cut])
        pcm = pcm[cut:]
    return np.frombuffer(out + joint.flush(), "<i2")


def tone(seconds: float, rate: int = WIRE_RATE) -> Samples:
    wave: Samples = np.round(8000 * np.sin(0.06 * np.arange(round(seconds * rate)))).astype(np.int16)
    return wave


def silence(samples: int) -> Samples:
    return np.random.default_rng(3).integers(-100, 100, samples).astype(np.int16)


def test_silence_at_the_ends_is_cut_and_inside_it_stays() -> None:
    sound = np.concatenate((tone(0.1), silence(9000), tone(0.2)))
    whole = np.concatenate((silence(12_000), sound, silence(20_000)))
    out = joined(whole)
    assert abs(len(out) - len(sound) - LEAD - TAIL) < 10
    assert out.tobytes() in whole.tobytes()
    assert sound[10:-10].tobytes() in out.tobytes()


@pytest.mark.parametrize("rate", [WIRE_RATE, 22_050])
def test_any_cut_of_the_input_gives_the_same_sound(rate: int) -> None:
    whole = np.concatenate((silence(3000), tone(0.1), silence(2000), tone(0.1), silence(8000)))
    first = joined(whole, rate)
    for seed in range(1, 20):
        again = joined(whole, rate, seed)
        assert len(again) == len(first)
        assert np.abs(again.astype(int) - first).max() <= (0 if rate == WIRE_RATE else 2)  # soxr rounds with dither


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 48_000])
def test_the_wire_has_one_rate(rate: int) -> None:
    out = joined(tone(1.0, rate), rate)
    assert len(out) == pytest.approx(WIRE_RATE, abs=2)
    assert np.sqrt(np.mean(np.square(out.astype(float)))) == pytest.approx(8000 / np.sqrt(2), rel=0.03)


def test_a_short_fade_stays() -> None:
    sound = np.concatenate((silence(200), tone(0.1), silence(300)))
    assert np.array_equal(joined(sound), sound)


def test_silence_alone_is_nothing() -> None:
    assert len(joined(silence(50_000))) == 0
    assert len(joined(silence(0))) == 0


def test_the_lowest_sample_is_loud() -> None:
    assert len(joined(np.full(10, -32768, np.int16))) == 10
