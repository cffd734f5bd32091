"""The sound formats of the wire: a client's bytes to samples at 16 kHz, and our speech to a client's bytes.

Both ways are streams: any cut of the input gives the same output.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import soxr

from engine.api import SAMPLE_RATE
from server.realtime.hearing.g711 import decoded, encoded
from server.realtime.hearing.resampling import Resampler
from tts.voice import WIRE_RATE

Samples = npt.NDArray[np.int16]
Coding = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]

_LAST = SAMPLE_RATE // 10
"""Samples that are kept as they came: more than is ever held back or fills no window."""
_TELEPHONE_RATE = 8_000
"""Of G.711, in Hz."""
_QUALITIES = {SAMPLE_RATE: "HQ", _TELEPHONE_RATE: "LQ"}
"""soxr's, of what goes out: a telephone line has little above 3 kHz, and HQ holds back twice as much."""


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """How sound is written on the wire: mono, PCM as signed 16 bits, little-endian."""

    coding: Coding = "audio/pcm"
    rate: int = WIRE_RATE
    """Hz: 24,000, or for what comes in 16,000; 8,000 if the coding is G.711."""

    def __post_init__(self) -> None:
        rates = (WIRE_RATE, SAMPLE_RATE) if self.coding == "audio/pcm" else (_TELEPHONE_RATE,)
        assert self.rate in rates, f"{self.coding} at {self.rate} Hz"

    @property
    def sample_bytes(self) -> int:
        return 2 if self.coding == "audio/pcm" else 1


PCM = SoundFormat()
PCM_16K = SoundFormat(rate=SAMPLE_RATE)
PCMU = SoundFormat("audio/pcmu", _TELEPHONE_RATE)
PCMA = SoundFormat("audio/pcma", _TELEPHONE_RATE)


class Incoming:
    """A client's bytes in, samples at SAMPLE_RATE out."""

    def __init__(self, format: SoundFormat) -> None:
        self._bytes, self._rate = _WholeSamples(format), format.rate
        self._resampled = None if format.rate == SAMPLE_RATE else Resampler(format.rate)
        self._came = self._out = 0
        self._last = np.empty(0, np.int16)

    @property
    def held(self) -> int:
        """Samples at SAMPLE_RATE that came and are held back."""
        return self._came * SAMPLE_RATE // self._rate - self._out

    def held_with(self, data: bytes) -> int:
        """What is held back and these bytes, in samples at SAMPLE_RATE: as many as `feed` and `flush` would return."""
        came = self._came + self._bytes.whole(len(data))
        return -(-came * SAMPLE_RATE // self._rate) - self._out

    def feed(self, data: bytes) -> Samples:
        """Take bytes, cut anywhere; return int16 samples. The last 1 to 9 ms are not among them yet."""
        came = self._bytes.feed(data)
        self._came += len(came)
        most = self._rate * _LAST // SAMPLE_RATE
        self._last = came[-most:] if len(came) >= most else np.concatenate((self._last, came))[-most:]
        samples = came if self._resampled is None else self._resampled.feed(came)
        self._out += len(samples)
        return samples

    def last(self, samples: int) -> Samples:
        """What came last as it came, at the client's rate: as much as `samples` at SAMPLE_RATE, a tenth of a second at
        most."""
        return self._last[-(-samples * self._rate // SAMPLE_RATE) :]

    def flush(self) -> Samples:
        """Return what was held back; half a sample is dropped. What is fed afterwards is a new stream."""
        self._bytes.flush()
        self._came = self._out = 0
        return np.empty(0, np.int16) if self._resampled is None else self._resampled.flush()


class Outgoing:
    """Speech as PCM at WIRE_RATE in, a client's bytes out."""

    def __init__(self, format: SoundFormat) -> None:
        self._format = format
        self._bytes = _WholeSamples(PCM)
        self._resampled = None if format.rate == WIRE_RATE else _Outward(format.rate)

    def feed(self, pcm: bytes) -> bytes:
        """Take signed 16-bit little-endian mono PCM, cut anywhere; return what can be sent of it."""
        samples = self._bytes.feed(pcm)
        return self._written(samples if self._resampled is None else self._resampled.feed(samples))

    def flush(self) -> bytes:
        """Return what was held back. What is fed afterwards is a new stream."""
        self._bytes.flush()
        return b"" if self._resampled is None else self._written(self._resampled.flush())

    def _written(self, samples: Samples) -> bytes:
        if self._format.coding == "audio/pcm":
            return samples.astype("<i2", copy=False).tobytes()
        return encoded(samples, self._format.coding)


class _WholeSamples:
    """Bytes to samples; half a sample waits for its other half."""

    def __init__(self, format: SoundFormat) -> None:
        self._format, self._half = format, b""

    def whole(self, size: int) -> int:
        """Samples that so many bytes more would make."""
        return (len(self._half) + size) // self._format.sample_bytes

    def feed(self, data: bytes) -> Samples:
        if self._format.coding != "audio/pcm":
            return decoded(data, self._format.coding)
        data = self._half + data
        whole = len(data) - len(data) % 2
        self._half = data[whole:]
        return np.frombuffer(data[:whole], np.dtype("<i2"))

    def flush(self) -> None:
        self._half = b""


class _Outward:
    """int16 at WIRE_RATE in, at `rate` out. Counted in float in between, since soxr dithers integers at random."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._stream = self._new()

    def _new(self) -> Any:
        return soxr.ResampleStream(WIRE_RATE, self._rate, 1, dtype="float32", quality=_QUALITIES[self._rate])

    def feed(self, samples: Samples) -> Samples:
        return self._resampled(samples, last=False)

    def flush(self) -> Samples:
        rest = self._resampled(np.empty(0, np.int16), last=True)
        self._stream = self._new()
        return rest

    def _resampled(self, samples: Samples, *, last: bool) -> Samples:
        made = self._stream.resample_chunk(samples.astype(np.float32), last=last)
        np.rint(made, out=made)
        np.minimum(made, 32767, out=made)  # np.clip takes three times as long for so little
        np.maximum(made, -32768, out=made)
        rounded: Samples = made.astype(np.int16)
        return rounded
