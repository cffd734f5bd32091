"""What the user shows while he speaks: frames in any number, of which a turn gets those that the model looks at."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import PIL.Image
from anyio import to_thread

from engine.api import VIDEO_FRAMES, Fit, Image, Size, Video
from server.realtime.items import Part, Seen, Watched

_KEPT = 2 * VIDEO_FRAMES
"""Frames kept; then every second one is dropped, and only every second one of those that follow is taken."""


class Frames:
    """Frames of one turn, evenly thinned."""

    def __init__(self, fit: Fit | None = None) -> None:
        """`fit` is what the engine scales the frames of a video to."""
        self._fit = fit
        self._alone: Seen | None = None
        """The only frame, as it was shown."""
        self._frames: list[Image] = []
        self._every, self._count = 1, 0
        self._parts: tuple[Part, ...] | None = ()
        """What was made of them; None: nothing since the last one came."""

    async def append(self, url: str, frame: Image) -> None:
        """Take a frame, given as `url`. Beside others it is scaled to the size of the first one, which fits; in a
        thread, for it takes 10 ms. Cancelling it leaves the frame out."""
        taken = self._count % self._every == 0
        scaled = await to_thread.run_sync(_scaled, frame, self._size(frame)) if taken else frame
        self._count += 1
        self._parts = None
        if not taken:
            return
        self._alone = None if self._frames else Seen(url, frame)
        self._frames.append(scaled)
        if len(self._frames) > _KEPT:
            self._frames = self._frames[::2]
            self._every *= 2

    def clear(self) -> None:
        """Forget all of them."""
        self._alone = None
        self._frames.clear()
        self._every, self._count = 1, 0
        self._parts = ()

    def parts(self) -> tuple[Part, ...]:
        """All that was shown, as part of a turn: nothing, a picture, or a video."""
        if self._parts is None:  # a video is many copies, and asked for at every pause
            self._parts = (self._video() if self._alone is None else self._alone,)
        return self._parts

    def _video(self) -> Watched:
        frames = self._frames
        chosen = [frames[place] for place in np.linspace(0, len(frames) - 1, VIDEO_FRAMES).round().astype(int)]
        digest = sha256("".join(frame.digest for frame in chosen).encode()).hexdigest()
        return Watched(Video(np.stack([frame.pixels for frame in chosen]), digest), self._count)

    def _size(self, frame: Image) -> Size:
        if self._frames:
            return _size_of(self._frames[0])
        return _size_of(frame) if self._fit is None else self._fit.size(_size_of(frame))


def _size_of(frame: Image) -> Size:
    height, width, _ = frame.pixels.shape
    return width, height


def _scaled(frame: Image, size: Size) -> Image:
    """With Pillow's default filter, as `Fit` wants it."""
    if size == _size_of(frame):
        return frame
    width, height = size
    return Image(np.asarray(PIL.Image.fromarray(frame.pixels).resize(size)), f"{frame.digest}:{width}x{height}")
