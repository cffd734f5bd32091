"""Speech, noise and rooms at SAMPLE_RATE, float in [-1, 1]."""

from __future__ import annotations

from contextlib import aclosing

import numpy as np
import numpy.typing as npt
import soxr

from engine.api import SAMPLE_RATE
from tts.voice import WIRE_RATE
from tts.voices.espeak import EspeakVoice
from tts.voices.espeak_process import EspeakProcess

Sound = npt.NDArray[np.float64]

_AUDIBLE = 0.02
"""Part of the peak at which speech is taken to begin and to end."""


class Speech:
    """Sentences by espeak, each spoken once."""

    def __init__(self, process: EspeakProcess) -> None:
        self._process, self._said = process, dict[tuple[str, str, str], Sound]()

    async def say(self, text: str, variant: str = "f3", lang: str = "en") -> Sound:
        """Without silence at its ends, at -20 dB of full scale."""
        key = text, variant, lang
        if key not in self._said:
            voice = EspeakVoice("test", self._process, variant=variant)
            async with aclosing(voice.synthesize(text, lang=lang)) as chunks:
                pcm = b"".join([chunk async for chunk in chunks])
            sound = soxr.resample(np.frombuffer(pcm, "<i2") / 32768, voice.sample_rate, SAMPLE_RATE)
            loud = np.flatnonzero(np.abs(sound) > _AUDIBLE * np.abs(sound).max())
            self._said[key] = at_level(sound[loud[0] : loud[-1] + 1], -20)
        return self._said[key]


def at_level(sound: Sound, level: float) -> Sound:
    """With this root mean square, dB of full scale."""
    return sound * (decibels(level) / float(np.sqrt(np.mean(np.square(sound)))))


def decibels(level: float) -> float:
    """As a factor."""
    return float(10 ** (level / 20))


def seconds(count: float) -> Sound:
    """Silence."""
    return np.zeros(round(count * SAMPLE_RATE))


def noisy(sound: Sound, level: float, seed: int = 0) -> Sound:
    """With white noise of this level behind."""
    return sound + np.random.default_rng(seed).normal(size=len(sound)) * decibels(level)


def mixed(length: int, *parts: tuple[int, Sound]) -> Sound:
    """Each part from its sample on."""
    result = np.zeros(length)
    for at, part in parts:
        part = part[: max(length - at, 0)]
        result[at : at + len(part)] += part
    return result


def echoed(played: Sound, gain: float, delay: float, seed: int = 0) -> Sound:
    """What a microphone hears of a loudspeaker: `gain` in dB, `delay` in seconds, in a room that sounds for 0.3 s."""
    count = round(0.3 * SAMPLE_RATE)
    tail = np.random.default_rng(seed).normal(size=count) * np.exp(-6.9 * np.arange(count) / count) * 0.02
    tail[0] = 1
    heard = np.convolve(played, tail)[: len(played)]
    heard *= np.sqrt(np.mean(np.square(played)) / np.mean(np.square(heard)))
    late = round(delay * SAMPLE_RATE)
    return np.concatenate((np.zeros(late), heard))[: len(played)] * decibels(gain)


def pcm(sound: Sound, rate: int = SAMPLE_RATE) -> bytes:
    """As signed 16 bits; WIRE_RATE is for what is played."""
    if rate != SAMPLE_RATE:
        assert rate == WIRE_RATE
        sound = soxr.resample(sound, SAMPLE_RATE, rate)
    return np.clip(np.rint(sound * 32767), -32768, 32767).astype("<i2").tobytes()
