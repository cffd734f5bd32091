"""Trains on few rows that stand for many: the silence after a recording, the frames between a video's frames.

Ola pads every recording to 30 s and takes 64 frames of every video, so most rows say the same as others. Attention over
n equal keys is attention over one key whose logit is log n larger; so one of them is kept, in its own position, and
carries that weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.api import SAMPLE_RATE, VIDEO_FRAMES
from engine.model.senses import Hearing
from engine.preprocess import CHUNK_SAMPLES

GROUPS = 3
"""Rows that are kept of the silence."""
BANDS = 8
"""BEATs' patches at one time, one per band of frequencies (docs/reference.md, 5)."""
UNIT_SECONDS = 0.8
"""Recordings are cut to multiples of this: the least that is whole rows of the prompt and whole patches of BEATs."""
MARGIN_SECONDS = 0.32
"""Silence that is always kept after the sound, so that no convolution sees the cut."""
FRAME_SAMPLES = SAMPLE_RATE // 50
CONTEXT, RATE = 1500, 10
"""Encoder frames of a chunk, and how many make one row of the prompt."""


@dataclass(frozen=True, slots=True)
class Tail:
    """Which rows stand for the silence after `frames` encoder frames; `rows` are their indexes in the chunk."""

    frames: int
    rows: tuple[int, ...]

    @classmethod
    def drawn(cls, samples: int, dice: np.random.Generator) -> Tail | None:
        """For recordings of at most `samples`; None if too little silence follows them."""
        unit = round(UNIT_SECONDS * SAMPLE_RATE)
        frames = -(-(samples + round(MARGIN_SECONDS * SAMPLE_RATE)) // unit) * unit // FRAME_SAMPLES
        first, end = frames // RATE, CONTEXT // RATE
        if end - first < 2 * GROUPS:
            return None
        rows = np.sort(dice.choice(np.arange(first, end), GROUPS, replace=False))
        return cls(frames, tuple(int(row) for row in rows))

    @property
    def positions(self) -> Tensor:
        """Encoder frames that are kept: [frames + GROUPS * rate]."""
        groups = torch.tensor(self.rows)[:, None] * RATE + torch.arange(RATE)
        return torch.cat([torch.arange(self.frames), groups.flatten()])

    @property
    def frame_weights(self) -> Tensor:
        """Log of how many frames each kept one stands for: [1, frames + GROUPS * rate]."""
        many = log((CONTEXT - self.frames) / (GROUPS * RATE))
        return torch.cat([torch.zeros(self.frames), torch.full((GROUPS * RATE,), many)])[None]

    @property
    def patch_weights(self) -> Tensor:
        """The same for BEATs, whose last two columns of patches stand for all that follow: [1, frames]."""
        last = 2 * BANDS
        many = log((CONTEXT - 4 - self.frames + last) / last)
        return torch.cat([torch.zeros(self.frames - last), torch.full((last,), many)])[None]


def hear(hearing: Hearing, waves: Tensor, tail: Tail | None) -> Tensor:
    """Both encoders' features of the kept frames.

    Args:
        waves: float32 `[recordings, CHUNK_SAMPLES]` at 16 kHz, silent behind `tail.frames`.
        tail: None to encode all frames as serving does.

    Returns:
        `[recordings, kept frames, channels]`.
    """
    if tail is None:
        return hearing.encode(waves)
    speech = listen(hearing, waves, tail)
    sounds = tag(hearing, waves, tail)
    bands = tail.positions[tail.frames :] % BANDS
    kept = torch.cat([sounds, sounds[:, -BANDS:][:, bands]], dim=1)
    return torch.cat([speech, kept.to(speech.dtype)], dim=-1)


def listen(hearing: Hearing, waves: Tensor, tail: Tail) -> Tensor:
    """Whisper's features of the kept frames."""
    whisper, spare = hearing.whisper, 4  # the stem's last frames see its own zero padding
    with torch.autocast(waves.device.type, enabled=False):
        mel = hearing.log_mel(waves[:, : (tail.frames + spare) * FRAME_SAMPLES])
    stem = whisper.stem(mel)
    silent = stem[:, tail.frames : tail.frames + 1].expand(-1, GROUPS * RATE, -1)
    kept = torch.cat([stem[:, : tail.frames], silent], dim=1)
    positions = tail.positions.to(waves.device)
    return whisper.encode(kept + whisper.positional_embedding[positions], tail.frame_weights.to(waves.device))


def tag(hearing: Hearing, waves: Tensor, tail: Tail) -> Tensor:
    """BEATs' features of the patches that begin in the first `tail.frames` frames: [recordings, frames, channels]."""
    assert hearing.beats is not None
    assert hearing.fbank is not None
    with torch.autocast(waves.device.type, enabled=False):
        fbank = hearing.fbank(waves[:, : tail.frames * FRAME_SAMPLES + 400])[:, : 2 * tail.frames]
    return hearing.beats(fbank, tail.patch_weights.to(waves.device))


def kept_frames(count: int) -> list[int]:
    """Which of a video's frames are kept, from the first to the last."""
    return [round(float(at)) for at in np.linspace(0, VIDEO_FRAMES - 1, count)]


def frame_rows(count: int, each: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], int]:
    """Positions and weights of the rows of `count` kept frames, `each` rows a frame, and how many all frames have."""
    inner = 1 + np.array(kept_frames(count))[:, None] * each + np.arange(each)
    span = 2 + VIDEO_FRAMES * each
    weights = np.full(count * each + 2, log(VIDEO_FRAMES / count), np.float32)
    weights[[0, -1]] = 0
    return np.concatenate([[0], inner.ravel(), [span - 1]]), weights, span


def chunk(samples: npt.NDArray[np.float32]) -> Tensor:
    """A recording of at most 30 s as the encoders take it: [CHUNK_SAMPLES]."""
    wave = torch.zeros(CHUNK_SAMPLES)
    wave[: len(samples)] = torch.from_numpy(samples)
    return wave
