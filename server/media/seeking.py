"""Finds single frames of a long video without decoding all of it: packets tell which frames there are, and from the key
frame before a wanted one on is decoded. Exact or not at all: whatever does not come as foretold is a doubt.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from server.media.container import frames_of
from server.media.errors import too_large

# One packet is one frame there, seen when its timestamp says; and these containers find a place by its timestamp.
_CODECS = frozenset({"h264", "hevc", "av1", "libdav1d", "vp9"})
_CONTAINERS = ("mov", "matroska")

_MOST_PACKETS = 2_000_000
"""Two hours at 240 frames a second."""
_IDR = 5
"""Type of a slice after which nothing refers to what came before (ITU-T H.264, 7.4.1)."""


class DoubtError(Exception):
    """The frames do not come as the packets said."""


@dataclass(slots=True)
class Key:
    """A packet at which decoding can begin."""

    shown: int
    sent: int
    """Presentation and decoding timestamps."""


@dataclass(slots=True)
class FrameIndex:
    """What a walk over the packets of a stream tells of its frames."""

    packets: int = 0
    exact: bool = False
    """Frame number i is shown at `times[i]`."""
    times: list[int] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)

    def plan(self, indices: Sequence[int]) -> list[tuple[Key, list[int]]]:
        """From which key each frame is decoded, in the order of time. Frames that share a key are found in one go."""
        keys = [key.shown for key in self.keys]
        before = {index: bisect_right(keys, self.times[index]) - 1 for index in indices}
        return [(self.keys[key], list(group)) for key, group in groupby(before, before.__getitem__)]

    def is_worth_it(self, indices: npt.NDArray[np.int64]) -> bool:
        """Whether seeking is possible, and decodes less than half of all frames."""
        if not self.exact:
            return False
        spans = ((bisect_left(self.times, key.shown), group[-1]) for key, group in self.plan(indices.tolist()))
        return sum(last - first + 1 for first, last in spans) < self.packets / 2


def frame_index(container: Any, stream: Any) -> FrameIndex:
    """Walk over all packets, without decoding any.

    Raises:
        MediaError: there are absurdly many.
    """
    codec = stream.codec_context.codec.name
    index = FrameIndex(exact=codec in _CODECS and container.format.name.startswith(_CONTAINERS))
    prefix = _length_bytes(stream.codec_context.extradata) if codec == "h264" else 0
    for packet in container.demux(stream):
        if packet.size == 0:
            continue  # the end
        if (packets := index.packets + (not packet.is_discard)) > _MOST_PACKETS:
            raise too_large("the video has too many frames.")
        index.packets = packets
        if packet.pts is None or packet.is_corrupt:
            index.exact = False
        if not index.exact:
            continue
        if packet.is_keyframe and (codec != "h264" or _has_idr(bytes(packet), prefix)):
            index.keys.append(Key(packet.pts, packet.pts if packet.dts is None else min(packet.pts, packet.dts)))
        if not packet.is_discard:  # an edit list hides the others, though frames may refer to them
            index.times.append(packet.pts)
    return _checked(index)


def _checked(index: FrameIndex) -> FrameIndex:
    index.times.sort()
    grows = all(a.shown < b.shown for a, b in zip(index.keys, index.keys[1:], strict=False))
    distinct = all(a < b for a, b in zip(index.times, index.times[1:], strict=False))
    begins = bool(index.times and index.keys) and index.keys[0].shown <= index.times[0]
    index.exact = index.exact and grows and distinct and begins
    return index


def sought(container: Any, stream: Any, index: FrameIndex, indices: npt.NDArray[np.int64]) -> Iterator[tuple[int, Any]]:
    """The frames at `indices`, each once, with their numbers.

    Raises:
        DoubtError: what was decoded differs from what the packets said. What has come so far may be wrong as well.
    """
    for key, group in index.plan(indices.tolist()):
        left = dict.fromkeys(group)
        for position, frame in _from(container, stream, index, key):
            if position in left:
                del left[position]
                yield position, frame
            if not left:
                break
        if left:
            raise DoubtError


def _from(container: Any, stream: Any, index: FrameIndex, key: Key) -> Iterator[tuple[int, Any]]:
    """All frames from `key` on with their numbers."""
    position = bisect_left(index.times, key.shown)
    container.seek(key.sent, stream=stream)
    for packet in _packets_from(container, stream, key):
        for frame in frames_of(packet):
            if frame.pts is not None and frame.pts < key.shown:
                continue  # sent after the key, shown before it, and maybe referring to what was not decoded
            if position == len(index.times) or frame.pts != index.times[position]:
                raise DoubtError
            yield position, frame
            position += 1


def _packets_from(container: Any, stream: Any, key: Key) -> Iterator[Any]:
    packets = container.demux(stream)
    for packet in packets:
        if packet.pts == key.shown:
            yield packet
            yield from packets
            return
        if packet.size == 0 or (packet.dts is not None and packet.dts > key.shown):
            raise DoubtError


def _length_bytes(extradata: bytes | None) -> int:
    """How many bytes say the length of a unit (ISO/IEC 14496-15, 5.3.3.1); 0 if units are not stored with lengths."""
    return (extradata[4] & 3) + 1 if extradata and len(extradata) > 4 and extradata[0] == 1 else 0


def _has_idr(packet: bytes, prefix: int) -> bool:
    """Whether a packet marked as a key frame is one; some only begin a gradual refresh."""
    place = 0
    while prefix and place + prefix < len(packet):
        if packet[place + prefix] & 31 == _IDR:
            return True
        place += prefix + int.from_bytes(packet[place : place + prefix])
    return False
