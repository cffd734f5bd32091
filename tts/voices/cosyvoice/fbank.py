"""Kaldi's log mel filter banks, which the speaker model was trained on, where torchaudio does not work.

Povey's window, no dither, no energy; the same numbers as `torchaudio.compliance.kaldi.fbank` with these defaults.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

_FRAME_SECONDS, _HOP_SECONDS = 0.025, 0.010
_PRE_EMPHASIS = 0.97
_LOWEST = 20.0
"""Hz; the highest is half the sampling rate."""
_FLOOR = float(np.finfo(np.float32).eps)

Array = np.ndarray[Any, np.dtype[np.float64]]


def fbank(waveform: Tensor, *, num_mel_bins: int = 23, dither: float = 0.0, sample_frequency: float = 16_000) -> Tensor:
    """float32 [1, samples] in [-1, 1] -> float32 [frames, bins]. The arguments have torchaudio's names.

    Raises:
        ValueError: dither is asked for, or the recording is shorter than a frame.
    """
    frame, hop = round(_FRAME_SECONDS * sample_frequency), round(_HOP_SECONDS * sample_frequency)
    samples = waveform[0].numpy().astype(np.float64)
    if dither:
        raise ValueError("This filter bank has no dither.")
    if len(samples) < frame:
        raise ValueError(f"{len(samples)} samples are less than a frame of {frame}.")
    frames = np.lib.stride_tricks.sliding_window_view(samples, frame)[::hop]
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate((frames[:, :1], frames[:, :-1]), axis=1)
    window = np.hanning(frame) ** 0.85
    size = 1 << (frame - 1).bit_length()
    power = np.abs(np.fft.rfft((frames - _PRE_EMPHASIS * before) * window, size)) ** 2
    energies = power[:, :-1] @ _triangles(num_mel_bins, size, sample_frequency)
    return torch.from_numpy(np.log(np.maximum(energies, _FLOOR)).astype(np.float32))


def _triangles(bins: int, size: int, rate: float) -> Array:
    """[size / 2, bins]: triangles that are equally wide on the mel scale and overlap by half."""
    edges = np.linspace(_mel(np.array(_LOWEST)), _mel(np.array(rate / 2)), bins + 2)
    at = _mel(np.arange(size // 2) * rate / size)[:, None]
    width = edges[1] - edges[0]
    return np.asarray(np.maximum(0.0, np.minimum((at - edges[:-2]) / width, (edges[2:] - at) / width)))


def _mel(hertz: Array) -> Array:
    return np.asarray(1127.0 * np.log1p(hertz / 700.0))
