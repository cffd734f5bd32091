"""What the user shows while he speaks: frames in any number, of which a turn gets those that the model looks at."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import PIL.Image

from engine.api import VIDEO_FRAMES, Image, Video
from server.realtime.items import Part, Seen, Watched

_KEPT = 2 * VIDEO_FRAMES
"""Frames kept; then every second one is dropped, and only every second one of those that follow is taken."""


class Frames:
    """Frames of one turn, evenly thinned."""

    def __init__(self) -> None:
        self._frames: list[Image] = []
        self._url = ""
        self._every, self._count = 1, 0

    def append(self, url: str, frame: Image) -> None:
        """Take a frame, which was given as `url`. It is scaled to the first one's size."""
        self._url = self._url or url
        self._count += 1
        if (self._count - 1) % self._every:
            return
        self._frames.append(frame if not self._frames else _like(self._frames[0], frame))
        if len(self._frames) > _KEPT:
            self._frames = self._frames[::2]
            self._every *= 2

    def clear(self) -> None:
        """Forget all of them."""
        self._frames.clear()
        self._url = ""
        self._every, self._count = 1, 0

    def parts(self) -> tuple[Part, ...]:
        """All that was shown, as part of a turn: nothing, a picture, or a video."""
        frames = self._frames
        if not frames:
            return ()
        if len(frames) == 1:
            return (Seen(self._url, frames[0]),)
        chosen = [frames[place] for place in np.linspace(0, len(frames) - 1, VIDEO_FRAMES).round().astype(int)]
        digest = sha256("".join(frame.digest for frame in chosen).encode()).hexdigest()
        return (Watched(Video(np.stack([frame.pixels for frame in chosen]), digest), self._count),)


def _like(first: Image, frame: Image) -> Image:
    if frame.pixels.shape == first.pixels.shape:
        return frame
    height, width, _ = first.pixels.shape
    pixels = np.asarray(PIL.Image.fromarray(frame.pixels).resize((width, height), PIL.Image.Resampling.BICUBIC))
    return Image(pixels, f"{frame.digest}:{width}x{height}")
