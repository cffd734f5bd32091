"""Recordings and soundtracks: decoded at their own rate, mixed to mono, resampled once to what the model hears.

The samples equal `librosa.load(file, sr=16000)`, which the reference uses (docs/reference.md, 5).
"""

from __future__ import annotations

import io
import logging
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from anyio import to_thread

from engine.api import MAX_SOUND_SECONDS, SAMPLE_RATE, Sound
from server.media.container import command, open_input, stored
from server.media.errors import MediaError
from server.media.process import ChildError, output_of

Samples = npt.NDArray[np.float32]

PCM16_RATE = 24_000
"""Rate of OpenAI's headerless pcm16, in Hz."""

# One second more than is kept, so that the resampler's last samples know what follows.
_READ_SECONDS = MAX_SOUND_SECONDS + 1
_RATES = range(1000, 768_001)
_BLOCK_VALUES = 1 << 20
_AU_HEADER = struct.Struct(">4s5I")

_log = logging.getLogger(__name__)


async def decode_sound(data: bytes, digest: str, decode_seconds: float) -> Sound:
    """Decode a recording; of a longer one the first MAX_SOUND_SECONDS, since the model hears no more.

    libsndfile reads wav, flac, ogg, opus and mp3; ffmpeg reads everything else, also the soundtrack of a video file.
    A file that ends early is heard as far as it goes, unless its decoder cannot. Cancelling it kills ffmpeg.

    Raises:
        MediaError: damaged, of an unknown format, or without a single sample.
    """
    samples = await to_thread.run_sync(_through_libsndfile, data)
    if samples is None:
        async with stored(data) as path:
            try:
                samples = await decode_stream(path, None, decode_seconds)
            except ChildError as error:
                raise _damaged() from error
    return _sound(samples, digest)


def decode_pcm16(data: bytes, digest: str) -> Sound:
    """OpenAI's pcm16: 24 kHz, mono, little endian, without a header.

    Raises:
        MediaError: half a sample at the end.
    """
    if len(data) % 2:
        raise MediaError("pcm16 must have two bytes per sample.")
    values = np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768)
    return _sound(_heard(iter([values[: _READ_SECONDS * PCM16_RATE, None]]), PCM16_RATE), digest)


async def decode_stream(path: Path, stream: int | None, decode_seconds: float) -> Samples:
    """Sound stream number `stream` of a file, or its first one, through ffmpeg: float32 mono at SAMPLE_RATE.

    Raises:
        ChildError: there is none, or it cannot be decoded.
        MediaError: it takes longer than `decode_seconds`.
    """
    source = open_input(path)["a:0" if stream is None else str(stream)]
    # An au header tells the rate and channels that ffmpeg really decodes; a probe may tell those of a simpler decoder.
    output = source.output("pipe:", format="au", acodec="pcm_f32be", t=_READ_SECONDS)
    return await output_of(command(output), _read_au, decode_seconds)


def _sound(samples: Samples, digest: str) -> Sound:
    if not samples.size:
        raise MediaError("the recording holds no sound.")
    return Sound(samples[: MAX_SOUND_SECONDS * SAMPLE_RATE], digest)


def _through_libsndfile(data: bytes) -> Samples | None:
    """The sound, or None if libsndfile does not know the format."""
    try:
        source = soundfile.SoundFile(io.BytesIO(data))
    except soundfile.LibsndfileError:
        return None
    with source:
        try:
            return _heard(_blocks(source), source.samplerate)
        except soundfile.LibsndfileError as error:
            _log.warning("sound of %d bytes, %s: %s", len(data), source.format, error)
            raise _damaged() from error


def _blocks(source: soundfile.SoundFile) -> Iterator[Samples]:
    left, step = _READ_SECONDS * source.samplerate, max(1, _BLOCK_VALUES // source.channels)
    while left > 0 and len(block := source.read(min(left, step), dtype="float32", always_2d=True)):
        yield block
        left -= len(block)


def _read_au(output: IO[bytes]) -> Samples:
    header = output.read(_AU_HEADER.size)
    if len(header) < _AU_HEADER.size:
        return np.empty(0, np.float32)  # nothing was decoded; the exit status tells more
    _, data_start, _, _, rate, channels = _AU_HEADER.unpack(header)
    output.read(data_start - _AU_HEADER.size)
    return _heard(_au_blocks(output, channels), rate)


def _au_blocks(output: IO[bytes], channels: int) -> Iterator[Samples]:
    frame = 4 * channels
    step = frame * max(1, _BLOCK_VALUES // channels)
    while block := output.read(step):
        yield np.frombuffer(block, ">f4", count=len(block) // frame * channels).reshape(-1, channels).astype(np.float32)


def _heard(blocks: Iterator[Samples], rate: int) -> Samples:
    """Mono at SAMPLE_RATE of blocks `[frames, channels]` at `rate`. In a stream, so that only the result is held."""
    if rate not in _RATES:
        raise MediaError(f"a sample rate of {rate} Hz is not supported.")
    mono = (_finite(block.mean(axis=1)) for block in blocks)
    if rate == SAMPLE_RATE:
        return _joined(list(mono))
    resampler, length, pieces = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ"), 0, []
    for block in mono:
        length += len(block)
        pieces.append(resampler.resample_chunk(block))
    pieces.append(resampler.resample_chunk(np.empty(0, np.float32), last=True))
    return _fitted(_joined(pieces), math.ceil(length * (SAMPLE_RATE / rate)))


def _finite(samples: Samples) -> Samples:
    if not np.isfinite(samples).all():  # a float file may hold them, and they would spread over a whole batch
        raise MediaError("the sound holds values that are not numbers.")
    return samples


def _joined(pieces: list[Samples]) -> Samples:
    return np.concatenate(pieces) if pieces else np.empty(0, np.float32)


def _fitted(samples: Samples, length: int) -> Samples:
    """soxr rounds a length where librosa rounds it up, with silence."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def _damaged() -> MediaError:
    return MediaError("the recording is damaged or of an unknown format.")
