"""Sounds of the demo's world at 16 kHz: tones, beeps, a bell, noise, and speech from the espeak-ng program."""

from __future__ import annotations

import io
import shutil
import subprocess
from random import Random

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

RATE = 16_000
ESPEAK_RATE = 22_050
VOICES = ("en-us", "en-gb", "en-gb-scotland", "en-029")
VARIANTS = (*(f"m{index}" for index in range(1, 8)), *(f"f{index}" for index in range(1, 5)))

Samples = npt.NDArray[np.float64]


def can_speak() -> bool:
    return shutil.which("espeak-ng") is not None


def voice(random: Random) -> list[str]:
    """Options of espeak-ng."""
    name = f"{random.choice(VOICES)}+{random.choice(VARIANTS)}"
    return ["-v", name, "-s", str(random.randint(130, 190)), "-p", str(random.randint(35, 65))]


def speech(random: Random, sentence: str) -> Samples:
    """The sentence in one of the voices; in two of three cases 15 to 40 dB above some noise."""
    leveled = clean_speech(random, sentence)
    return noisy(random, leveled) if random.random() < 2 / 3 else leveled


def clean_speech(random: Random, sentence: str) -> Samples:
    """The sentence in one of the voices, with silence around it."""
    command = ["espeak-ng", *voice(random), "--stdout", sentence]
    stored = subprocess.run(command, check=True, capture_output=True).stdout
    # Written to a pipe, the header's lengths are not true: the samples are all that follows.
    start = stored.index(b"data") + 8
    spoken = np.frombuffer(stored[start : start + (len(stored) - start) // 2 * 2], "<i2") / 32768
    spoken = soxr.resample(spoken, ESPEAK_RATE, RATE)
    around = [np.zeros(round(RATE * random.uniform(0.05, 0.4))) for _ in range(2)]
    return at_level(random, np.concatenate([around[0], spoken, around[1]]))


def at_level(random: Random, samples: Samples) -> Samples:
    return samples * (random.uniform(0.15, 0.9) / float(np.abs(samples).max()))


def noisy(random: Random, samples: Samples) -> Samples:
    """With white or low noise behind."""
    noise = white(random, len(samples))
    if random.random() < 0.5:
        noise = np.convolve(noise, np.hanning(random.randint(4, 30)), mode="same")
    ratio = 10 ** (-random.uniform(15, 40) / 20)
    return samples + noise * (ratio * float(np.std(samples) / np.std(noise)))


def white(random: Random, count: int) -> Samples:
    return np.random.default_rng(random.getrandbits(32)).normal(size=count)


def times(seconds: float) -> Samples:
    return np.arange(round(seconds * RATE), dtype=np.float64) / RATE


def faded(samples: Samples, seconds: float = 0.01) -> Samples:
    """Without a click at either end."""
    ramp = np.linspace(0, 1, round(seconds * RATE))
    envelope: Samples = np.concatenate([ramp, np.ones(len(samples) - 2 * len(ramp)), ramp[::-1]])
    return samples * envelope


def glide(random: Random, rising: bool) -> Samples:
    low = random.uniform(200, 700)
    first, last = (low, low * random.uniform(2, 4)) if rising else (low * random.uniform(2, 4), low)
    elapsed = times(random.uniform(0.8, 3))
    frequency = first * (last / first) ** (elapsed / elapsed[-1])
    return at_level(random, faded(np.sin(2 * np.pi * np.cumsum(frequency) / RATE)))


def beeps(random: Random, count: int) -> Samples:
    frequency, gap = random.uniform(400, 1800), np.zeros(round(RATE * random.uniform(0.12, 0.35)))
    beep = faded(np.sin(2 * np.pi * frequency * times(random.uniform(0.1, 0.25))))
    return at_level(random, np.concatenate([gap, *([beep, gap] * count)]))


def bell(random: Random) -> Samples:
    """Partials as of a church bell, the higher ones dying sooner."""
    elapsed, root = times(random.uniform(1, 3)), random.uniform(350, 900)
    partials = ((0.5, 0.5), (1, 1), (1.2, 0.7), (1.5, 0.4), (2, 0.6), (2.7, 0.3), (3.0, 0.2), (4.1, 0.15))
    decay = random.uniform(2, 4)
    rung = [
        loud * np.sin(2 * np.pi * root * ratio * elapsed) * np.exp(-elapsed * decay * ratio**0.5)
        for ratio, loud in partials
    ]
    return at_level(random, faded(np.sum(rung, axis=0), 0.003))


def noise(random: Random) -> Samples:
    return at_level(random, faded(white(random, round(RATE * random.uniform(0.8, 3)))))


def silence(random: Random) -> Samples:
    """Nothing at all, or what a quiet room leaves on a microphone."""
    count = round(RATE * random.uniform(0.8, 3))
    return white(random, count) * random.choice((0.0, 1e-4, 3e-4))


def wav(samples: Samples) -> bytes:
    stored = io.BytesIO()
    soundfile.write(stored, np.clip(samples, -1, 1), RATE, format="WAV", subtype="PCM_16")
    return stored.getvalue()
