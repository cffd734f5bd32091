"""What the gateway asks of a decoder process, and the decoder's way to answer. Plain data, known to both sides."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy.typing as npt

from engine.api import Fit

Array = npt.NDArray[Any]

Allocate = Callable[[tuple[int, ...], str], Array]
"""Makes an empty array of a shape and dtype for a result. Raises RefusedError."""


class RefusedError(Exception):
    """The gateway does not want a result of this size."""


Kind = Literal["image", "sound", "pcm16", "video"]


@dataclass(frozen=True, slots=True)
class Job:
    """One file to decode. The limits that do not concern its kind are not looked at."""

    kind: Kind
    max_pixels: int
    """Width times height of the picture or of the frames."""
    max_seconds: float
    """Length of a video."""
    cpu_seconds: float
    """On all threads together."""
    fit: Fit | None = None
    """To what larger pictures and frames are scaled; None: to nothing."""
    soundtrack: bool = False
    """The video is heard as well as seen."""

    def pack(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def unpack(message: bytes) -> Job:
        fields = json.loads(message)
        if fields["fit"] is not None:
            fields["fit"] = Fit(**fields["fit"])
        return Job(**fields)
