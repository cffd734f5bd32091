"""Speech made faster or slower without a change of pitch, as it streams: FFmpeg's `atempo`.

For voices that cannot themselves, or not as much as is wished.
"""

from __future__ import annotations

from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.filter import Graph

_SLOWEST = 0.5
"""Of one filter; slower speech takes several in a row."""


class Tempo:
    """PCM in, PCM of the same rate out, `speed` times as fast; fed in any pieces."""

    def __init__(self, rate: int, speed: float) -> None:
        """`rate` is in Hz."""
        self._graph, self._rate, self._at = Graph(), rate, 0
        self._source = self._graph.add_abuffer(
            sample_rate=rate, format="s16", layout="mono", time_base=Fraction(1, rate)
        )
        last = self._source
        while speed < _SLOWEST:
            last, speed = self._then(last, _SLOWEST), speed / _SLOWEST
        last = self._then(last, speed)
        self._sink = self._graph.add("abuffersink")
        last.link_to(self._sink)
        self._graph.configure()

    def _then(self, last: av.filter.context.FilterContext, speed: float) -> av.filter.context.FilterContext:
        context = self._graph.add("atempo", f"{speed:.6f}")
        last.link_to(context)
        return context

    def feed(self, pcm: bytes) -> bytes:
        """Take whole signed 16-bit samples; return what can be heard of them."""
        samples = np.frombuffer(pcm, np.int16)
        if not len(samples):
            return b""
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = self._rate, self._at
        self._at += len(samples)
        self._source.push(frame)
        return self._made()

    def flush(self) -> bytes:
        """End the speech."""
        self._source.push(None)
        return self._made()

    def _made(self) -> bytes:
        made = bytearray()
        while True:
            try:
                made += cast(av.AudioFrame, self._sink.pull()).to_ndarray().tobytes()
            except (av.BlockingIOError, av.EOFError):
                return bytes(made)
