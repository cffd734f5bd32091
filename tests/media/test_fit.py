"""Large pictures and frames are scaled where they are decoded, to the very pixels that the engine would have made."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from engine.api import Image, Size, Video
from engine.preprocess import FITS, frame_size, high_size, image_views, video_frames
from server.media.limits import MediaLimits
from server.media.parts import Attachments
from tests.media.samples import DECODERS, image_part, made, pictures, video_part

pytestmark = pytest.mark.anyio

LIMITS = MediaLimits()
SIZES = [
    (width, height)
    for width in (1, 31, 63, 64, 100, 480, 481, 639, 1000, 1537, 1920, 4096, 60_000)
    for height in (1, 20, 63, 64, 65, 300, 480, 481, 1080, 1536, 1537, 2304, 9_999)
]


def test_scaling_changes_no_size_that_the_engine_makes_and_is_done_once() -> None:
    for size in SIZES:
        image, frame = FITS["image"].size(size), FITS["video"].size(size)
        assert high_size(image) == high_size(size)
        assert FITS["image"].size(image) == image
        assert frame_size_or_none(frame) == frame_size_or_none(size)
        assert FITS["video"].size(frame) == frame


def frame_size_or_none(size: Size) -> Size | None:
    """None: the engine refuses it."""
    try:
        return frame_size(size)
    except ValueError:
        return None


async def decoded(part: dict[str, object], *, fit: bool) -> Image | Video:
    async with Attachments(LIMITS, fits=FITS if fit else {}, decoders=DECODERS) as attachments:
        [message] = await attachments.decode([{"role": "user", "content": [part]}])
    found: Image | Video = message["content"][0]
    return found


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
async def test_pictures(mode: str) -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (1600, 2000, 4), dtype=np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(pixels, "RGBA").convert(mode).save(file, "PNG", compress_level=0)
    whole, scaled = [await decoded(image_part(file.getvalue()), fit=fit) for fit in (False, True)]
    assert isinstance(whole, Image)
    assert isinstance(scaled, Image)
    assert whole.pixels.shape == (1600, 2000, 3)
    assert scaled.pixels.size < whole.pixels.size
    for mine, theirs in zip(*(image_views(Pillow.fromarray(image.pixels)) for image in (whole, scaled)), strict=True):
        assert np.array_equal(mine, theirs)


@pytest.mark.parametrize("size", ["854x480", "320x240", "64x48"])
async def test_frames(tmp_path: Path, size: str) -> None:
    part = video_part(made(tmp_path / "v.mp4", *pictures(size, 4, 2), "-pix_fmt", "yuv420p"))
    whole, scaled = [await decoded(part, fit=fit) for fit in (False, True)]
    assert isinstance(whole, Video)
    assert isinstance(scaled, Video)
    assert np.array_equal(video_frames(whole.frames), video_frames(scaled.frames))
    assert (scaled.frames.size < whole.frames.size) == (size == "854x480")
