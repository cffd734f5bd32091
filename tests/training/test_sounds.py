"""Sounds are what their kind says, by measures that know nothing of how they were made."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.api import SAMPLE_RATE
from training.world.sounds import KINDS, Sound, answer, noisy, questions, sound
from training.world.speech import FRAME

_MADE = KINDS[:-1]
_BEEPS = ("one beep", "two beeps", "three beeps", "four beeps", "five beeps")


def _loudest_pitch(samples: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * SAMPLE_RATE / len(samples)


def _runs(on: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(np.diff(on.astype(np.int8), prepend=0) == 1))


def _some(kind: str, count: int = 25) -> list[Sound]:
    dice = np.random.default_rng(KINDS.index(kind))
    return [sound(dice, kind, held_out=number % 5 == 0) for number in range(count)]


@pytest.mark.parametrize("kind", _MADE)
def test_shape_and_range(kind: str) -> None:
    for heard in _some(kind):
        assert heard.kind == kind
        assert heard.samples.dtype == np.float32
        assert 0.4 * SAMPLE_RATE <= len(heard.samples) <= 6 * SAMPLE_RATE
        assert np.abs(heard.samples).max() <= 1
        assert len(heard.labels) == len(heard.counts) == -(-len(heard.samples) // FRAME)
        assert (set(heard.labels.tolist()) == {0}) == (kind == "silence")


@pytest.mark.parametrize(("kind", "label"), [("rising tone", 1), ("falling tone", 2)])
def test_sweeps_go_their_way(kind: str, label: int) -> None:
    for heard in _some(kind):
        on = np.flatnonzero(heard.labels == label)
        tone = heard.samples[on[0] * FRAME : (on[-1] + 1) * FRAME]
        # Not its very ends, which may be faded into the noise.
        fifth = len(tone) // 5
        first, last = _loudest_pitch(tone[fifth : 2 * fifth]), _loudest_pitch(tone[3 * fifth : 4 * fifth])
        assert last > first if kind == "rising tone" else first > last


@pytest.mark.parametrize("kind", _BEEPS)
def test_beeps_are_as_many_as_said(kind: str) -> None:
    count = _BEEPS.index(kind) + 1
    for heard in _some(kind):
        size = SAMPLE_RATE // 100
        loud = np.abs(heard.samples[: len(heard.samples) // size * size]).reshape(-1, size).max(axis=1)
        assert _runs(loud > 0.5 * loud.max()) == count
        assert _runs(heard.labels == 3) == count
        assert heard.counts[-1] == count
        assert (np.diff(heard.counts) >= 0).all()
        begun = heard.labels == 3
        assert (heard.counts[begun] >= 1).all()


def test_silence_is_silent() -> None:
    for heard in _some("silence"):
        assert np.sqrt(np.square(heard.samples).mean()) < 10 ** (-50 / 20)
        assert np.array_equal(noisy(heard.samples, np.random.default_rng(0)), heard.samples)


def test_noise_is_white() -> None:
    for heard in _some("white noise"):
        noise = heard.samples[: len(heard.labels) * FRAME][np.repeat(heard.labels == 4, FRAME)[: len(heard.samples)]]
        power = np.square(np.abs(np.fft.rfft(noise)))
        low, high = np.array_split(power, 2)
        assert 0.8 < low.mean() / high.mean() < 1.25


def test_a_bell_is_struck_and_dies_away() -> None:
    for heard in _some("bell"):
        bell = np.abs(heard.samples[np.argmax(heard.labels == 5) * FRAME :])
        assert np.argmax(bell) < len(bell) / 4
        assert bell[: len(bell) // 4].mean() > 2 * bell[-len(bell) // 4 :].mean()


def test_the_same_dice_make_the_same_sound() -> None:
    for kind in (None, *_MADE):
        one, other = (sound(np.random.default_rng(7), kind) for _ in range(2))
        assert one.kind == other.kind
        assert np.array_equal(one.samples, other.samples)


def test_without_a_bank_nobody_speaks() -> None:
    dice = np.random.default_rng(0)
    assert {sound(dice).kind for _ in range(150)} == set(_MADE)
    with pytest.raises(ValueError, match="bank"):
        sound(dice, "speech")


def test_noise_is_as_loud_as_asked() -> None:
    dice = np.random.default_rng(0)
    angle = np.arange(2 * SAMPLE_RATE) * 0.3
    tone = np.sin(angle).astype(np.float32)
    wave = np.stack([np.sin(angle), np.cos(angle)], axis=1)[SAMPLE_RATE:]  # after any echo has built up
    ratios, peaks = [], []
    for _ in range(60):
        heard = noisy(tone, dice, least_db=8, most_db=20)
        assert heard.dtype == np.float32
        assert len(heard) == len(tone)
        kept = heard[SAMPLE_RATE:]
        pure = wave @ np.linalg.lstsq(wave, kept, rcond=None)[0]
        ratios.append(10 * np.log10(np.square(pure).mean() / np.square(kept - pure).mean()))
        peaks.append(float(np.abs(heard).max()))
    clean = np.array(ratios) > 30
    assert 10 < clean.sum() < 30
    assert min(ratios) > 6
    assert np.array(ratios)[~clean].max() < 23
    assert min(peaks) < 0.2
    assert 0.8 < max(peaks) <= 1


def test_answers() -> None:
    assert [
        answer(kind) for kind in ("rising tone", "one beep", "three beeps", "white noise", "silence", "speech")
    ] == [
        *("I hear a rising tone.", "I hear one beep.", "I hear three beeps.", "I hear white noise.", "I hear silence."),
        "I hear someone speaking.",
    ]
    dice = np.random.default_rng(0)
    turns = [questions("bell", dice) for _ in range(200)]
    assert {turn.answer for turn in turns} == {"I hear a bell."}
    assert 150 < sum(turn.question == "What do you hear?" for turn in turns) < 190
