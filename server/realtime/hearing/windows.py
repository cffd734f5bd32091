"""The windows that sound is judged by, and how loud each is."""

from __future__ import annotations

from math import log10

import numpy as np
import numpy.typing as npt

WINDOW = 512
"""Samples that the voice activity model hears at once: 32 ms."""
FRAMES = 4
FRAME = WINDOW // FRAMES
"""Samples of a frame of an envelope: 8 ms, so that the delay of an echo is found closely enough."""
SILENT = -96.0
"""dB of full scale, about the last bit of 16; nothing is taken to be lower."""

Samples = npt.NDArray[np.int16]
Levels = npt.NDArray[np.float64]


class Windows:
    """Samples in any pieces in, whole windows out."""

    def __init__(self) -> None:
        self._rest: Samples = np.empty(0, np.int16)

    @property
    def rest(self) -> int:
        """Samples that wait for the rest of their window."""
        return len(self._rest)

    def feed(self, samples: Samples) -> Samples:
        """Take int16 samples; return those that fill windows, `[n, WINDOW]`."""
        samples = np.concatenate((self._rest, samples))
        count = len(samples) // WINDOW
        self._rest = samples[count * WINDOW :]
        return samples[: count * WINDOW].reshape(count, WINDOW)


def powers(windows: Samples) -> Levels:
    """The mean squares of the frames of windows as parts of full scale, `[n, WINDOW]` to `[n, FRAMES]`."""
    frames = windows.reshape(len(windows), FRAMES, FRAME).astype(np.float64)
    mean: Levels = np.einsum("nfs,nfs->nf", frames, frames) / (FRAME * 32768**2)
    return mean


def decibels(power: Levels) -> Levels:
    """Of full scale, SILENT at least."""
    levels: Levels = 10 * np.log10(np.maximum(power, 10 ** (SILENT / 10)))
    return levels


def level_of(samples: Samples) -> float:
    """The level of these samples, at least one, in dB of full scale."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) / 32768**2
    return 10 * log10(max(power, 10 ** (SILENT / 10)))


def mean_level(frames: Levels) -> float:
    """The level of all these frames together, all in dB of full scale."""
    return 10 * log10(sum(10 ** (level / 10) for level in frames.tolist()) / len(frames))
