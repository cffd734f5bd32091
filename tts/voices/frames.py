"""The messages between a voice in a child process and its parent: kind, number of the request, payload.

Knows no voice and does no I/O. A frame is `<BII` (kind, number, payload length) and the payload.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

_HEADER = struct.Struct("<BII")


class Kind(IntEnum):
    """What a frame says. The first three go to the child, and so does RECORDED; the others come from it."""

    SAY = 1
    """JSON object: to espeak `text`, `voices` (names to try in order) and `rate`; to a worker `tts.workers.job.Job`."""
    CANCEL = 2
    STATUS = 3
    """To the child empty, from it a JSON object."""
    AUDIO = 4
    """Signed 16-bit little-endian mono PCM."""
    DONE = 5
    FAILED = 6
    """The reason, UTF-8."""
    ALIVE = 7
    """Sent about once a second by a program whose work may take longer than a word; its number means nothing."""
    RECORDED = 8
    """A recorded voice to imitate from now on, as `tts.workers.job.packed_recording` makes it. Without a reply."""

    @property
    def is_last(self) -> bool:
        """Nothing of this request follows."""
        return self in (Kind.STATUS, Kind.DONE, Kind.FAILED)


@dataclass(frozen=True, slots=True)
class Frame:
    """One message."""

    kind: Kind
    number: int
    payload: bytes = b""

    def pack(self) -> bytes:
        """The frame's bytes."""
        return _HEADER.pack(self.kind, self.number, len(self.payload)) + self.payload


class FrameDecoder:
    """Bytes in, in any pieces; whole frames out."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that `data` completes."""
        self._rest += data
        frames, at = [], 0
        while len(self._rest) >= at + _HEADER.size:
            kind, number, length = _HEADER.unpack_from(self._rest, at)
            body = at + _HEADER.size
            if len(self._rest) < body + length:
                break
            at = body + length
            frames.append(Frame(Kind(kind), number, bytes(self._rest[body:at])))
        del self._rest[:at]
        return frames
