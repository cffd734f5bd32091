"""What becomes of the frames of a turn: their size, and that a video is made once."""

from __future__ import annotations

import numpy as np
import pytest

from engine.api import VIDEO_FRAMES, Fit, Image
from server.realtime.frames import Frames
from server.realtime.items import Seen, Watched

pytestmark = pytest.mark.anyio


def frame(shade: int, width: int = 1280, height: int = 720) -> Image:
    return Image(np.full((height, width, 3), shade, np.uint8), str(shade))


async def test_all_have_the_size_of_the_first_as_it_fits() -> None:
    frames = Frames(Fit(480 * 480, 64))
    for number, size in enumerate([(1280, 720), (640, 480), (64, 64)]):
        await frames.append("", frame(number, *size))
    (watched,) = frames.parts()
    assert isinstance(watched, Watched)
    assert watched.count == 3
    assert watched.video.frames.shape == (VIDEO_FRAMES, 320, 640, 3)
    assert set(watched.video.frames[:, 0, 0, 0].tolist()) == {0, 1, 2}


async def test_one_frame_is_a_picture_as_it_was_shown() -> None:
    frames, shown = Frames(Fit(480 * 480, 64)), frame(1)
    assert frames.parts() == ()
    await frames.append("data:", shown)
    (seen,) = frames.parts()
    assert isinstance(seen, Seen)
    assert (seen.url, seen.image) == ("data:", shown)


async def test_a_video_is_made_once_until_the_next_frame() -> None:
    frames = Frames()
    for number in range(2):
        await frames.append("", frame(number, 32, 32))
    before = frames.parts()
    assert frames.parts() is before
    await frames.append("", frame(2, 32, 32))
    assert frames.parts() is not before
    frames.clear()
    assert frames.parts() == ()


async def test_many_are_thinned_evenly() -> None:
    frames = Frames()
    for number in range(250):
        await frames.append("", frame(number, 32, 32))
    (watched,) = frames.parts()
    assert isinstance(watched, Watched)
    assert watched.count == 250
    steps = np.diff(watched.video.frames[:, 0, 0, 0].astype(int))
    assert set(steps.tolist()) <= {2, 4, 6}
