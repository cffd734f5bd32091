"""Sounds that are not words, each with what every 20 ms frame of it holds, and the noise of rooms around any sound.

All is drawn from a numpy generator. Varied widely, since what a sound is must not hang on how this file makes it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.api import SAMPLE_RATE
from training.world.speech import FRAME, Bank
from training.world.words import Turn

_BEEPS = {"one beep": 1, "two beeps": 2, "three beeps": 3, "four beeps": 4, "five beeps": 5}
KINDS = ("rising tone", "falling tone", *_BEEPS, "white noise", "bell", "silence", "speech")
EVENTS, COUNTS, SPEECH = 7, 6, 6
"""How many labels there are, nothing included; how many counts of beeps, none included; the label of speech."""
_LABELS = {
    "rising tone": 1,
    "falling tone": 2,
    **dict.fromkeys(_BEEPS, 3),
    "white noise": 4,
    "bell": 5,
    "speech": SPEECH,
}
_ANSWERS = {
    **{kind: f"I hear a {kind}." for kind in ("rising tone", "falling tone", "bell")},
    **{kind: f"I hear {kind}." for kind in (*_BEEPS, "white noise", "silence")},
    "speech": "I hear someone speaking.",
}
_QUESTION = "What do you hear?"
_PARAPHRASES = ("What can you hear?", "What sound is this?", "Describe the sound.")

_SHORTEST, _LONGEST = round(0.4 * SAMPLE_RATE), 6 * SAMPLE_RATE
_BELLS = (
    (0.5, 1.0, 1.2, 1.5, 2.0, 2.5, 2.67, 3.0),  # a church's
    (1.0, 2.76, 5.4, 8.93),  # a bar
    (1.0, 1.59, 2.14, 2.3, 2.65, 2.92, 3.16, 3.5),  # a plate
    (1.0, 2.0, 3.0, 4.0, 5.0, 6.0),
)
_HELD_OUT_BELL = (1.0, 2.32, 4.25, 6.63, 9.38)  # a wine glass

Samples = NDArray[np.float32]
Labels = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Sound:
    """Float32 in [-1, 1] at 16 kHz, and for each begun 20 ms of it:

    `labels`, 0 nothing, 1 rising tone, 2 falling tone, 3 beep, 4 white noise, 5 bell, 6 speech, and `counts`, how many
    beeps have begun.
    """

    samples: Samples
    kind: str
    labels: Labels
    counts: Labels


def sound(
    dice: np.random.Generator, kind: str | None = None, *, bank: Bank | None = None, held_out: bool = False
) -> Sound:
    """0.4 to 6 s of one of `KINDS`; speech is drawn only where there is a bank.

    Held-out sounds have wave forms, sweeps, bells and noise that others never have.
    """
    if kind is None:
        kind = KINDS[int(dice.integers(len(KINDS) - (bank is None)))]
    if kind == "speech":
        if bank is None:
            raise ValueError("speech takes a bank")
        return _speech(dice, bank)
    if kind == "silence":
        return _silence(dice)
    if kind == "white noise":
        parts = [_white(dice, held_out)]
    elif kind == "bell":
        parts = [_bell(dice, held_out)]
    elif kind in _BEEPS:
        parts = _beeps(dice, _BEEPS[kind], held_out)
    else:
        parts = [_sweep(dice, kind == "rising tone", held_out)]
    return _laid_out(dice, kind, parts)


def answer(kind: str) -> str:
    return _ANSWERS[kind]


def questions(kind: str, dice: np.random.Generator) -> Turn:
    """Mostly `What do you hear?`."""
    question = _QUESTION if dice.random() < 0.85 else _PARAPHRASES[int(dice.integers(len(_PARAPHRASES)))]
    return Turn(question, answer(kind))


def noisy(samples: Samples, dice: np.random.Generator, *, least_db: float = 8, most_db: float = 40) -> Samples:
    """As a microphone in some room has it: another gain, often noise behind it, sometimes colored or with an echo.

    What is silent stays as it is.
    """
    if not len(samples) or np.abs(samples).max() < 0.006:
        return samples.copy()
    heard = _through_a_room(samples, dice) if dice.random() < 0.3 else samples
    if dice.random() < 2 / 3:
        heard = heard + _background(dice, len(heard), _level(heard) * _decibels(-dice.uniform(least_db, most_db)))
    heard = heard * np.float32(_log_uniform(dice, 0.1, 1.0) / np.abs(heard).max())
    return np.clip(heard, -1, 1).astype(np.float32)


def _speech(dice: np.random.Generator, bank: Bank) -> Sound:
    utterance = bank.any(dice)
    samples = utterance.samples[:_LONGEST]
    labels = np.where(utterance.words >= 0, _LABELS["speech"], 0).astype(np.int8)[: -(-len(samples) // FRAME)]
    return Sound(_at_peak(dice, samples), "speech", labels, np.zeros_like(labels))


def _silence(dice: np.random.Generator) -> Sound:
    size = round(dice.uniform(0.5, 5) * SAMPLE_RATE)
    samples = np.zeros(size, np.float32)
    if dice.random() < 0.6:
        samples = _background(dice, size, _decibels(dice.uniform(-95, -61)))
    nothing = np.zeros(-(-size // FRAME), np.int8)
    return Sound(samples, "silence", nothing, nothing)


def _laid_out(dice: np.random.Generator, kind: str, parts: list[Samples]) -> Sound:
    """Parts are by turns sound and gap; silence goes around them, and often some noise behind all."""
    joined = np.concatenate(parts)
    if kind != "white noise":  # which has its own level
        joined = _at_peak(dice, joined)
    lead, tail = (round(dice.uniform(0, 1) * SAMPLE_RATE) if dice.random() < 0.6 else 0 for _ in range(2))
    room = min(1.0, (_LONGEST - len(joined)) / max(1, lead + tail))
    lead, tail = int(lead * room), int(tail * room)
    tail = max(tail, _SHORTEST - lead - len(joined))
    samples = np.pad(joined, (lead, tail))
    if kind != "white noise" and dice.random() < 0.5:
        samples += _background(dice, len(samples), _level(joined) * _decibels(-dice.uniform(20, 50)))
    edges = lead + np.cumsum([0, *(len(part) for part in parts)])
    middles = np.arange(-(-len(samples) // FRAME)) * FRAME + FRAME // 2
    part = np.searchsorted(edges, middles, side="right") - 1
    sounding = (part >= 0) & (part < len(parts)) & (part % 2 == 0)
    begun = np.clip(part // 2 + 1, 0, _BEEPS[kind]) if kind in _BEEPS else np.zeros_like(part)
    labels = np.where(sounding, _LABELS[kind], 0).astype(np.int8)
    return Sound(np.clip(samples, -1, 1).astype(np.float32), kind, labels, begun.astype(np.int8))


def _sweep(dice: np.random.Generator, rising: bool, held_out: bool) -> Samples:
    size = round(dice.uniform(0.4, 4) * SAMPLE_RATE)
    ratio = _log_uniform(dice, 1.3, 8)
    low = _log_uniform(dice, 100, 4000 / ratio)
    way = np.linspace(0, 1, size)
    if dice.random() < 0.2:  # waits at its ends
        way = np.clip((way - dice.uniform(0, 0.15)) / dice.uniform(0.7, 0.85), 0, 1)
    if held_out:
        way = way * way * (3 - 2 * way)
    way = way if rising else 1 - way
    pitch = low * ratio**way if dice.random() < 0.5 else low * (1 + (ratio - 1) * way)
    return _faded(dice, _sung(pitch, _wave(dice, held_out)), 0.3)


def _beeps(dice: np.random.Generator, count: int, held_out: bool) -> list[Samples]:
    pitch, wave = _log_uniform(dice, 300, 3000), _wave(dice, held_out)
    length, gap = _log_uniform(dice, 0.06, 0.5), _log_uniform(dice, 0.06, 0.6)
    unsteady = dice.uniform(0, 0.3) if dice.random() < 0.4 else 0.0
    fade = dice.uniform(0, 0.25) if dice.random() < 0.6 else 0.0
    parts: list[Samples] = []
    for _ in range(count):
        long, still = (
            round(float(np.clip(seconds * (1 + unsteady * dice.uniform(-1, 1)), 0.06, most)) * SAMPLE_RATE)
            for seconds, most in ((length, 0.5), (gap, 0.6))
        )
        beep = _sung(np.full(long, pitch), wave) * _ramps(long, int(fade * long), int(fade * long))
        parts += [beep, np.zeros(still, np.float32)]
    return parts[:-1]


def _white(dice: np.random.Generator, held_out: bool) -> Samples:
    size = round(dice.uniform(0.5, 4) * SAMPLE_RATE)
    gain = np.float32(_log_uniform(dice, 0.02, 0.8))
    if held_out:
        samples = dice.random(size, np.float32) - dice.random(size, np.float32)
    elif dice.random() < 0.5:
        samples = dice.standard_normal(size, np.float32)
    else:
        samples = dice.random(size, np.float32) * 2 - 1
    if dice.random() < 0.3:
        samples *= _swell(dice, size, 0.3)
    return _faded(dice, np.clip(samples * gain, -1, 1), 0.3)


def _bell(dice: np.random.Generator, held_out: bool) -> Samples:
    decay = _log_uniform(dice, 0.1, 2.0)
    size = round(float(np.clip(decay * dice.uniform(2, 6), 0.4, 4)) * SAMPLE_RATE)
    time = np.arange(size) / SAMPLE_RATE
    fundamental = _log_uniform(dice, 300, 3000)
    partials = np.array(_HELD_OUT_BELL) if held_out else _cast(dice)
    partials = (partials * dice.uniform(0.99, 1.01, len(partials)))[: int(dice.integers(3, 9))]
    samples = np.zeros(size, np.float32)
    dulling = dice.uniform(0, 1)
    for partial in partials[partials * fundamental < 7800]:
        cycles = time * (partial * fundamental) + dice.random()
        loud = np.exp((time * (-(max(partial, 1) ** dulling) / decay)).astype(np.float32))
        samples += np.float32(dice.uniform(0.3, 1) / max(partial, 1) ** 0.7) * loud * _sine(cycles)
    return samples * _ramps(size, round(dice.uniform(0, 0.005) * SAMPLE_RATE), SAMPLE_RATE // 50)


def _cast(dice: np.random.Generator) -> NDArray[np.float64]:
    """The partials of a bell: of one that exists, or of one that could."""
    if dice.random() < 0.5:
        return np.array(_BELLS[int(dice.integers(len(_BELLS)))])
    return np.cumprod([1.0, *dice.uniform(1.15, 2.6, int(dice.integers(2, 8)))])


def _wave(dice: np.random.Generator, held_out: bool) -> Samples:
    """One period, in 4096 steps: mostly a sine."""
    cycle = np.arange(4096) / 4096
    sine = np.sin(2 * np.pi * cycle)
    form = dice.random()
    if held_out:
        wave = 2 * cycle - 1
    elif form < 0.45:
        wave = sine
    elif form < 0.6:
        wave = 2 * np.abs(2 * cycle - 1) - 1
    elif form < 0.8:
        wave = np.tanh(sine * _log_uniform(dice, 2, 100))
    else:
        tops, fall = range(2, int(dice.integers(3, 24))), dice.uniform(0.8, 2)
        wave = sine + sum(
            dice.uniform(0, 1) / top**fall * np.sin(2 * np.pi * (top * cycle + dice.random())) for top in tops
        )
    return np.asarray(wave / np.abs(wave).max(), np.float32)


def _sung(pitch: NDArray[np.float64], wave: Samples) -> Samples:
    """The wave at a pitch in Hz for each sample."""
    cycles = np.cumsum(pitch) / SAMPLE_RATE
    heard: Samples = wave[np.asarray(cycles * len(wave), np.int64) % len(wave)]
    return heard


def _sine(cycles: NDArray[np.floating]) -> Samples:
    """Single precision is much faster, and exact enough within one cycle."""
    return np.asarray(np.sin(((cycles - np.floor(cycles)) * (2 * np.pi)).astype(np.float32)))


def _faded(dice: np.random.Generator, samples: Samples, most: float) -> Samples:
    """In and out over at most this part of its length, or not at all."""
    fade_in, fade_out = (int(dice.uniform(0, most) * len(samples)) if dice.random() < 0.6 else 0 for _ in range(2))
    faded: Samples = samples * _ramps(len(samples), fade_in, fade_out)
    return faded


def _ramps(size: int, fade_in: int, fade_out: int) -> Samples:
    ramps = np.ones(size, np.float32)
    ramps[:fade_in] = np.arange(fade_in) / max(1, fade_in)
    ramps[size - fade_out :] *= np.arange(fade_out, 0, -1) / max(1, fade_out)
    return ramps


def _swell(dice: np.random.Generator, size: int, depth: float) -> Samples:
    """Slow changes of loudness around 1."""
    cycles = np.arange(size) * (_log_uniform(dice, 0.3, 6) / SAMPLE_RATE) + dice.random()
    loud: Samples = 1 + np.float32(dice.uniform(0, depth)) * _sine(cycles)
    return loud


def _background(dice: np.random.Generator, size: int, level: float) -> Samples:
    """White, pink or brown noise, hum, or far tones that come and go; `level` is its effective value."""
    form = dice.random()
    if form < 0.4:
        samples = dice.standard_normal(size, np.float32)
    elif form < 0.7:
        padded = _quick(size)
        spectrum = np.fft.rfft(dice.standard_normal(padded, np.float32))
        slope = 0.5 if form < 0.55 else 1.0
        frequency = np.maximum(np.arange(len(spectrum)) * (SAMPLE_RATE / padded), 20)
        samples = np.fft.irfft(spectrum / frequency**slope, padded)[:size].astype(np.float32)
    elif form < 0.85:
        mains, time = (50.0, 60.0)[int(dice.integers(2))], np.arange(size) / SAMPLE_RATE
        hum = [dice.uniform(0, 1) / top * _sine(time * mains * top + dice.random()) for top in (1, 2, 3, 4, 6)]
        samples = np.sum(hum, axis=0) + 0.1 * dice.standard_normal(size, np.float32)
    else:
        time = np.arange(size) / SAMPLE_RATE
        tones = [
            _swell(dice, size, 1.0) * _sine(time * _log_uniform(dice, 100, 3000) + dice.random())
            for _ in range(int(dice.integers(5, 9)))
        ]
        samples = np.sum(tones, axis=0) + 0.3 * dice.standard_normal(size, np.float32)
    return np.asarray(samples * (level / np.sqrt(np.mean(np.square(samples)))), np.float32)


def _through_a_room(samples: Samples, dice: np.random.Generator) -> Samples:
    """A gentle tilt of the spectrum, a low-pass, or a short echo; as long as before."""
    padded = _quick(len(samples) + SAMPLE_RATE // 2)
    frequency = np.arange(padded // 2 + 1) * (SAMPLE_RATE / padded)
    form = dice.random()
    if form < 0.4:
        answered = (np.maximum(frequency, 50) / 1000) ** dice.uniform(-0.5, 0.5)
    elif form < 0.7:
        answered = 1 / np.sqrt(1 + (frequency / _log_uniform(dice, 2500, 7000)) ** 8)
    else:
        size = round(dice.uniform(0.05, 0.4) * SAMPLE_RATE)
        echo = dice.standard_normal(size) * np.exp(np.arange(size) * (-6 / size))
        echo *= dice.uniform(0.1, 0.6) / np.sqrt(np.sum(np.square(echo)))
        echo[0] = 1
        answered = np.fft.rfft(echo, padded)
    heard = np.fft.irfft(np.fft.rfft(samples, padded) * answered, padded)
    return heard[: len(samples)].astype(np.float32)


def _at_peak(dice: np.random.Generator, samples: Samples) -> Samples:
    return samples * np.float32(_log_uniform(dice, 0.05, 0.98) / max(1e-9, float(np.abs(samples).max())))


def _level(samples: Samples) -> float:
    """The effective value of what is not silent."""
    power = np.square(samples)
    return float(np.sqrt(power[power > power.max() * 1e-4].mean()))


def _quick(size: int) -> int:
    """A length not much larger, whose Fourier transform is fast."""
    return -(-size // 8000) * 8000


def _decibels(ratio: float) -> float:
    return float(10 ** (ratio / 20))


def _log_uniform(dice: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(dice.uniform(np.log(low), np.log(high))))
