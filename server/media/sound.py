"""Recordings and soundtracks: decoded at their own rate, mixed to mono, resampled once to what the model hears.

The samples equal `librosa.load(file, sr=16000)`, which the reference uses (docs/reference.md, 5). Runs in a decoder
process.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from itertools import chain
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from engine.api import MAX_SOUND_SECONDS, SAMPLE_RATE
from server.media.container import UnreadableError, decoded, only, opened
from server.media.errors import MediaError
from server.media.job import Allocate, Array

Samples = npt.NDArray[np.float32]

PCM16_RATE = 24_000
"""Rate of OpenAI's headerless pcm16, in Hz."""

# One second more than is kept, so that the resampler's last samples know what follows.
_READ_SECONDS = MAX_SOUND_SECONDS + 1
_RATES = range(1000, 768_001)
_BLOCK_VALUES = 1 << 20
_UNKNOWN_LENGTH = 2**62


def decode_sound(file: int, allocate: Allocate) -> list[Array]:
    """Decode a recording: float32 mono at SAMPLE_RATE; of a longer one the first MAX_SOUND_SECONDS, since the model
    hears no more.

    libsndfile reads wav, flac, ogg, opus and mp3; FFmpeg reads everything else, also the soundtrack of a video file.
    A file that ends early is heard as far as it goes, unless its decoder cannot.

    Raises:
        MediaError: damaged, of an unknown format, or without a single sample.
    """
    return _kept(_joined(list(stream_sound(file, _READ_SECONDS))), allocate)


def stream_sound(file: int, seconds: float) -> Iterator[Samples]:
    """The first `seconds` of a recording as `decode_sound` has them, in pieces, as they are decoded.

    Raises:
        MediaError: damaged or of an unknown format.
    """
    source = _known_to_libsndfile(file)
    if source is None:
        yield from _through_ffmpeg(file, seconds)
        return
    with source:
        try:
            yield from _heard(_blocks(source, seconds), source.samplerate)
        except soundfile.LibsndfileError as error:
            raise _damaged() from error


def decode_pcm16(file: int, allocate: Allocate) -> list[Array]:
    """OpenAI's pcm16: 24 kHz, mono, little endian, without a header.

    Raises:
        MediaError: half a sample at the end.
    """
    if os.fstat(file).st_size % 2:
        raise MediaError("pcm16 must have two bytes per sample.")
    values = np.frombuffer(os.pread(file, 2 * _READ_SECONDS * PCM16_RATE, 0), "<i2")
    heard = _heard(iter([values[:, None].astype(np.float32) / np.float32(32768)]), PCM16_RATE)
    return _kept(_joined(list(heard)), allocate)


def decode_stream(file: int) -> Samples:
    """The first sound stream of a file, as far as the model hears it and a little further, through FFmpeg.

    Raises:
        UnreadableError: there is none, or it cannot be decoded.
        MediaError: what it holds is no sound that could be heard.
    """
    return _joined(list(_frames_heard(file, _READ_SECONDS)))


def _through_ffmpeg(file: int, seconds: float) -> Iterator[Samples]:
    try:
        yield from _frames_heard(file, seconds)
    except UnreadableError as error:
        raise _damaged() from error


def _frames_heard(file: int, seconds: float) -> Iterator[Samples]:
    with opened(file) as container:
        if not container.streams.audio:
            raise UnreadableError("no sound")
        frames = decoded(container, only(container, container.streams.audio[0]))
        first = next(frames, None)
        if first is not None:
            yield from _heard(_frame_blocks(chain([first], frames), first, seconds), first.sample_rate)


def _kept(samples: Samples, allocate: Allocate) -> list[Array]:
    if not samples.size:
        raise MediaError("the recording holds no sound.")
    samples = samples[: MAX_SOUND_SECONDS * SAMPLE_RATE]
    room = allocate(samples.shape, "float32")
    room[:] = samples
    return [room]


def _known_to_libsndfile(file: int) -> soundfile.SoundFile | None:
    os.lseek(file, 0, os.SEEK_SET)
    try:
        source = soundfile.SoundFile(file, closefd=False)
    except soundfile.LibsndfileError:
        return None
    if source.frames < _UNKNOWN_LENGTH:
        return source
    source.close()  # a FLAC that was made as a stream: libsndfile opens it and cannot read it
    return None


def _blocks(source: soundfile.SoundFile, seconds: float) -> Iterator[Samples]:
    left, step = round(seconds * source.samplerate), max(1, _BLOCK_VALUES // source.channels)
    while left > 0 and len(block := source.read(min(left, step), dtype="float32", always_2d=True)):
        yield block
        left -= len(block)


def _frame_blocks(frames: Iterator[Any], first: Any, seconds: float) -> Iterator[Samples]:
    """The frames' samples as `[frames, channels]`, all with the rate and channels of the first one."""
    left, shape = round(seconds * first.sample_rate), None
    for frame in frames:
        if shape != (shape := (frame.format.name, frame.layout.name, frame.sample_rate)):
            converter = av.AudioResampler("flt", first.layout, first.sample_rate)
        frame.pts = None  # gaps and overlaps are not filled: what was recorded is heard in a row
        for part in converter.resample(frame):
            block = part.to_ndarray().reshape(-1, len(first.layout.channels))[:left]
            yield block
            left -= len(block)
        if left <= 0:
            return


def _heard(blocks: Iterator[Samples], rate: int) -> Iterator[Samples]:
    """Mono at SAMPLE_RATE of blocks `[frames, channels]` at `rate`, as they come."""
    if rate not in _RATES:
        raise MediaError(f"a sample rate of {rate} Hz is not supported.")
    mono = (_finite(block.mean(axis=1)) for block in blocks)
    if rate == SAMPLE_RATE:
        yield from mono
        return
    resampler, length, made = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ"), 0, 0
    for block in mono:
        length += len(block)
        piece = resampler.resample_chunk(block)
        made += len(piece)
        yield piece
    # soxr rounds a length where librosa rounds it up, with silence.
    rest = math.ceil(length * (SAMPLE_RATE / rate)) - made
    last = resampler.resample_chunk(np.empty(0, np.float32), last=True)[:rest]
    yield np.pad(last, (0, rest - len(last)))


def _finite(samples: Samples) -> Samples:
    if not np.isfinite(samples).all():  # a float file may hold them, and they would spread over a whole batch
        raise MediaError("the sound holds values that are not numbers.")
    return samples


def _joined(pieces: list[Samples]) -> Samples:
    return np.concatenate(pieces) if pieces else np.empty(0, np.float32)


def _damaged() -> MediaError:
    return MediaError("the recording is damaged or of an unknown format.")
