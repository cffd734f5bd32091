"""PCM in, an audio file out while it grows: one continuous stream per answer, playable when joined.

Knows the container and codec options that let bytes leave at once; knows nothing of voices.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import av
import numpy as np

from tts.voice import WIRE_RATE

_SAMPLE_BYTES = 2
_UNKNOWN_SIZE = 0xFFFFFFFF


class UnknownFormatError(Exception):
    """No encoder has this name. `known` lists those that exist."""

    def __init__(self, name: str) -> None:
        self.name, self.known = name, [*FORMATS]
        super().__init__(f"Unknown audio format {name!r}. Known formats: {', '.join(self.known)}.")


@dataclass(frozen=True, slots=True)
class Format:
    """One way of sending speech."""

    name: str
    media_type: str
    container: str = ""
    codec: str = ""
    bit_rate: int = 0
    container_options: Mapping[str, str] = field(default_factory=dict)
    codec_options: Mapping[str, str] = field(default_factory=dict)


_ALL = (
    Format("wav", "audio/wav"),
    Format("pcm16", "audio/pcm"),
    # No header that would have to be written again at the end.
    Format("mp3", "audio/mpeg", "mp3", "libmp3lame", 64_000, {"write_xing": "0", "id3v2_version": "0"}),
    # 24 ms a frame; by default it is 4,608 samples, 192 ms.
    Format("flac", "audio/flac", "flac", "flac", 0, {"metadata_header_padding": "0"}, {"frame_size": "576"}),
    # The Ogg muxer collects a second of packets by default.
    Format("opus", "audio/ogg", "ogg", "libopus", 48_000, {"page_duration": "20000", "flush_packets": "1"}),
    Format("aac", "audio/aac", "adts", "aac", 64_000),
)
FORMATS: Mapping[str, Format] = MappingProxyType({each.name: each for each in _ALL} | {"pcm": _ALL[1]})
"""By OpenAI's names; `pcm` is pcm16. All are mono at `WIRE_RATE`."""


class Encoder(Protocol):
    """Everything returned by `feed` and then `flush`, joined, is one file."""

    def feed(self, pcm: bytes) -> bytes:
        """Take signed 16-bit little-endian mono PCM at `WIRE_RATE`, cut anywhere; return what can be sent."""
        ...

    def flush(self) -> bytes:
        """End the file. A second call returns nothing."""
        ...


def encoder(name: str) -> Encoder:
    """A new encoder for the format of this name.

    Raises:
        UnknownFormatError: it is not in `FORMATS`.
    """
    chosen = _format(name)
    if chosen.codec:
        return _CodecEncoder(chosen, _Sink())
    return _RawEncoder(_wav_header(None) if chosen.name == "wav" else b"")


def encode_file(pcm: bytes, name: str) -> bytes:
    """A complete file, with the sizes in its header that a stream cannot know. `pcm` is as `Encoder.feed` takes it.

    Raises:
        UnknownFormatError: it is not in `FORMATS`.
    """
    chosen = _format(name)
    if not chosen.codec:
        return _wav_header(len(pcm)) + pcm if chosen.name == "wav" else pcm
    file = io.BytesIO()
    codec = _CodecEncoder(chosen, file)
    codec.feed(pcm)
    codec.flush()
    return file.getvalue()


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise UnknownFormatError(name)
    return FORMATS[name]


def _wav_header(data_size: int | None) -> bytes:
    """RIFF header of 44 bytes; a stream's sizes are the largest, which players read as "until the end"."""
    size = _UNKNOWN_SIZE if data_size is None else data_size
    riff = _UNKNOWN_SIZE if data_size is None else data_size + 36
    rates = (WIRE_RATE, WIRE_RATE * _SAMPLE_BYTES, _SAMPLE_BYTES, 8 * _SAMPLE_BYTES)
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", riff, b"WAVE", b"fmt ", 16, 1, 1, *rates, b"data", size)


class _RawEncoder:
    """PCM as it is, behind an optional header."""

    def __init__(self, header: bytes) -> None:
        self._header = header

    def feed(self, pcm: bytes) -> bytes:
        header, self._header = self._header, b""
        return header + pcm

    def flush(self) -> bytes:
        return self.feed(b"")


class _Sink:
    """A file that can only be written to, so that no muxer goes back to change what was sent."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken, self._written = bytes(self._written), bytearray()
        return taken


class _CodecEncoder:
    """FFmpeg's encoders through PyAV."""

    def __init__(self, chosen: Format, sink: _Sink | io.BytesIO) -> None:
        self._sink = sink
        self._container: Any = av.open(
            sink, "w", format=chosen.container, container_options=dict(chosen.container_options)
        )
        self._stream = self._container.add_stream(chosen.codec, rate=WIRE_RATE, options=dict(chosen.codec_options))
        self._stream.layout = "mono"
        if chosen.bit_rate:
            self._stream.bit_rate = chosen.bit_rate
        self._rest = b""
        self._samples = 0
        self._ended = False

    def feed(self, pcm: bytes) -> bytes:
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % _SAMPLE_BYTES
        self._rest = pcm[whole:]
        if whole:
            self._encode(np.frombuffer(pcm[:whole], np.dtype("<i2")))
        return self._take()

    def flush(self) -> bytes:
        if not self._ended:
            self._ended = True
            self._container.mux(self._stream.encode(None))
            self._container.close()
        return self._take()

    def _encode(self, samples: np.ndarray[Any, np.dtype[np.int16]]) -> None:
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = WIRE_RATE
        frame.pts = self._samples
        self._samples += len(samples)
        self._container.mux(self._stream.encode(frame))

    def _take(self) -> bytes:
        return self._sink.take() if isinstance(self._sink, _Sink) else b""
